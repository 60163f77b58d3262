"""An app with a websocket and a stream, served by uvicorn in a thread, and a client for both."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    TextMessage,
)
from wsproto.events import Request as Handshake

from edgepass import SignedIn, TokenRefused

RENEW = "renew "
PATIENCE = 10.0


class LiveApp:
    """Says what it is told, and streams for as long as it is let."""

    def __init__(self) -> None:
        self.disconnected: list[int] = []  # the codes that its websockets ended with
        self.app = Starlette(
            routes=[
                Route("/who", self._say_who),
                Route("/events", self._stream),
                WebSocketRoute("/socket", self._echo),
            ]
        )

    async def _say_who(self, request: Request) -> Response:
        return PlainTextResponse(request.scope["edgepass"].user_id)

    async def _stream(self, request: Request) -> Response:
        async def beats() -> AsyncIterator[str]:
            while True:
                yield "data: beat\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(beats(), media_type="text/event-stream")

    async def _echo(self, websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                text = await websocket.receive_text()
                if text.startswith(RENEW):
                    text = await _renew(websocket.scope["edgepass"], text.removeprefix(RENEW))
                await websocket.send_text(text)
        except WebSocketDisconnect as end:
            self.disconnected.append(end.code)


async def _renew(state: SignedIn, token: str) -> str:
    try:
        await state.renew(token)
    except TokenRefused as refusal:
        return refusal.code
    return f"until {state.claims.expires_at}"


class Served:
    """`app` on a port of its own, in a thread, for as long as the context lasts."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.port = port
        config = uvicorn.Config(
            app, port=port, ws="wsproto", lifespan="on", log_config=None, timeout_keep_alive=75
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended"
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server did not end"


class Socket:
    """A client's end of a websocket."""

    def __init__(self, port: int, token: str) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol = WSConnection(ConnectionType.CLIENT)
        authorization = (b"authorization", f"Bearer {token}".encode("ascii"))
        handshake = Handshake(host="a", target="/socket", extra_headers=[authorization])
        self._wire.sendall(self._protocol.send(handshake))
        answer = self.hear()
        if isinstance(answer, RejectConnection):
            self.close()
        assert isinstance(answer, AcceptConnection), answer

    def hear(self) -> Event:
        """Return what comes next, within 10 seconds."""
        while True:
            for event in self._protocol.events():
                return event
            self._protocol.receive_data(self._wire.recv(65_536) or None)

    def ask(self, text: str) -> str:
        """Say something and return what is said in answer."""
        self._wire.sendall(self._protocol.send(TextMessage(data=text)))
        answer = self.hear()
        assert isinstance(answer, TextMessage), answer
        return str(answer.data)

    def wait_for_the_end(self) -> tuple[int, str | None]:
        """Return the code and the reason that the other end closes with."""
        end = self.hear()
        assert isinstance(end, CloseConnection), end
        self._wire.sendall(self._protocol.send(end.response()))
        return end.code, end.reason

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
