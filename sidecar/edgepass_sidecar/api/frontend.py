"""The frontend API: what browsers and apps call with a client token."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.asked import read_body
from edgepass_sidecar.api.context import Context, context_of
from edgepass_sidecar.api.schema import (
    client_shape,
    own_session_shape,
    sign_in_shape,
    signed_out_shape,
    token_shape,
)
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.core import Changed
from edgepass_sidecar.service.refusal import Refused, invalid
from edgepass_sidecar.service.sessions import finish, refresh, touch, view_changed, view_client
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, sign_out
from edgepass_sidecar.session import Status


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
    client = client_shape(view_changed(context.core, signed_in.changed, party), _now(context))
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
    changed = await touch(context.core, context.client_token(request), _session_id(request))
    return _answer_session(context, changed, party)


async def post_end(request: Request) -> Response:
    return await _finish(request, Status.ENDED)


async def post_remove(request: Request) -> Response:
    return await _finish(request, Status.REMOVED)


async def delete_sessions(request: Request) -> Response:
    context = context_of(request)
    context.authorized_party(request)
    client, token = await sign_out(context.core, context.client_token(request))
    response = answer({"response": signed_out_shape(client), "client": None})
    if token is not None:
        context.set_client_token(response, token)
    return response


async def _finish(request: Request, status: Status) -> Response:
    context = context_of(request)
    party = context.authorized_party(request)
    changed = await finish(
        context.core, context.client_token(request), _session_id(request), status
    )
    return _answer_session(context, changed, party)


def _answer_session(context: Context, changed: Changed, party: str) -> Response:
    viewed = view_changed(context.core, changed, party)
    session, now = changed.session, _now(context)
    token = viewed.active_token if session.id == viewed.active_session_id else None
    shape = own_session_shape(session, changed.users.get(session.user_id), token, now)
    return answer({"response": shape, "client": client_shape(viewed, now)})


def _now(context: Context) -> float:
    return context.core.clock()


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
