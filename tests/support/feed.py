"""A fake feed: an HTTP server on loopback that streams what a test tells it, with every fault."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from tests.support.issuer import to_json

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
Script = Callable[[int, bytes], AsyncIterator[bytes]]


def event(kind: str, data: object = None, cursor: int | str | None = None) -> bytes:
    """Spell one message as a sidecar does."""
    name = b"" if cursor is None else f"id: {cursor}\n".encode()
    body = to_json({} if data is None else data)
    return f"event: {kind}\n".encode() + name + b"data: " + body + b"\n\n"


def hello(resumed: bool = False, lifetime: float = 60) -> bytes:
    return event("hello", {"token_lifetime": lifetime, "resumed": resumed})


def revoked(session: str, at: float, cursor: int, user: str = "user_1", **more: Any) -> bytes:
    data = {"session_id": session, "user_id": user, "at": at, **more}
    return event("session", data, cursor)


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


@dataclass
class FakeFeed:
    """Serves `script(number, request)` to connection `number` (from 0): raw bytes as they come.

    A script that ends closes the connection; one that waits keeps it open.
    """

    script: Script
    requests: list[bytes] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def connections(self, count: int, within: float = 20.0) -> None:
        """Wait until so many requests have come in all."""
        async with asyncio.timeout(within), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            async with self._arrived:
                self.requests.append(request)
                number = len(self.requests) - 1
                self._arrived.notify_all()
            async for piece in self.script(number, request):
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def for_ever() -> None:
    await asyncio.Event().wait()


async def until(condition: Callable[[], bool], within: float = 20.0) -> None:
    """Wait for `condition`, which something in this event loop brings about."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - it is of others' making
            await asyncio.sleep(0.002)
