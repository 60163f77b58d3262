"""Requests that may outlive their token: ended by a revocation, not by the token's short life.

A websocket is closed with code 3000. A streaming response ends, and its app is
told as it would be of a client that went away: `http.disconnect`, then an
`OSError` from `send` (ASGI 2.4). Every other request finishes as it is, and so
does a response whose length was announced.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterator
from contextlib import suppress

from edgepass._asgi import WEBSOCKET_UNAUTHORIZED, Message, Receive, Send
from edgepass._auth import Claims, SessionId, SignedIn, UserId

LIFE_OVER = "connection_life_over"
_TOLD_AT_ONCE = 1_000


class ConnectionOver(ConnectionError):
    """The app uses `connection`, which is over."""

    def __init__(self, connection: "Connection") -> None:
        super().__init__(f"the connection was ended: {connection.ended_by or 'its app is done'}")
        self.connection = connection


class Connection(ABC):
    """One request of a session, between the server and the app.

    `ended_by` is the code of what ended it, `None` while it goes on; `farewell`
    tells the client so, and a server cuts off what was not told before the app is done.
    """

    # What most never change is the class's: one is made for each request.
    ended_by: str | None = None
    farewell: "asyncio.Task[None] | None" = None
    lasts = False
    _receivers: "tuple[asyncio.Task[object], ...]" = ()
    _began = 0.0  # by the event loop's clock, where a life is limited
    _timer: asyncio.TimerHandle | None = None

    def __init__(
        self, receive: Receive, send: Send, signed_in: SignedIn, connections: "Connections"
    ) -> None:
        """Be one of `connections`, from now on until it is over."""
        self._receive = receive
        self._send = send
        self.signed_in = signed_in
        self._connections = connections
        connections.brief.add(self)
        if connections.maximum_life is not None:
            self._began = asyncio.get_running_loop().time()

    @property
    def claims(self) -> Claims:
        return self.signed_in.claims

    async def receive(self) -> Message:
        if self.ended_by is not None:
            return self._disconnect(self.ended_by)
        task = asyncio.current_task()
        assert task is not None, "an ASGI app runs in a task"
        # Whatever swallowed a cancellation before, without uncancel(), left it counted.
        cancelled_before = task.cancelling()
        self._receivers += (task,)
        try:
            return await self._receive()
        except asyncio.CancelledError:
            # Whoever else wants the task to end is obeyed.
            if self.ended_by is None or task.uncancel() > cancelled_before:
                raise
            return self._disconnect(self.ended_by)
        finally:
            self._receivers = tuple(other for other in self._receivers if other is not task)

    @abstractmethod
    def send(self, message: Message) -> Awaitable[None]:
        """Return what the server's `send` does, or raise `ConnectionOver`."""

    @abstractmethod
    def end(self, code: str) -> None:
        """End it because of `code`, if it can be ended. The app is not waited for."""

    def live_for(self, seconds: float) -> None:
        """End it in so many seconds, however long it was to live before."""
        loop = asyncio.get_running_loop()
        self._live_until(loop.time() + seconds)

    def live_in_all(self, seconds: float) -> None:
        """End it so many seconds after it began."""
        self._live_until(self._began + seconds)

    def _live_until(self, moment: float) -> None:
        self.forget_life()
        loop = asyncio.get_running_loop()
        if moment <= loop.time():
            self.end(LIFE_OVER)
        else:
            self._timer = loop.call_at(moment, self.end, LIFE_OVER)

    def forget_life(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @abstractmethod
    def _disconnect(self, code: str) -> Message:
        """Return what the app reads once it was ended."""

    def _finish(self, code: str, farewell: Message) -> None:
        self.ended_by = code
        self.farewell = asyncio.get_running_loop().create_task(self._say(farewell))
        for receiver in self._receivers:
            receiver.cancel()

    async def _say(self, farewell: Message) -> None:
        # The app or the client may have closed already, which each server says in its own way.
        with suppress(Exception):
            await self._send(farewell)


class HttpConnection(Connection):
    """A response that becomes a stream can be ended; every other one finishes as it is."""

    _is_stream = False
    _start: Message | None = None
    _verdict: str | None = None

    # No coroutine function: what it returns is the server's own, which is cheaper.
    def send(self, message: Message) -> Awaitable[None]:
        if self.lasts or message.get("more_body"):
            return self._send_chunk(message)
        if message["type"] == "http.response.start":
            self._start = message
        return self._send(message)

    async def _send_chunk(self, message: Message) -> None:
        # A worker thread may call `send`, and have it awaited by the app's event loop.
        self._follow(message)
        await self._send(message)

    def end(self, code: str) -> None:
        """End it if it is a stream, or once it becomes one."""
        if self._verdict is None:
            self._verdict = code
        if self._is_stream and self.ended_by is None:
            last = {"type": "http.response.body", "body": b"", "more_body": False}
            self._finish(self._verdict, last)

    def _follow(self, message: Message) -> None:
        if not message.get("more_body"):
            self._is_stream = False
        elif not self.lasts and not _announces_length(self._start):
            self._is_stream = True
            self._connections.keep(self)
            if self._verdict is not None:
                self.end(self._verdict)
        if self.ended_by is not None:
            raise ConnectionOver(self)

    def _disconnect(self, code: str) -> Message:
        return {"type": "http.disconnect"}


def _announces_length(start: Message | None) -> bool:
    # It has an end of its own, in however many pieces it comes: to cut it off there
    # would break it.
    headers = start.get("headers", ()) if start is not None else ()
    return any(name.lower() == b"content-length" for name, _ in headers)


class WebSocketConnection(Connection):
    """A websocket is closed with 3000, also before it was accepted."""

    _has_received = False

    def __init__(
        self, receive: Receive, send: Send, signed_in: SignedIn, connections: "Connections"
    ) -> None:
        super().__init__(receive, send, signed_in, connections)
        connections.keep(self)

    async def receive(self) -> Message:
        if self._has_received:
            return await super().receive()
        # No app expects the end before the beginning, which servers have at hand.
        message = await self._receive()
        self._has_received = True
        return message

    def send(self, message: Message) -> Awaitable[None]:
        if self.ended_by is not None:
            raise ConnectionOver(self)
        return self._send(message)

    def end(self, code: str) -> None:
        if self.ended_by is None:
            close = {"type": "websocket.close", "code": WEBSOCKET_UNAUTHORIZED, "reason": code}
            self._finish(code, close)

    def _disconnect(self, code: str) -> Message:
        return {"type": "websocket.disconnect", "code": WEBSOCKET_UNAUTHORIZED, "reason": code}


class Connections:
    """Those under way: what lasts by its session, and what is `brief` in one set.

    Nearly all responses are sent in one piece and over in no time, and a set is the
    cheapest to enter and leave. What lasts is ended `maximum_life` seconds after it
    began. All of them run in one event loop, which is the feed's.
    """

    __slots__ = ("_ended", "_lasting", "brief", "maximum_life")

    def __init__(self, maximum_life: float | None = None) -> None:
        self.brief: set[Connection] = set()
        self.maximum_life = maximum_life
        self._lasting: dict[str, set[Connection]] = {}  # by session
        # Sessions that ended, which what is brief has not been told of.
        self._ended: dict[str, str] = {}

    def __iter__(self) -> Iterator[Connection]:
        yield from list(self.brief)
        for lasting in list(self._lasting.values()):
            yield from list(lasting)

    def keep(self, connection: Connection) -> None:
        """Take a brief one for one that lasts, unless it is over already."""
        if connection not in self.brief:
            return
        self.brief.discard(connection)
        connection.lasts = True
        session_id = connection.claims.session_id
        self._lasting.setdefault(session_id, set()).add(connection)
        if self.maximum_life is not None:
            connection.live_in_all(self.maximum_life)
        if session_id in self._ended:
            connection.end(self._ended[session_id])

    def remove(self, connection: Connection) -> None:
        """Let go of one that lasted."""
        connection.forget_life()
        connection.lasts = False
        session_id = connection.claims.session_id
        lasting = self._lasting[session_id]
        lasting.remove(connection)
        if not lasting:
            del self._lasting[session_id]

    def end_session(self, session_id: SessionId, code: str) -> None:
        for connection in list(self._lasting.get(session_id, ())):
            connection.end(code)
        # To look through all of the brief ones for each session would hold up the event
        # loop: they are told when they turn out to last, or of many sessions at once.
        if not self.brief:
            self._ended.clear()
            return
        self._ended[session_id] = code
        if len(self._ended) >= _TOLD_AT_ONCE:
            self._tell_brief()

    def _tell_brief(self) -> None:
        for connection in list(self.brief):
            code = self._ended.get(connection.claims.session_id)
            if code is not None:
                connection.end(code)
        self._ended.clear()

    def end_user(self, user_id: UserId, before: float, code: str) -> None:
        """End those of a user whose token was issued until `before` (seconds since the epoch)."""
        for connection in self:
            claims = connection.claims
            if claims.user_id == user_id and claims.issued_at <= before:
                connection.end(code)

    def end_older(self, before: float, code: str) -> None:
        """End those whose token was issued before `before`."""
        for connection in self:
            if connection.claims.issued_at < before:
                connection.end(code)

    def end_all(self, code: str) -> None:
        for connection in self:
            connection.end(code)
