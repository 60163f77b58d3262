"""From our values to the shapes of the wire."""

from typing import Any

from edgepass_sidecar.api.avatars import avatar_url
from edgepass_sidecar.api.shapes import (
    ActivityShape,
    BackendClientShape,
    BackendSessionShape,
    ClientShape,
    OwnSessionShape,
    SessionShape,
    SignInShape,
    TemplateShape,
    TicketShape,
    TokenShape,
)
from edgepass_sidecar.api.user_shapes import (
    BackendUserShape,
    OwnUserShape,
    PublicUserShape,
    UserShape,
)
from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.sessions import ClientView
from edgepass_sidecar.session import Session, standing
from edgepass_sidecar.session_token import factor_verification_age
from edgepass_sidecar.store import Page
from edgepass_sidecar.template import Template
from edgepass_sidecar.ticket import Ticket, TicketStatus, TicketToken
from edgepass_sidecar.user import User

# The app vouches for what it pushes.
_VOUCHED_FOR = {
    "object": "verification_admin",
    "status": "verified",
    "strategy": "admin",
    "attempts": None,
    "expire_at": None,
}


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def token_shape(token: str) -> TokenShape:
    return {"object": "token", "jwt": token}


def user_shape(user: User) -> UserShape:
    """A user as pushed; what the app's login knows besides is said to be none."""
    email = _email_shape(user)
    return {
        "object": "user",
        "id": user.id,
        "external_id": user.external_id,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": user.image_url or "",
        "profile_image_url": user.image_url or "",
        "has_image": user.image_url is not None,
        "banned": user.is_banned,
        "public_metadata": user.public_metadata,
        "unsafe_metadata": user.unsafe_metadata,
        "email_addresses": [email] if email else [],
        "phone_numbers": [],
        "web3_wallets": [],
        "external_accounts": [],
        "passkeys": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "primary_email_address_id": email["id"] if email else None,
        "primary_phone_number_id": None,
        "primary_web3_wallet_id": None,
        "two_factor_enabled": False,
        "password_enabled": False,
        "totp_enabled": False,
        "backup_code_enabled": False,
        "create_organization_enabled": False,
        "delete_self_enabled": False,
        "last_sign_in_at": None,
        "created_at": milliseconds(user.created_at),
        "updated_at": milliseconds(user.updated_at),
    }


def backend_user_shape(user: User) -> BackendUserShape:
    return {
        **user_shape(user),
        "claims": user.claims,
        "not_before": milliseconds(user.not_before),
        "locked": False,
        "lockout_expires_in_seconds": None,
        "verification_attempts_remaining": None,
        "mfa_enabled_at": None,
        "mfa_disabled_at": None,
        "legal_accepted_at": None,
        "last_active_at": None,
    }


def own_user_shape(user: User) -> OwnUserShape:
    """A user as its own browser sees it."""
    avatar = avatar_url(user)
    return {
        **user_shape(user),
        "image_url": avatar,
        "profile_image_url": avatar,
        "organization_memberships": [],
    }


def _email_shape(user: User) -> dict[str, Any] | None:
    if user.email_address is None:
        return None
    return {
        "object": "email_address",
        "id": user.id.replace("user_", "idn_", 1),
        "email_address": user.email_address,
        "reserved": False,
        "verification": _VOUCHED_FOR,
        "linked_to": [],
        "created_at": milliseconds(user.created_at),
        "updated_at": milliseconds(user.updated_at),
    }


def session_shape(session: Session, now: float) -> SessionShape:
    return {
        "object": "session",
        "id": session.id,
        "client_id": session.client_id,
        "user_id": session.user_id,
        "status": standing(session, now),
        "actor": session.actor,
        "tasks": [{"key": key} for key in session.tasks] or None,
        "last_active_organization_id": session.organization_id,
        "last_active_at": milliseconds(session.last_active_at),
        "expire_at": milliseconds(session.expire_at),
        "abandon_at": milliseconds(session.abandon_at),
        "latest_activity": _activity_shape(session),
        "created_at": milliseconds(session.created_at),
        "updated_at": milliseconds(session.updated_at),
    }


def backend_session_shape(session: Session, now: float) -> BackendSessionShape:
    """A session as the backend API shows it: with what stays on the server."""
    return {**session_shape(session, now), "claims": session.claims, "data": session.data}


