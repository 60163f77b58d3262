"""The backend API: what the app's own servers call with a secret key."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.asked import read_body, read_query
from edgepass_sidecar.api.context import Context, context_of
from edgepass_sidecar.api.schema import (
    list_shape,
    session_shape,
    ticket_shape,
    token_shape,
    user_shape,
)
from edgepass_sidecar.api.well_known import key_set_answer
from edgepass_sidecar.identifier import ClientId, SessionId, TicketId, UserId, is_user_id
from edgepass_sidecar.service import administration
from edgepass_sidecar.service.refusal import Refused, invalid
from edgepass_sidecar.service.sessions import mint
from edgepass_sidecar.service.sign_in import Origin, start_session_for
from edgepass_sidecar.session import Status
from edgepass_sidecar.store import SessionQuery
from edgepass_sidecar.ticket import LONGEST_LIFETIME

Handler = Callable[[Context, Request], Awaitable[Response]]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]


class Profile(msgspec.Struct):
    """What may be said of a user; a field that is not sent is not changed."""

    external_id: Text | msgspec.UnsetType | None = msgspec.UNSET
    username: Text | msgspec.UnsetType | None = msgspec.UNSET
    first_name: Text | msgspec.UnsetType | None = msgspec.UNSET
    last_name: Text | msgspec.UnsetType | None = msgspec.UNSET
    image_url: Text | msgspec.UnsetType | None = msgspec.UNSET
    public_metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        try:
            orjson.dumps(self.public_metadata or None, default=lambda _: None)
        except orjson.JSONEncodeError:
            raise ValueError(
                "public_metadata has a number or a depth that JSON cannot carry"
            ) from None

    def changes(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in Profile.__struct_fields__}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}


class NewUser(Profile):
    id: str | None = None


class UserList(msgspec.Struct):
    external_id: list[str] = msgspec.field(default_factory=list)
    limit: Limit = 10
    offset: Offset = 0
    paginated: bool = False


class NewTicket(msgspec.Struct):
    user_id: Text
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_LIFETIME)] = 2_592_000


class SessionList(msgspec.Struct):
    user_id: str | None = None
    client_id: str | None = None
    status: Status | None = None
    limit: Limit = 10
    offset: Offset = 0
    paginated: bool = False


class NewSession(msgspec.Struct):
    user_id: Text


class NewToken(msgspec.Struct):
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=30, le=300)] | None = None


def _authorized(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        context = context_of(request)
        fields = request.headers.getlist("authorization")
        if len(fields) > 1:
            raise Refused(400, "authorization_repeated", "Send one Authorization field.")
        scheme, _, key = (fields[0] if fields else "").partition(" ")
        if scheme.lower() != "bearer" or not await context.secret_keys.recognises(key.strip()):
            raise Refused(401, "clerk_key_invalid", "Send a secret key as Authorization: Bearer.")
        return await handler(context, request)

    return endpoint


async def _post_user(context: Context, request: Request) -> Response:
    body = await read_body(request, NewUser)
    if body.id is not None and not is_user_id(body.id):
        raise invalid("id", "1 to 128 letters, digits and _ . : | @ + ~ - are allowed")
    user = await administration.create_user(context.core, body.id, body.changes())
    return answer(user_shape(user))


async def _get_users(context: Context, request: Request) -> Response:
    query = read_query(request, UserList)
    page = await context.core.store.list_users(query.external_id, query.limit, query.offset)
    return answer(list_shape([user_shape(user) for user in page.items], page, query.paginated))


async def _get_user(context: Context, request: Request) -> Response:
    return answer(user_shape(await administration.load_user(context.core, _user_id(request))))


async def _patch_user(context: Context, request: Request) -> Response:
    body = await read_body(request, Profile)
    user = await administration.update_user(context.core, _user_id(request), body.changes())
    return answer(user_shape(user))


async def _post_sign_in_token(context: Context, request: Request) -> Response:
    body = await read_body(request, NewTicket)
    ticket, token = await administration.create_ticket(
        context.core, UserId(body.user_id), body.expires_in_seconds
    )
    return answer(ticket_shape(ticket, context.core.clock(), token))


async def _revoke_sign_in_token(context: Context, request: Request) -> Response:
    identifier = TicketId(request.path_params["ticket_id"])
    ticket = await administration.revoke_ticket(context.core, identifier)
    return answer(ticket_shape(ticket, context.core.clock()))


async def _get_sessions(context: Context, request: Request) -> Response:
    query = read_query(request, SessionList)
    now = context.core.clock()
    page = await context.core.store.list_sessions(
        SessionQuery(
            user_id=UserId(query.user_id) if query.user_id is not None else None,
            client_id=ClientId(query.client_id) if query.client_id is not None else None,
            status=query.status,
            limit=query.limit,
            offset=query.offset,
        ),
        now,
    )
    return answer(list_shape([session_shape(s, now) for s in page.items], page, query.paginated))


async def _post_session(context: Context, request: Request) -> Response:
    body = await read_body(request, NewSession)
    # Nothing is known of the user's own address: this request is the app server's.
    signed_in = await start_session_for(context.core, UserId(body.user_id), Origin())
    return answer(session_shape(signed_in.session, context.core.clock()))


async def _get_session(context: Context, request: Request) -> Response:
    session = await administration.load_session(context.core, _session_id(request))
    return answer(session_shape(session, context.core.clock()))


async def _revoke_session(context: Context, request: Request) -> Response:
    session = await administration.revoke_session(context.core, _session_id(request))
    return answer(session_shape(session, context.core.clock()))


async def _post_session_token(context: Context, request: Request) -> Response:
    body = await read_body(request, NewToken)
    session = await administration.load_session(context.core, _session_id(request))
    return answer(token_shape(mint(context.core, session, None, body.expires_in_seconds)))


async def _get_jwks(context: Context, request: Request) -> Response:
    return key_set_answer(context, request)


def _user_id(request: Request) -> UserId:
    return UserId(request.path_params["user_id"])


def _session_id(request: Request) -> SessionId:
    return SessionId(request.path_params["session_id"])


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(path, _authorized(handler), methods=[method])


ROUTES = [
    _route("POST", "/v1/users", _post_user),
    _route("GET", "/v1/users", _get_users),
    _route("GET", "/v1/users/{user_id}", _get_user),
    _route("PATCH", "/v1/users/{user_id}", _patch_user),
    _route("POST", "/v1/sign_in_tokens", _post_sign_in_token),
    _route("POST", "/v1/sign_in_tokens/{ticket_id}/revoke", _revoke_sign_in_token),
    _route("GET", "/v1/sessions", _get_sessions),
    _route("POST", "/v1/sessions", _post_session),
    _route("GET", "/v1/sessions/{session_id}", _get_session),
    _route("POST", "/v1/sessions/{session_id}/revoke", _revoke_session),
    _route("POST", "/v1/sessions/{session_id}/tokens", _post_session_token),
    _route("GET", "/v1/jwks", _get_jwks),
]
