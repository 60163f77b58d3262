"""Requests that may outlive their token: ended by a revocation, not by the token's short life.

A websocket is closed with code 3000. A streaming response ends, and its app is
told as it would be of a client that went away: `http.disconnect`, then an
`OSError` from `send` (ASGI 2.4). Every other request finishes as it is.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from enum import Enum, auto

from edgepass._asgi import WEBSOCKET_UNAUTHORIZED, Message, Receive, Scope, Send
from edgepass._auth import Claims

LIFE_OVER = "connection_life_over"


class ConnectionOver(ConnectionError):
    """The app sends on a connection that was ended."""


class Stage(Enum):
    """What a connection turned out to be so far."""

    REQUEST = auto()  # answered in one piece, or not yet
    STREAM = auto()
    SIZED_STREAM = auto()  # of a length that was announced: it can be cut off, not ended
    WEBSOCKET = auto()


class Connection:
    """One request of a session, between the server and the app.

    `ended_by` is the code of what ended it, `None` while it goes on.
    """

    __slots__ = (
        "_farewell",
        "_has_begun",
        "_receive",
        "_receiver",
        "_send",
        "_stage",
        "_start",
        "_timer",
        "_verdict",
        "claims",
        "ended_by",
        "next",
        "session_id",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, claims: Claims) -> None:
        self.claims = claims
        self.session_id = claims.session_id
        self.ended_by: str | None = None
        self.next: Connection | None = None
        self._stage = Stage.WEBSOCKET if scope["type"] == "websocket" else Stage.REQUEST
        self._has_begun = self._stage is not Stage.WEBSOCKET
        self._start: Message | None = None
        self._verdict: str | None = None
        self._receive = receive
        self._send = send
        self._receiver: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._farewell: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        # No app expects the end of a websocket before its beginning, which servers have at hand.
        if self.ended_by is not None and self._has_begun:
            return self._disconnect()
        task = asyncio.current_task()
        assert task is not None, "an ASGI app runs in a task"
        self._receiver = task
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            # Whoever else wants the task to end is obeyed.
            if self.ended_by is None or task.uncancel() > 0:
                raise
            return self._disconnect()
        else:
            self._has_begun = True
            return message
        finally:
            if self._receiver is task:
                self._receiver = None

    def send(self, message: Message) -> Awaitable[None]:
        # Not a coroutine function: what it returns is the server's own, which is cheaper.
        if self._stage is not Stage.WEBSOCKET:
            self._note(message)
        if self.ended_by is not None:
            raise ConnectionOver(f"the connection was ended: {self.ended_by}")
        return self._send(message)

    def end(self, code: str) -> None:
        """End it because of `code`; a request that is no stream finishes, and must not become one.

        The app is not waited for.
        """
        self._verdict = self._verdict or code
        if self._stage is Stage.REQUEST or self.ended_by is not None:
            return
        self.ended_by = self._verdict
        if self._stage is not Stage.SIZED_STREAM:
            self._farewell = asyncio.get_running_loop().create_task(self._say_farewell())
        if self._receiver is not None:
            self._receiver.cancel()

    async def leave(self) -> None:
        """Let the end be told before the app is: a server cuts off what was not finished."""
        self.forget_life()
        if self._farewell is not None:
            # wait() and not await: who cancels the app does not cancel the farewell.
            await asyncio.wait((self._farewell,))

    def live_for(self, seconds: float) -> None:
        """End it in so many seconds, however long it was to live before."""
        self.forget_life()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end, LIFE_OVER)

    def forget_life(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message.get("more_body", False):
            if self._stage is Stage.REQUEST:
                self._stage = Stage.SIZED_STREAM if self._is_sized() else Stage.STREAM
            if self._verdict is not None:
                self.end(self._verdict)
        elif self.ended_by is None:
            self._stage = Stage.REQUEST

    def _is_sized(self) -> bool:
        headers = self._start.get("headers", ()) if self._start is not None else ()
        return any(name.lower() == b"content-length" for name, _ in headers)

    async def _say_farewell(self) -> None:
        if self._stage is Stage.WEBSOCKET:
            code, reason = WEBSOCKET_UNAUTHORIZED, self.ended_by
            message: Message = {"type": "websocket.close", "code": code, "reason": reason}
        else:
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        # The app or the client may have closed already, which each server says in its own way.
        with suppress(Exception):
            await self._send(message)

    def _disconnect(self) -> Message:
        if self._stage is not Stage.WEBSOCKET:
            return {"type": "http.disconnect"}
        code, reason = WEBSOCKET_UNAUTHORIZED, self.ended_by
        return {"type": "websocket.disconnect", "code": code, "reason": reason}


class Connections:
    """Those under way, by session. Each session's are a chain: most have one, for microseconds."""

    __slots__ = ("_first",)

    def __init__(self) -> None:
        self._first: dict[str, Connection] = {}

    def __iter__(self) -> Iterator[Connection]:
        for first in list(self._first.values()):
            yield from _chain(first)

    def add(self, connection: Connection) -> None:
        connection.next = self._first.get(connection.session_id)
        self._first[connection.session_id] = connection

    def remove(self, connection: Connection) -> None:
        session_id = connection.session_id
        first = self._first[session_id]
        if first is not connection:
            before = next(c for c in _chain(first) if c.next is connection)
            before.next = connection.next
        elif connection.next is not None:
            self._first[session_id] = connection.next
        else:
            del self._first[session_id]

    def end_session(self, session_id: str, code: str) -> None:
        for connection in list(_chain(self._first.get(session_id))):
            connection.end(code)

    def end_user(self, user_id: str, before: float, code: str) -> None:
        """End those of a user whose token was issued until `before` (seconds since the epoch)."""
        for connection in self:
            claims = connection.claims
            if claims.user_id == user_id and claims.issued_at <= before:
                connection.end(code)

    def end_all(self, code: str) -> None:
        for connection in self:
            connection.end(code)


def _chain(first: Connection | None) -> Iterator[Connection]:
    while first is not None:
        yield first
        first = first.next
