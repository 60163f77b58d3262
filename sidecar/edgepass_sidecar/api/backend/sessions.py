"""Sessions, as the app's servers list, start, change, verify and revoke them."""

from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.backend.asked import (
    Claims,
    Limit,
    Members,
    NewSessionTerms,
    Offset,
    Tasks,
    Text,
    backend_operation,
    validate_claims,
    validate_members,
)
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.schema import backend_session_shape, list_shape, token_shape
from edgepass_sidecar.api.shapes import BackendSessionShape, RefreshedShape, TokenShape
from edgepass_sidecar.client import Factor
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.service.handshake import refresh_with_token
from edgepass_sidecar.service.minting import mint_for_server
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import load_session, revoke_session
from edgepass_sidecar.service.sign_in import start_session_for
from edgepass_sidecar.service.stewardship import record_verification, update_session
from edgepass_sidecar.session import Status
from edgepass_sidecar.store import SessionQuery


class SessionList(msgspec.Struct):
    user_id: str | None = None
    client_id: str | None = None
    status: Status | None = None
    limit: Limit = 10
    offset: Offset = 0
    paginated: bool = False


class NewSession(NewSessionTerms, kw_only=True):
    user_id: Text


class SessionChanges(msgspec.Struct):
    """What may be changed of a session; a field that is not sent stays as it is."""

    tasks: Tasks | msgspec.UnsetType = msgspec.UNSET
    claims: Claims | msgspec.UnsetType = msgspec.UNSET
    data: Members | msgspec.UnsetType = msgspec.UNSET

    def changes(self) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if self.tasks is not msgspec.UNSET:
            changes["tasks"] = tuple(dict.fromkeys(self.tasks))
        if self.claims is not msgspec.UNSET:
            changes["claims"] = validate_claims("claims", self.claims)
        if self.data is not msgspec.UNSET:
            changes["data"] = validate_members("data", self.data)
        return changes


class Verification(msgspec.Struct):
    factor: Factor = Factor.FIRST


class NewToken(msgspec.Struct):
    # To 300 only: every edge refuses what lives longer.
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=30, le=300)] | None = None


class NewTemplateToken(msgspec.Struct):
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=30, le=315_360_000)] | None = None


class RefreshOfApp(msgspec.Struct):
    """What an app's server sends for a browser. The expired token proves nothing."""

    refresh_token: str
    request_origin: str
    format: Literal["token", "cookie"] = "token"


class Suffixed(msgspec.Struct):
    suffixed_cookies: bool = False


async def _get_sessions(context: Context, request: Request, query: SessionList) -> Response:
    now = context.core.clock()
    page = await context.core.store.list_sessions(
        SessionQuery(
            user_id=UserId(query.user_id) if query.user_id is not None else None,
            client_id=ClientId(query.client_id) if query.client_id is not None else None,
            statuses=frozenset((query.status,)) if query.status is not None else frozenset(),
            limit=query.limit,
            offset=query.offset,
        ),
        now,
    )
    shapes = [backend_session_shape(session, now) for session in page.items]
    return answer(list_shape(shapes, page, query.paginated))


async def _post_session(context: Context, request: Request, body: NewSession) -> Response:
    signed_in = await start_session_for(context.core, UserId(body.user_id), body.terms())
    return answer(backend_session_shape(signed_in.session, context.core.clock()))


async def _get_session(context: Context, request: Request) -> Response:
    session = await load_session(context.core, _session_id(request))
    return answer(backend_session_shape(session, context.core.clock()))


async def _patch_session(context: Context, request: Request, body: SessionChanges) -> Response:
    session = await update_session(context.core, _session_id(request), body.changes())
    return answer(backend_session_shape(session, context.core.clock()))


async def _verify_session(context: Context, request: Request, body: Verification) -> Response:
    session = await record_verification(context.core, _session_id(request), body.factor)
    return answer(backend_session_shape(session, context.core.clock()))


async def _revoke_session(context: Context, request: Request) -> Response:
    session = await revoke_session(context.core, _session_id(request), by="backend")
    return answer(backend_session_shape(session, context.core.clock()))


async def _post_token(context: Context, request: Request, body: NewToken) -> Response:
    token = await mint_for_server(context.core, _session_id(request), body.expires_in_seconds)
    return answer(token_shape(token))


async def _post_template_token(
    context: Context, request: Request, body: NewTemplateToken
) -> Response:
    name = request.path_params["template"]
    token = await mint_for_server(context.core, _session_id(request), body.expires_in_seconds, name)
    return answer(token_shape(token))


async def _refresh(
    context: Context, request: Request, body: RefreshOfApp, query: Suffixed
) -> Response:
    settings = context.settings
    if body.request_origin not in (settings.public_url, *settings.allowed_origins):
        raise Refused(403, "origin_invalid", "This origin is not in EDGEPASS_ALLOWED_ORIGINS.")
    token = await refresh_with_token(
        context.core, _session_id(request), body.refresh_token, body.request_origin
    )
    if body.format == "token":
        return answer(token_shape(token))
    cookies = context.cookies.session(token, suffixed=query.suffixed_cookies)
    return answer(RefreshedShape(object="cookies", cookies=cookies))


def _session_id(request: Request) -> SessionId:
    return SessionId(request.path_params["session_id"])


_SESSION = "/v1/sessions/{session_id}"
ROUTES = [
    backend_operation(
        "GET",
        "/v1/sessions",
        _get_sessions,
        "List sessions, newest first",
        query=SessionList,
        answers=list[BackendSessionShape],
    ),
    backend_operation(
        "POST",
        "/v1/sessions",
        _post_session,
        "Start a session on a new client",
        body=NewSession,
        answers=BackendSessionShape,
    ),
    backend_operation(
        "GET", _SESSION, _get_session, "Look a session up", answers=BackendSessionShape
    ),
    backend_operation(
        "PATCH",
        _SESSION,
        _patch_session,
        "Change tasks, claims or data of a session",
        body=SessionChanges,
        answers=BackendSessionShape,
    ),
    backend_operation(
        "POST",
        f"{_SESSION}/verifications",
        _verify_session,
        "Record that a factor of the user was verified again",
        body=Verification,
        answers=BackendSessionShape,
    ),
    backend_operation(
        "POST",
        f"{_SESSION}/revoke",
        _revoke_session,
        "Revoke a session",
        answers=BackendSessionShape,
    ),
    backend_operation(
        "POST",
        f"{_SESSION}/refresh",
        _refresh,
        "Mint for a browser that holds a refresh token",
        body=RefreshOfApp,
        query=Suffixed,
        answers=RefreshedShape,
    ),
    backend_operation(
        "POST",
        f"{_SESSION}/tokens",
        _post_token,
        "Mint a session token",
        body=NewToken,
        answers=TokenShape,
    ),
    backend_operation(
        "POST",
        f"{_SESSION}/tokens/{{template}}",
        _post_template_token,
        "Mint a token from a template",
        body=NewTemplateToken,
        answers=TokenShape,
    ),
]
