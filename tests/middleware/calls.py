"""Bare ASGI calls: what a server would send to an app, and what the app sent back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Scope = dict[str, Any]
REJECTION_EXTENSION = {"websocket.http.response": {}}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def code(self) -> str:
        return json.loads(self.body)["code"]


@dataclass
class App:
    """An app that answers 200 to everything and remembers the scopes it was called with."""

    scopes: list[Scope] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"from the app"})

    @property
    def state(self) -> Any:
        return self.scopes[-1]["edgepass"]


def bearer(token: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + token)]


def session_cookie(token: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"cookie", b"__session=" + token)]


def http_scope(
    path: str = "/", headers: Iterable[tuple[bytes, bytes]] = (), **changes: Any
) -> Scope:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
    }
    return {**scope, **changes}


def websocket_scope(
    path: str = "/", headers: Iterable[tuple[bytes, bytes]] = (), **changes: Any
) -> Scope:
    scope = http_scope(path, headers, type="websocket", scheme="ws", subprotocols=[], **changes)
    del scope["method"]
    return scope


async def call(app: Any, scope: Scope, *received: dict[str, Any]) -> list[dict[str, Any]]:
    """Call `app` once and return every message that it sent."""
    to_receive = list(received)
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return to_receive.pop(0) if to_receive else {"type": f"{scope['type']}.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def http(
    app: Any, path: str = "/", headers: Iterable[tuple[bytes, bytes]] = (), **changes: Any
) -> Reply:
    scope = http_scope(path, headers, **changes)
    start, *bodies = await call(app, scope, {"type": "http.request", "body": b""})
    assert start["type"] == "http.response.start"
    assert {message["type"] for message in bodies} == {"http.response.body"}
    body = b"".join(message.get("body", b"") for message in bodies)
    return Reply(start["status"], dict(start["headers"]), body)


async def websocket(
    app: Any, path: str = "/", headers: Iterable[tuple[bytes, bytes]] = (), **changes: Any
) -> list[dict[str, Any]]:
    scope = websocket_scope(path, headers, **changes)
    return await call(app, scope, {"type": "websocket.connect"})
