"""An app's webhook receiver on loopback, over real sockets, that does as a test tells it."""

import asyncio
import base64
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

SECRET = "whsec_" + base64.b64encode(b"the-webhook-secret-is-32-bytes!!").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"the-older-webhook-secret-24+").decode()


@dataclass(frozen=True)
class Received:
    request_line: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def told(self) -> tuple[str, str]:
        """What happened to which session."""
        return self.event["data"]["id"], self.event["type"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int = 200
    headers: tuple[str, ...] = ()
    body: bytes = b""
    endless: bool = False


Decide = Callable[[Received], Awaitable[Reply]]


async def take(_: Received) -> Reply:
    return Reply()


@dataclass
class Receiver:
    """Answers each webhook as `decide` says, on a connection of its own."""

    decide: Decide = take
    received: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/hook?of=edgepass"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and break those that there are."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.at_once -= 1
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.rstrip("\r\n").split("\r\n")
        fields = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in fields}
        body = await reader.readexactly(int(headers["content-length"]))
        webhook = Received(request_line, headers, body)
        self.received.append(webhook)
        reply = await self.decide(webhook)
        if reply.status // 100 == 2:
            self.taken.append(webhook)
        length = () if reply.endless else (f"content-length: {len(reply.body)}",)
        head = "\r\n".join((f"HTTP/1.1 {reply.status} Said", *reply.headers, *length, "", ""))
        writer.write(head.encode() + reply.body)
        await writer.drain()
        while reply.endless:
            writer.write(bytes(1024))
            await writer.drain()
        writer.write_eof()
        await reader.read()
