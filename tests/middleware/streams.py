"""ASGI calls that go on: what a server does with a websocket or a streaming response, by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from edgepass import EdgepassMiddleware, KeySet
from edgepass._event_stream import Message
from tests.middleware.calls import bearer, http_scope, websocket_scope
from tests.support.issuer import ISSUER, jwks, make_key, mint, to_json

FAST = make_key("ES256", "key-3")
ASGIApp = Callable[..., Awaitable[None]]


def guard_of(app: ASGIApp, clock: Callable[[], float], **options: Any) -> EdgepassMiddleware:
    """Wrap `app` with fixed keys, and with a feed that `tell` supplies."""
    options = {"maximum_connection_life": 3600.0, **options}
    keys = KeySet.from_jwks(jwks(FAST))
    return EdgepassMiddleware(app, issuer=ISSUER, keys=keys, clock=clock, **options)


def tell(guard: EdgepassMiddleware, kind: str, **data: object) -> None:
    """Deliver a message of the feed; `now` is the clock's."""
    assert guard._live is not None
    data = {"at": guard._clock(), **data}
    guard._live._feed.apply(Message(kind, "", to_json(data)), guard._clock())


def revoke(guard: EdgepassMiddleware, session: str = "sess_1", user: str = "user_1") -> None:
    tell(guard, "session", session_id=session, user_id=user)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Accept a websocket, echo what comes, and return when it is over."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
    scope["last"] = message


class Call:
    """One call of an app, and both ends of it."""

    def __init__(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.sent: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.ensure_future(app(scope, self.incoming.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def settle(self) -> None:
        """Let everything go on that can."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def end(self) -> None:
        async with asyncio.timeout(20):
            await self.task

    @property
    def closes(self) -> list[tuple[int, str]]:
        closes = [each for each in self.sent if each["type"] == "websocket.close"]
        return [(close["code"], close["reason"]) for close in closes]

    @property
    def body(self) -> bytes:
        return b"".join(each.get("body", b"") for each in self.sent)

    @property
    def is_finished(self) -> bool:
        """Whether the response was ended as a whole one."""
        last = self.sent[-1]
        return last["type"] == "http.response.body" and not last.get("more_body", False)


def opened(app: ASGIApp, clock: Callable[[], float], **claims: Any) -> Call:
    """Begin a websocket."""
    call = Call(app, websocket_scope("/", bearer(mint(FAST, now=clock(), **claims))))
    call.incoming.put_nowait({"type": "websocket.connect"})
    return call


def requested(
    app: ASGIApp, clock: Callable[[], float], token: bytes | None = None, **claims: Any
) -> Call:
    """Begin a request, with a token of its own unless one is given."""
    token = token or mint(FAST, now=clock(), **claims)
    call = Call(app, http_scope("/", bearer(token)))
    call.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    return call
