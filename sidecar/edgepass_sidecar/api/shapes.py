"""What answers are made of, as types; names and times (milliseconds) are those of Clerk's API."""

from typing import Any, Literal, TypedDict

from edgepass_sidecar.api.user_shapes import OwnUserShape, PublicUserShape
from edgepass_sidecar.session import Status


class TokenShape(TypedDict):
    object: Literal["token"]
    jwt: str


class ActivityShape(TypedDict):
    object: Literal["session_activity"]
    id: str
    device_type: str | None
    is_mobile: bool
    browser_name: str | None
    browser_version: str | None
    ip_address: str | None
    city: str | None
    country: str | None


class TaskShape(TypedDict):
    key: str


class SessionShape(TypedDict):
    object: Literal["session"]
    id: str
    client_id: str
    user_id: str
    status: Status
    actor: dict[str, Any] | None
    tasks: list[TaskShape] | None
    last_active_organization_id: str | None
    last_active_at: int
    expire_at: int
    abandon_at: int
    latest_activity: ActivityShape
    created_at: int
    updated_at: int


class BackendSessionShape(SessionShape):
    claims: dict[str, Any]
    data: dict[str, Any]


class OwnSessionShape(SessionShape):
    factor_verification_age: list[int]
    public_user_data: PublicUserShape
    user: OwnUserShape
    last_active_token: TokenShape | None


class ClientShape(TypedDict):
    object: Literal["client"]
    id: str
    sessions: list[OwnSessionShape]
    sign_in: None
    sign_up: None
    last_active_session_id: str | None
    last_authentication_strategy: str
    cookie_expires_at: int | None
    captcha_bypass: bool
    created_at: int
    updated_at: int


class BackendClientShape(TypedDict):
    object: Literal["client"]
    id: str
    session_ids: list[str]
    sessions: list[BackendSessionShape]
    sign_in_id: None
    sign_up_id: None
    last_active_session_id: str | None
    last_authentication_strategy: str
    created_at: int
    updated_at: int


class SignInShape(TypedDict):
    object: Literal["sign_in"]
    id: str
    status: Literal["complete"]
    identifier: None
    created_session_id: str
    created_user_id: str
    client_id: str


class TicketShape(TypedDict, total=False):
    """A sign-in token or an actor token; `token` only where it was made just now."""

    object: Literal["sign_in_token", "actor_token"]
    id: str
    user_id: str
    status: Literal["pending", "accepted", "revoked", "expired"]
    actor: dict[str, Any]
    created_at: int
    updated_at: int
    expires_at: int
    token: str
    url: str


class TemplateShape(TypedDict):
    object: Literal["jwt_template"]
    id: str
    name: str
    claims: dict[str, Any]
    lifetime: int
    allowed_clock_skew: int
    custom_signing_key: bool
    signing_algorithm: str
    created_at: int
    updated_at: int


class DeletedShape(TypedDict):
    object: str
    id: str
    deleted: bool


class RevokedShape(TypedDict):
    """How many sessions a call has revoked."""

    object: Literal["revoked_sessions"]
    revoked: int


class CountShape(TypedDict):
    object: Literal["total_count"]
    total_count: int


class PayloadShape(TypedDict):
    """The Set-Cookie fields that an app's server sends on to the browser."""

    directives: list[str]


class RefreshedShape(TypedDict, total=False):
    """A token as `jwt`, or the Set-Cookie fields that carry it, as was asked for."""

    object: Literal["token", "cookies"]
    jwt: str
    cookies: list[str]


class WrappedClient(TypedDict):
    response: ClientShape | None
    client: None


class WrappedSession(TypedDict):
    response: OwnSessionShape
    client: ClientShape


class WrappedOwnSession(TypedDict):
    response: OwnSessionShape
    client: None


class WrappedDevice(TypedDict):
    response: SessionShape
    client: ClientShape | None


class WrappedUser(TypedDict):
    response: OwnUserShape
    client: None


class WrappedRevoked(TypedDict):
    response: RevokedShape
    client: None


class WrappedSignIn(TypedDict):
    response: SignInShape
    client: ClientShape


# All that there are; they are stable. A test finds each in the code, and no other.
ErrorCode = Literal[
    "authorization_repeated",
    "claims_unavailable",
    "claims_unusable",
    "clerk_key_invalid",
    "client_token_invalid",
    "client_token_rotated",
    "cookie_too_large",
    "form_identifier_exists",
    "form_param_format_invalid",
    "form_param_value_invalid",
    "handshake_format_invalid",
    "internal_error",
    "last_event_id_invalid",
    "method_not_allowed",
    "navigation_required",
    "no_active_key",
    "origin_invalid",
    "origin_missing",
    "preflight_refused",
    "redirect_url_invalid",
    "redirect_url_not_allowed",
    "refresh_token_invalid",
    "request_body_invalid",
    "request_invalid",
    "request_too_large",
    "resource_not_found",
    "session_limit_reached",
    "session_over",
    "session_pending",
    "ticket_expired",
    "ticket_invalid",
    "ticket_revoked",
    "ticket_used",
    "token_too_large",
    "too_many_accounts",
    "too_many_races",
    "too_many_requests",
    "too_many_templates",
    "unavailable",
    "unsupported_content_type",
    "user_banned",
]


class ErrorDetail(TypedDict):
    message: str
    long_message: str
    code: ErrorCode
    meta: dict[str, Any]


class ErrorShape(TypedDict):
    errors: list[ErrorDetail]
    clerk_trace_id: str
