"""The user of a session, and their sessions on all clients (OWASP ASVS 5.0 section 7.4.5)."""

from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.frontend.views import (
    Asking,
    client_operation,
    find_client,
    session_id_of,
)
from edgepass_sidecar.api.schema import client_shape, own_user_shape, session_shape
from edgepass_sidecar.api.shapes import (
    RevokedShape,
    SessionShape,
    WrappedDevice,
    WrappedRevoked,
    WrappedUser,
)
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.revocation import (
    find_own_session,
    list_devices,
    revoke_device,
    revoke_other_devices,
)
from edgepass_sidecar.session import Session


async def get_me(context: Context, request: Request, query: Asking) -> Response:
    asking = await _asking(context, request, query)
    return answer({"response": own_user_shape(asking.user), "client": None})


async def get_active_devices(context: Context, request: Request, query: Asking) -> Response:
    return await _list(context, request, query, active_only=True)


async def get_devices(context: Context, request: Request, query: Asking) -> Response:
    return await _list(context, request, query, active_only=False)


async def post_revoke(context: Context, request: Request, query: Asking) -> Response:
    asking = await _asking(context, request, query)
    session = await revoke_device(context.core, asking, session_id_of(request))
    # With its client comes a new token of the session that asks, at which components draw
    # their list of devices again.
    viewed, now = await find_client(context, request), context.core.clock()
    client = client_shape(viewed, now) if viewed else None
    response = answer({"response": session_shape(session, now), "client": client})
    context.correct_last_change(request, response, viewed)
    return response


async def post_revoke_others(context: Context, request: Request, query: Asking) -> Response:
    revoked = await revoke_other_devices(context.core, await _asking(context, request, query))
    shape = RevokedShape(object="revoked_sessions", revoked=revoked)
    return answer({"response": shape, "client": None})


async def _list(
    context: Context, request: Request, query: Asking, *, active_only: bool
) -> Response:
    asking = await _asking(context, request, query)
    sessions = await list_devices(context.core, asking, active_only=active_only)
    # A bare list: clients of this one path read no wrapper.
    return answer([session_shape(session, context.core.clock()) for session in sessions])


async def _asking(context: Context, request: Request, query: Asking) -> Session:
    named = SessionId(query.session_id) if query.session_id is not None else None
    return await find_own_session(context.core, context.client_token(request), named)


_ME = "/v1/me/sessions"
ROUTES = [
    client_operation(
        "GET", "/v1/me", get_me, "Look at the user of a session", query=Asking, answers=WrappedUser
    ),
    client_operation(
        "GET",
        _ME,
        get_devices,
        "List the user's sessions on all clients",
        query=Asking,
        answers=list[SessionShape],
    ),
    client_operation(
        "GET",
        f"{_ME}/active",
        get_active_devices,
        "List those that are live",
        query=Asking,
        answers=list[SessionShape],
    ),
    client_operation(
        "POST",
        f"{_ME}/revoke_others",
        post_revoke_others,
        "Revoke all of them but the one that asks",
        query=Asking,
        answers=WrappedRevoked,
    ),
    client_operation(
        "POST",
        f"{_ME}/{{session_id}}/revoke",
        post_revoke,
        "Revoke one of them",
        query=Asking,
        answers=WrappedDevice,
    ),
]
