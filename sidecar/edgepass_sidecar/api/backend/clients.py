"""Clients, and the key set for those who ask with a secret key."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.backend.asked import Limit, Offset, backend_operation
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.schema import backend_client_shape, list_shape
from edgepass_sidecar.api.shapes import BackendClientShape, PayloadShape, RevokedShape
from edgepass_sidecar.api.well_known import KeySetShape, key_set_answer
from edgepass_sidecar.identifier import ClientId
from edgepass_sidecar.service.core import authenticate
from edgepass_sidecar.service.handshake import take_payload
from edgepass_sidecar.service.refusal import not_found
from edgepass_sidecar.service.revocation import revoke_sessions_of_client


class ClientList(msgspec.Struct):
    limit: Limit = 10
    offset: Offset = 0
    paginated: bool = False


class ClientTokenToVerify(msgspec.Struct):
    token: str


class Nonce(msgspec.Struct):
    nonce: str


async def _get_clients(context: Context, request: Request, query: ClientList) -> Response:
    now = context.core.clock()
    page = await context.core.store.list_clients(query.limit, query.offset)
    shapes = [backend_client_shape(client, now) for client in page.items]
    return answer(list_shape(shapes, page, query.paginated))


async def _get_client(context: Context, request: Request) -> Response:
    client = await context.core.store.load_client(_client_id(request))
    if client is None:
        raise not_found("client")
    return answer(backend_client_shape(client, context.core.clock()))


async def _verify_client(context: Context, request: Request, body: ClientTokenToVerify) -> Response:
    recognised = await authenticate(context.core, body.token)
    return answer(backend_client_shape(recognised.visible_client(), context.core.clock()))


async def _revoke_sessions(context: Context, request: Request) -> Response:
    revoked = await revoke_sessions_of_client(context.core, _client_id(request), by="backend")
    return answer(RevokedShape(object="revoked_sessions", revoked=revoked))


async def _get_payload(context: Context, request: Request, query: Nonce) -> Response:
    return answer(PayloadShape(directives=await take_payload(context.core, query.nonce)))


async def _get_jwks(context: Context, request: Request) -> Response:
    return key_set_answer(context, request)


def _client_id(request: Request) -> ClientId:
    return ClientId(request.path_params["client_id"])


ROUTES = [
    backend_operation(
        "GET",
        "/v1/clients",
        _get_clients,
        "List clients with their live sessions, newest first",
        query=ClientList,
        answers=list[BackendClientShape],
    ),
    backend_operation(
        "GET",
        "/v1/clients/handshake_payload",
        _get_payload,
        "Take what a handshake left for the app's server",
        query=Nonce,
        answers=PayloadShape,
    ),
    backend_operation(
        "POST",
        "/v1/clients/verify",
        _verify_client,
        "Look up the client that a client token is of",
        body=ClientTokenToVerify,
        answers=BackendClientShape,
    ),
    backend_operation(
        "GET",
        "/v1/clients/{client_id}",
        _get_client,
        "Look a client up, with its live sessions",
        answers=BackendClientShape,
    ),
    backend_operation(
        "POST",
        "/v1/clients/{client_id}/sessions/revoke",
        _revoke_sessions,
        "Revoke all sessions of a client",
        answers=RevokedShape,
    ),
    backend_operation(
        "GET",
        "/v1/jwks",
        _get_jwks,
        "The public keys, as a JWK Set",
        answers=KeySetShape,
        is_cacheable=True,
    ),
]
