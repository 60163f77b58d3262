"""Routes that say what they read and answer: one table for routing and for the document."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from edgepass_sidecar.api.answers import JSON
from edgepass_sidecar.api.asked import read_body, read_query
from edgepass_sidecar.api.context import Context, context_of
from edgepass_sidecar.api.fields import ReadRequest
from edgepass_sidecar.api.overridden import FrontendRoute, PlainRoute
from edgepass_sidecar.secret_key import KeyScope
from edgepass_sidecar.service.refusal import Refused

Handler = Callable[..., Awaitable[Response]]


class Access(Enum):
    """Who may call."""

    PUBLIC = "public"
    CLIENT = "client"  # a page of an allowed origin or an app, with its client token
    NAVIGATION = "navigation"  # a browser that was sent here from an app's page
    SERVER = "server"  # the app's own servers, with a secret key
    EDGE = "edge"  # a process that runs the middleware, with an edge key


class Operation(PlainRoute):
    """One method of one path.

    `handler` gets the context, the request, and what `body` and `query` read of
    it, where there is one. `answers` is the type of the answer's JSON, or of what
    else `media_type` is, `None` where it has none. With `is_cacheable` the answer
    may be 304.
    """

    def __init__(
        self,
        method: str,
        path: str,
        handler: Handler,
        summary: str,
        *,
        access: Access,
        answers: Any = None,
        status: int = 200,
        body: type[msgspec.Struct] | None = None,
        query: type[msgspec.Struct] | None = None,
        is_cacheable: bool = False,
        media_type: str = JSON,
    ) -> None:
        self.method = method
        self.summary = summary
        self.access = access
        self.answers = answers
        self.status = status
        self.body = body
        self.query = query
        self.is_cacheable = is_cacheable
        self.media_type = media_type
        self.handler = handler
        super().__init__(path, self._serve, methods=[method])

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405, headers={"allow": self._allowed(scope["app"].routes)})
        # Not by Starlette's wrapper of functions: what that catches is caught around all routes.
        response = await self._serve(ReadRequest(scope, receive))
        await response(scope, receive, send)

    def _allowed(self, routes: Sequence[BaseRoute]) -> str:
        # Of the path (RFC 9110 section 10.2.1), whose other methods are other operations.
        same = (each for each in routes if isinstance(each, Route) and each.path == self.path)
        return ", ".join(sorted({method for route in same for method in route.methods or ()}))

    async def _serve(self, request: Request) -> Response:
        context = context_of(request)
        if self.access is Access.SERVER:
            await _authorize(context, request, KeyScope.BACKEND)
        elif self.access is Access.EDGE:
            await _authorize(context, request, KeyScope.EDGE)
        elif self.access is Access.CLIENT:
            context.authorized_party(request)  # before anything is read of the body
        read: list[msgspec.Struct] = []
        if self.body is not None:
            read.append(await read_body(request, self.body))
        if self.query is not None:
            read.append(read_query(request, self.query))
        return await self.handler(context, request, *read)


class ClientOperation(Operation, FrontendRoute):
    """An operation of the frontend API, where a POST may stand for another method."""


async def _authorize(context: Context, request: Request, scope: KeyScope) -> None:
    if not await context.secret_keys.recognises(bearer_key(request), scope):
        kind = "a secret key" if scope is KeyScope.BACKEND else "an edge key"
        raise Refused(401, "clerk_key_invalid", f"Send {kind} as Authorization: Bearer.")


def bearer_key(request: Request) -> str:
    """Return the key that a request carries, empty for none, or raise `Refused` (400)."""
    fields = request.headers.getlist("authorization")
    if len(fields) > 1:
        raise Refused(400, "authorization_repeated", "Send one Authorization field.")
    scheme, _, key = (fields[0] if fields else "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
