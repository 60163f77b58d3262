"""The end of a session, as a client sees it over a real socket, through uvicorn."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any, Self

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    RejectConnection,
    TextMessage,
)
from wsproto.events import Request as Handshake

from tests.middleware.streams import FAST, guard_of, revoke
from tests.support.feed import until
from tests.support.issuer import mint

SOCKETS = [name for name in ("wsproto", "websockets") if find_spec(name)]
each_server = pytest.mark.parametrize("http", ["h11", "httptools"])


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        return


async def deaf(websocket: WebSocket) -> None:
    await websocket.accept()
    await asyncio.sleep(0.3)
    await websocket.send_text("too late")


async def late(websocket: WebSocket) -> None:
    await asyncio.sleep(0.2)
    await websocket.accept()


SIZE = 50


async def ticks() -> AsyncIterator[bytes]:
    while True:
        yield b"x"
        await asyncio.sleep(0.005)


async def stream(_: Request) -> StreamingResponse:
    return StreamingResponse(ticks())


async def sized(_: Request) -> StreamingResponse:
    async def ending() -> AsyncIterator[bytes]:
        for _ in range(SIZE):
            yield b"x"
            await asyncio.sleep(0.005)

    return StreamingResponse(ending(), headers={"content-length": str(SIZE)})


async def slow(_: Request) -> PlainTextResponse:
    await asyncio.sleep(0.2)
    return PlainTextResponse("whole")


APP = Starlette(
    routes=[
        WebSocketRoute("/socket", socket),
        WebSocketRoute("/deaf", deaf),
        WebSocketRoute("/late", late),
        Route("/stream", stream),
        Route("/sized", sized),
        Route("/slow", slow),
    ]
)


@asynccontextmanager
async def served(guard: Any, http: str, ws: str = "wsproto") -> AsyncIterator[int]:
    config = uvicorn.Config(
        guard, port=0, http=http, ws=ws, lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started or task.done())
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


class Client:
    """One TCP connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def ask(self, path: str, token: bytes) -> None:
        lines = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token.decode()}\r\n\r\n"
        self.writer.write(lines.encode())

    async def head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def chunk(self) -> bytes:
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]


class Socket(Client):
    """A websocket's client, by wsproto."""

    def open(self, path: str, token: bytes) -> None:
        self.protocol = WSConnection(ConnectionType.CLIENT)
        headers = [(b"authorization", b"Bearer " + token)]
        handshake = Handshake(host="x", target=path, extra_headers=headers)
        self.writer.write(self.protocol.send(handshake))
        self.events = self._events()

    def say(self, text: str) -> None:
        self.writer.write(self.protocol.send(TextMessage(data=text)))

    async def next(self) -> Any:
        async with asyncio.timeout(20):
            return await anext(self.events)

    async def _events(self) -> AsyncIterator[Any]:
        while True:
            for event in self.protocol.events():
                yield event
            self.protocol.receive_data(await self.reader.read(65536) or None)


@pytest.fixture
def guard(clock: Any) -> Any:
    return guard_of(APP, clock)


def token_of(guard: Any, session: str = "sess_1") -> bytes:
    return mint(FAST, now=guard._clock(), sid=session)


@asynccontextmanager
async def two_sockets(guard: Any, port: int, path: str) -> AsyncIterator[list[Socket]]:
    sockets = [await Socket.connect(port) for _ in range(2)]
    for number, each in enumerate(sockets, start=1):
        each.open(path if number == 1 else "/socket", token_of(guard, f"sess_{number}"))
    yield sockets
    for each in sockets:
        each.writer.close()


@each_server
@pytest.mark.parametrize("ws", SOCKETS)
async def test_a_websocket_is_closed_with_3000_and_its_neighbour_goes_on(
    guard, http: str, ws: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(guard, http, ws) as port, two_sockets(guard, port, "/socket") as sockets:
        mine, other = sockets
        for each in sockets:
            assert isinstance(await each.next(), AcceptConnection)
            each.say("hello")
            assert (await each.next()).data == "hello"
        for _ in range(10):
            guard._clock.advance(61)
        mine.say("ten tokens later")
        assert (await mine.next()).data == "ten tokens later"
        revoke(guard)
        close = await mine.next()
        assert (type(close), close.code, close.reason) == (CloseConnection, 3000, "session_revoked")
        other.say("still here")
        assert (await other.next()).data == "still here"
        await until(lambda: len(list(guard._live._connections)) == 1)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@each_server
@pytest.mark.parametrize("ws", SOCKETS)
async def test_a_websocket_whose_app_does_not_read_is_closed_all_the_same(
    guard, http: str, ws: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(guard, http, ws) as port, two_sockets(guard, port, "/deaf") as sockets:
        for each in sockets:
            assert isinstance(await each.next(), AcceptConnection)
        revoke(guard)
        assert (await sockets[0].next()).code == 3000
        await until(lambda: len(list(guard._live._connections)) == 1)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@each_server
@pytest.mark.parametrize("ws", SOCKETS)
async def test_a_websocket_that_is_revoked_before_it_is_accepted_is_refused(
    guard, http: str, ws: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(guard, http, ws) as port, two_sockets(guard, port, "/late") as sockets:
        await until(lambda: len(list(guard._live._connections)) == 2)
        revoke(guard)
        refused = await sockets[0].next()
        assert (type(refused), refused.status_code) == (RejectConnection, 403)
        await until(lambda: len(list(guard._live._connections)) == 1)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@each_server
async def test_a_stream_ends_and_its_connection_can_be_used_on(
    guard, http: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(guard, http) as port, asyncio.timeout(20):
        mine, other = await Client.connect(port), await Client.connect(port)
        mine.ask("/stream", token_of(guard))
        other.ask("/stream", token_of(guard, "sess_2"))
        for each in (mine, other):
            assert (await each.head()).startswith(b"HTTP/1.1 200")
            assert await each.chunk() == b"x"
        revoke(guard)
        while await mine.chunk():
            pass
        mine.ask("/slow", token_of(guard, "sess_2"))
        assert (await mine.head()).startswith(b"HTTP/1.1 200")
        assert await mine.reader.readexactly(5) == b"whole"
        assert [await other.chunk() for _ in range(20)] == [b"x"] * 20
        for each in (mine, other):
            each.writer.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@each_server
async def test_a_response_of_an_announced_length_is_whole(guard, http: str) -> None:
    async with served(guard, http) as port, asyncio.timeout(20):
        client = await Client.connect(port)
        client.ask("/sized", token_of(guard))
        await client.head()
        assert await client.reader.readexactly(1) == b"x"
        revoke(guard)
        assert await client.reader.readexactly(SIZE - 1) == b"x" * (SIZE - 1)
        client.writer.close()


@each_server
async def test_an_answer_in_one_piece_is_whole_and_the_next_is_refused(guard, http: str) -> None:
    async with served(guard, http) as port, asyncio.timeout(20):
        client = await Client.connect(port)
        client.ask("/slow", token_of(guard))
        await until(lambda: len(list(guard._live._connections)) == 1)
        revoke(guard)
        assert (await client.head()).startswith(b"HTTP/1.1 200")
        assert await client.reader.readexactly(5) == b"whole"
        client.ask("/slow", token_of(guard))
        assert (await client.head()).startswith(b"HTTP/1.1 401")
        client.writer.close()
