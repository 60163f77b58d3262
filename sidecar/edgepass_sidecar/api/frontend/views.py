"""What several parts of the frontend API look at, and how a change is answered."""

from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.operation import Access, ClientOperation
from edgepass_sidecar.api.schema import client_shape, own_session_shape
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.core import Changed
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import ClientView, view_changed, view_client

client_operation = partial(ClientOperation, access=Access.CLIENT)


class Asking(msgspec.Struct):
    """The session of this client that asks; by default its active one."""

    session_id: str | None = msgspec.field(name="_clerk_session_id", default=None)


async def find_client(context: Context, request: Request) -> ClientView | None:
    party = context.authorized_party(request)
    try:
        return await view_client(context.core, context.client_token(request), party)
    except Refused as refusal:
        if refusal.status != 401:
            raise
        return None


def answer_changed(
    context: Context, request: Request, changed: Changed, party: str | None
) -> Response:
    """Answer with a session that was changed, and with its client as it is then."""
    viewed = view_changed(context.core, changed, party)
    session, now = changed.session, context.core.clock()
    token = viewed.active_token if session.id == viewed.active_session_id else None
    shape = own_session_shape(session, token, now)
    response = answer({"response": shape, "client": client_shape(viewed, now)})
    if changed.client_token is not None:
        context.send_client_token(request, response, changed.client_token)
    context.send_last_change(request, response, viewed)
    return response


def session_id_of(request: Request) -> SessionId:
    return SessionId(request.path_params["session_id"])
