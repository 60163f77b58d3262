"""The shapes of the wire: names and milliseconds of Clerk's session API, from our values."""

from typing import Any

from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.sessions import ClientView
from edgepass_sidecar.session import Session, standing
from edgepass_sidecar.session_token import factor_verification_age
from edgepass_sidecar.store import Page
from edgepass_sidecar.ticket import Ticket, TicketStatus, TicketToken
from edgepass_sidecar.user import User

Shape = dict[str, Any]


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def token_shape(token: str) -> Shape:
    return {"object": "token", "jwt": token}


def user_shape(user: User) -> Shape:
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
        "public_metadata": user.public_metadata,
        "unsafe_metadata": {},
        "email_addresses": [],
        "phone_numbers": [],
        "web3_wallets": [],
        "external_accounts": [],
        "primary_email_address_id": None,
        "primary_phone_number_id": None,
        "primary_web3_wallet_id": None,
        "created_at": milliseconds(user.created_at),
        "updated_at": milliseconds(user.updated_at),
    }


def session_shape(session: Session, now: float) -> Shape:
    """A session as the backend API shows it."""
    return {
        "object": "session",
        "id": session.id,
        "client_id": session.client_id,
        "user_id": session.user_id,
        "status": standing(session, now),
        "actor": None,
        "tasks": None,
        "last_active_organization_id": None,
        "last_active_at": milliseconds(session.last_active_at),
        "expire_at": milliseconds(session.expire_at),
        "abandon_at": milliseconds(session.abandon_at),
        "latest_activity": _activity_shape(session),
        "created_at": milliseconds(session.created_at),
        "updated_at": milliseconds(session.updated_at),
    }


def _activity_shape(session: Session) -> Shape:
    return {
        "object": "session_activity",
        "id": session.id.replace("sess_", "sess_activity_", 1),
        "ip_address": session.ip_address or None,
        "user_agent": session.user_agent or None,
    }


def own_session_shape(session: Session, user: User | None, token: str | None, now: float) -> Shape:
    """A session as the frontend API shows it to its own client."""
    return session_shape(session, now) | {
        "factor_verification_age": factor_verification_age(session, now),
        "user": user_shape(user) if user else None,
        "public_user_data": _public_user_shape(user) if user else None,
        "last_active_token": token_shape(token) if token else None,
    }


def _public_user_shape(user: User) -> Shape:
    return {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "image_url": user.image_url or "",
        "profile_image_url": user.image_url or "",
        "has_image": user.image_url is not None,
        "identifier": user.username or user.external_id or user.id,
        "username": user.username,
        "user_id": user.id,
    }


def client_shape(view: ClientView, now: float) -> Shape:
    sessions = [
        own_session_shape(
            session,
            view.users.get(session.user_id),
            view.active_token if session.id == view.active_session_id else None,
            now,
        )
        for session in view.sessions
    ]
    return _client_shape(view.client, sessions, view.active_session_id)


def signed_out_shape(client: Client) -> Shape:
    """A client all of whose sessions have been removed."""
    return _client_shape(client, [], None)


def _client_shape(client: Client, sessions: list[Shape], active: SessionId | None) -> Shape:
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


def sign_in_shape(client: Client, session: Session) -> Shape:
    return {
        "object": "sign_in",
        "id": session.id.replace("sess_", "sia_", 1),
        "status": "complete",
        "identifier": None,
        "created_session_id": session.id,
        "created_user_id": session.user_id,
        "client_id": client.id,
    }


def ticket_shape(ticket: Ticket, now: float, token: TicketToken | None = None) -> Shape:
    """A sign-in token; its text only where it was made just now."""
    expired = ticket.status is TicketStatus.PENDING and now >= ticket.expires_at
    shape: Shape = {
        "object": "sign_in_token",
        "id": ticket.id,
        "user_id": ticket.user_id,
        "status": "expired" if expired else ticket.status,
        "created_at": milliseconds(ticket.created_at),
        "updated_at": milliseconds(ticket.updated_at),
        "expires_at": milliseconds(ticket.expires_at),
    }
    return shape if token is None else shape | {"token": token.reveal()}


def list_shape(items: list[Shape], page: Page[Any], paginated: bool) -> Any:
    return {"data": items, "total_count": page.total} if paginated else items
