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
from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import SessionId
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
    client = await _client_shape(context, signed_in.client, party)
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
    client, session = await touch(context.core, context.client_token(request), _session_id(request))
    return await _answer_session(context, client, session, party)


async def post_end(request: Request) -> Response:
    return await _finish(request, Status.ENDED)


async def post_remove(request: Request) -> Response:
    return await _finish(request, Status.REMOVED)


async def delete_sessions(request: Request) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    client, token = await sign_out(context.core, context.client_token(request))
    response = answer({"response": await _client_shape(context, client, party), "client": None})
    if token is not None:
        context.set_client_token(response, token)
    return response


async def _finish(request: Request, status: Status) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    client, session = await finish(
        context.core, context.client_token(request), _session_id(request), status
    )
    return await _answer_session(context, client, session, party)


async def _answer_session(
    context: Context, client: Client, session: Session, party: str
) -> Response:
    viewed = await view(context.core, client, party)
    now = context.core.clock()
    users = viewed.users or await context.core.store.load_users([session.user_id])
    is_active = session.id == client.last_active_session_id
    shape = own_session_shape(
        session, users.get(session.user_id), viewed.active_token if is_active else None, now
    )
    return answer({"response": shape, "client": client_shape(viewed, now)})


async def _client_shape(context: Context, client: Client, party: str) -> Shape:
    return client_shape(await view(context.core, client, party), context.core.clock())


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