def _activity_shape(session: Session) -> ActivityShape:
    seen = session.activity
    return {
        "object": "session_activity",
        "id": session.id.replace("sess_", "sess_activity_", 1),
        "device_type": seen.device_type,
        "is_mobile": seen.is_mobile,
        "browser_name": seen.browser_name,
        "browser_version": seen.browser_version,
        "ip_address": seen.ip_address or None,
        "city": seen.city,
        "country": seen.country,
    }


def own_session_shape(session: Session, token: str | None, now: float) -> OwnSessionShape:
    """A session as the frontend API shows it to its own client."""
    return {
        **session_shape(session, now),
        "factor_verification_age": factor_verification_age(session, now),
        "user": own_user_shape(session.user),
        "public_user_data": _public_user_shape(session.user),
        "last_active_token": token_shape(token) if token else None,
    }


def _public_user_shape(user: User) -> PublicUserShape:
    avatar = avatar_url(user)
    return {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": avatar,
        "profile_image_url": avatar,
        "has_image": user.image_url is not None,
        "identifier": user.email_address or user.username or user.external_id or user.id,
        "username": user.username,
        "user_id": user.id,
    }


def client_shape(view: ClientView, now: float) -> ClientShape:
    sessions = [
        own_session_shape(
            session, view.active_token if session.id == view.active_session_id else None, now
        )
        for session in view.sessions
    ]
    return _client_shape(view.client, sessions, view.active_session_id)


def signed_out_shape(client: Client) -> ClientShape:
    """A client without a session."""
    return _client_shape(client, [], None)


def _client_shape(
    client: Client, sessions: list[OwnSessionShape], active: SessionId | None
) -> ClientShape:
    return {
        "object": "client",
        "id": client.id,
        "sessions": sessions,
        "sign_in": None,
        "sign_up": None,
        "last_active_session_id": active,
        "last_authentication_strategy": "ticket",
        "cookie_expires_at": None,
        "captcha_bypass": False,
        "created_at": milliseconds(client.created_at),
        "updated_at": milliseconds(client.updated_at),
    }


def backend_client_shape(client: Client, now: float) -> BackendClientShape:
    live = client.live_sessions(now)
    return {
        "object": "client",
        "id": client.id,
        "session_ids": [session.id for session in live],
        "sessions": [backend_session_shape(session, now) for session in live],
        "sign_in_id": None,
        "sign_up_id": None,
        "last_active_session_id": client.last_active_session_id,
        "last_authentication_strategy": "ticket",
        "created_at": milliseconds(client.created_at),
        "updated_at": milliseconds(client.updated_at),
    }


def sign_in_shape(client: Client, session: Session) -> SignInShape:
    return {
        "object": "sign_in",
        "id": session.id.replace("sess_", "sia_", 1),
        "status": "complete",
        "identifier": None,
        "created_session_id": session.id,
        "created_user_id": session.user_id,
        "client_id": client.id,
    }


def ticket_shape(ticket: Ticket, now: float, token: TicketToken | None = None) -> TicketShape:
    """A ticket; its text only where it was made just now."""
    expired = ticket.status is TicketStatus.PENDING and now >= ticket.expires_at
    actor = ticket.terms.actor
    shape: TicketShape = {
        "object": "actor_token" if actor else "sign_in_token",
        "id": ticket.id,
        "user_id": ticket.user_id,
        "status": "expired" if expired else ticket.status.value,
        "created_at": milliseconds(ticket.created_at),
        "updated_at": milliseconds(ticket.updated_at),
        "expires_at": milliseconds(ticket.expires_at),
    }
    if actor:
        shape["actor"] = actor
    if token is not None:
        shape["token"] = token.reveal()
    return shape


def template_shape(template: Template, algorithm: str) -> TemplateShape:
    return {
        "object": "jwt_template",
        "id": template.id,
        "name": template.name,
        "claims": template.claims,
        "lifetime": template.lifetime,
        "allowed_clock_skew": template.allowed_clock_skew,
        "custom_signing_key": False,
        "signing_algorithm": algorithm,
        "created_at": milliseconds(template.created_at),
        "updated_at": milliseconds(template.updated_at),
    }


def list_shape(items: list[Any], page: Page[Any], paginated: bool) -> Any:
    return {"data": items, "total_count": page.total} if paginated else items
