"""Those who listen to the feed: straight from the app in this process, or over a socket."""

import asyncio
from typing import Any, Self

import orjson

from edgepass_sidecar.event import Event
from tests.support.sidecar import Sidecar, make_settings

EDGE_KEY = "ek_test_" + "ed9e4e" * 8
Told = tuple[str, int | None, dict[str, Any]]


def edge_settings(**changes: str) -> Any:
    return make_settings(EDGE_KEYS=EDGE_KEY, **changes)


def revoked(session: str, at: float, user: str = "user_1", **data: Any) -> Event:
    return Event(
        type="session.revoked", at=at, session_id=session, user_id=user, client_id=None, data=data
    )


def read(text: bytes) -> list[Told]:
    """Read whole messages, by rules of our own and not by the middleware's."""
    found: list[Told] = []
    for block in text.split(b"\n\n")[:-1]:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
        cursor = int(fields[b"id"]) if b"id" in fields else None
        found.append((fields[b"event"].decode(), cursor, orjson.loads(fields[b"data"])))
    return found


class Listener:
    """One call of the feed's route, by ASGI: it reads only as far as a test asks."""

    def __init__(
        self, sidecar: Sidecar, last: str | None = None, *, headers: Any = None, method: str = "GET"
    ) -> None:
        fields = [("authorization", f"Bearer {EDGE_KEY}")] if headers is None else headers
        fields = [*fields, *([("last-event-id", last)] if last is not None else [])]
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "https",
            "path": "/v1/revocations",
            "raw_path": b"/v1/revocations",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in fields],
            "client": ("203.0.113.9", 1),
            "server": ("127.0.0.1", 1),
        }
        self._app = sidecar.app
        self._gone = asyncio.Event()
        self._may_send = asyncio.Semaphore(0)
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.largest = 0
        self.is_paused = False

    async def __aenter__(self) -> Self:
        self.task = asyncio.ensure_future(self._app(self._scope, self._receive, self._send))
        start = await self._next()
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return self

    async def __aexit__(self, *_: object) -> None:
        self._gone.set()
        self._may_send.release()
        async with asyncio.timeout(20):
            await self.task

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self.is_paused:
            await self._may_send.acquire()
        self._sent.put_nowait(message)

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return await self._sent.get()

    def resume(self) -> None:
        self.is_paused = False
        self._may_send.release()

    async def body(self) -> bytes:
        """Return the next piece; empty at the end."""
        message = await self._next()
        piece: bytes = message.get("body", b"")
        self.largest = max(self.largest, len(piece))
        return piece

    async def until(self, kind: str, cursor: int | None = None) -> list[Told]:
        """Return what is told up to a message of `kind`, that of `cursor` or a later one."""
        told: list[Told] = []
        while True:
            told += read(await self.body())
            for name, at, _ in told:
                if name == kind and (cursor is None or (at is not None and at >= cursor)):
                    return told


def sessions(told: list[Told]) -> list[str]:
    """Return the sessions that were told to be over, in the order they came."""
    return [data["session_id"] for kind, _, data in told if kind == "session"]
