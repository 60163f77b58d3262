"""The frontend API: what browsers and apps call with a client token."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.asked import read_body
from edgepass_sidecar.api.context import Context, context_of
from edgepass_sidecar.api.schema import (
    Shape,
    client_shape,
    own_session_shape,
    sign_in_shape,
    token_shape,
)
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.core import Presented
from edgepass_sidecar.service.refusal import Refused, invalid
from edgepass_sidecar.service.sessions import finish, refresh, touch, view, view_client
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, sign_out
from edgepass_sidecar.session import Session, Status


class SignIn(msgspec.Struct):
    strategy: str
    ticket: str = ""


async def get_client(request: Request) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    try:
        viewed = await view_client(context.core, context.client_token(request), party)
    except Refused as refusal:
        if refusal.status != 401:
            raise
        return answer({"response": None, "client": None})
    return answer({"response": client_shape(viewed, context.core.clock()), "client": None})


async def post_sign_in(request: Request) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    body = await read_body(request, SignIn)
    if body.strategy != "ticket":
        raise invalid("strategy", "only ticket is supported; the app does the rest of signing in")
    signed_in = await sign_in_with_ticket(
        context.core, context.client_token(request), body.ticket, context.origin(request)
    )
    client = await _client_shape(context, Presented(signed_in.client, is_current=True), party)
    response = answer(
        {"response": sign_in_shape(signed_in.client, signed_in.session), "client": client}
    )
    context.set_client_token(response, signed_in.client_token)
    return response


async def post_token(request: Request) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    token = await refresh(context.core, context.client_token(request), _session_id(request), party)
    return answer(token_shape(token))


async def post_touch(request: Request) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    presented, session = await touch(
        context.core, context.client_token(request), _session_id(request)
    )
    return await _answer_session(context, presented, session, party)


async def post_end(request: Request) -> Response:
    return await _finish(request, Status.ENDED)


async def post_remove(request: Request) -> Response:
    return await _finish(request, Status.REMOVED)


async def delete_sessions(request: Request) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    presented, token = await sign_out(context.core, context.client_token(request))
    response = answer({"response": await _client_shape(context, presented, party), "client": None})
    if token is not None:
        context.set_client_token(response, token)
    return response


async def _finish(request: Request, status: Status) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    presented, session = await finish(
        context.core, context.client_token(request), _session_id(request), status
    )
    return await _answer_session(context, presented, session, party)


async def _answer_session(
    context: Context, presented: Presented, session: Session, party: str
) -> Response:
    viewed = await view(context.core, presented, party)
    now = context.core.clock()
    # A session that has just ended is not in the view any more, nor its user.
    users = viewed.users
    if session.user_id not in users:
        users = await context.core.store.load_users([session.user_id])
    token = viewed.active_token if session.id == viewed.active_session_id else None
    shape = own_session_shape(session, users.get(session.user_id), token, now)
    return answer({"response": shape, "client": client_shape(viewed, now)})


async def _client_shape(context: Context, presented: Presented, party: str) -> Shape:
    return client_shape(await view(context.core, presented, party), context.core.clock())


def _session_id(request: Request) -> SessionId:
    return SessionId(request.path_params["session_id"])


ROUTES = [
    Route("/v1/client", get_client, methods=["GET"]),
    Route("/v1/client/sign_ins", post_sign_in, methods=["POST"]),
    Route("/v1/client/sessions", delete_sessions, methods=["DELETE"]),
    Route("/v1/client/sessions/{session_id}/tokens", post_token, methods=["POST"]),
    Route("/v1/client/sessions/{session_id}/touch", post_touch, methods=["POST"]),
    Route("/v1/client/sessions/{session_id}/end", post_end, methods=["POST"]),
    Route("/v1/client/sessions/{session_id}/remove", post_remove, methods=["POST"]),
]
