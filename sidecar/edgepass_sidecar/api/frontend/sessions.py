"""The client's own sessions: refresh, switch, end, remove."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.frontend.views import answer_changed, client_operation, session_id_of
from edgepass_sidecar.api.schema import own_session_shape, token_shape
from edgepass_sidecar.api.shapes import TokenShape, WrappedOwnSession, WrappedSession
from edgepass_sidecar.service.sessions import finish, refresh, touch, view_session
from edgepass_sidecar.session import Status

OrganizationText = Annotated[str, msgspec.Meta(max_length=128)]


class TokenRequest(msgspec.Struct):
    """SDKs send more (`tab_state`, `token`); nothing else has an effect here."""

    # Empty for none, absent for the one that the session acts in.
    organization_id: OrganizationText | None = None


class Touch(msgspec.Struct):
    """Why it is touched (`intent`) makes no difference."""

    active_organization_id: OrganizationText | None = None


async def get_session(context: Context, request: Request) -> Response:
    party = context.authorized_party(request)
    own = await view_session(
        context.core, context.client_token(request), session_id_of(request), party
    )
    shape = own_session_shape(own.session, own.token, context.core.clock())
    return answer({"response": shape, "client": None})


async def post_token(context: Context, request: Request, body: TokenRequest) -> Response:
    token = await refresh(
        context.core,
        context.client_token(request),
        session_id_of(request),
        context.authorized_party(request),
        lambda: context.activity(request),
        organization=body.organization_id,
        template=request.path_params.get("template"),
    )
    return answer(token_shape(token))


async def post_touch(context: Context, request: Request, body: Touch) -> Response:
    party = context.authorized_party(request)
    changed = await touch(
        context.core,
        context.client_token(request),
        session_id_of(request),
        context.activity(request),
        body.active_organization_id,
    )
    return answer_changed(context, request, changed, party)


async def post_end(context: Context, request: Request) -> Response:
    return await _finish(context, request, Status.ENDED)


async def post_remove(context: Context, request: Request) -> Response:
    return await _finish(context, request, Status.REMOVED)


async def _finish(context: Context, request: Request, status: Status) -> Response:
    party = context.authorized_party(request)
    changed = await finish(
        context.core, context.client_token(request), session_id_of(request), status
    )
    return answer_changed(context, request, changed, party)


_SESSION = "/v1/client/sessions/{session_id}"
ROUTES = [
    client_operation(
        "POST",
        f"{_SESSION}/tokens",
        post_token,
        "Mint a session token",
        body=TokenRequest,
        answers=TokenShape,
    ),
    client_operation(
        "POST",
        f"{_SESSION}/tokens/{{template}}",
        post_token,
        "Mint a token from a template",
        body=TokenRequest,
        answers=TokenShape,
    ),
    client_operation(
        "GET", _SESSION, get_session, "Look at a session of this client", answers=WrappedOwnSession
    ),
    client_operation(
        "POST",
        f"{_SESSION}/touch",
        post_touch,
        "Make a session the active one",
        body=Touch,
        answers=WrappedSession,
    ),
    client_operation("POST", f"{_SESSION}/end", post_end, "End a session", answers=WrappedSession),
    client_operation(
        "POST", f"{_SESSION}/remove", post_remove, "Remove a session", answers=WrappedSession
    ),
]
