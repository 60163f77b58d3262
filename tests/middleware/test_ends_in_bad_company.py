"""The end of a connection whose client, app, server or neighbours do not behave."""

import asyncio
import threading
from contextlib import suppress
from typing import Any

import pytest

from edgepass import SignedIn
from edgepass._auth import Claims
from edgepass._connections import ConnectionOver, Connections, WebSocketConnection
from tests.middleware.calls import bearer, websocket_scope
from tests.middleware.streams import FAST, guard_of, opened, requested, revoke
from tests.support.issuer import mint, session_claims

REVOKED = (3000, "session_revoked")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def sleep(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await asyncio.sleep(3600)


@pytest.mark.parametrize("app", [echo, sleep])
async def test_a_client_that_does_not_take_its_farewell_holds_nobody_up(
    clock, monkeypatch, app: Any
) -> None:
    monkeypatch.setattr("edgepass._live.FAREWELL_TIMEOUT", 0.05)
    guard = guard_of(app, clock)
    call = opened(guard, clock)
    await call.settle()
    never = asyncio.Event()

    async def drain(message: Any) -> None:
        await never.wait()

    (connection,) = guard._live._connections
    connection._send = drain
    revoke(guard)
    await call.settle()
    assert not call.task.done()
    if app is sleep:
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.end()
    else:
        await call.end()
    assert list(guard._live._connections) == []
    never.set()


async def test_the_end_of_another_connection_is_an_error_like_any_other(clock) -> None:
    room: list[Any] = []

    async def chat(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        room.append(send)
        while (message := await receive())["type"] == "websocket.receive":
            for each in list(room):
                await each({"type": "websocket.send", "text": message["text"]})

    guard = guard_of(chat, clock)
    theirs = opened(guard, clock, sid="sess_2", sub="user_2")
    mine = opened(guard, clock)
    await mine.settle()
    revoke(guard, "sess_2", "user_2")
    await theirs.end()
    mine.incoming.put_nowait({"type": "websocket.receive", "text": "hello"})
    with pytest.raises(ConnectionOver, match="session_revoked"):
        await mine.end()
    assert theirs.closes == [REVOKED]


async def test_the_app_is_told_of_the_end_also_after_it_swallowed_a_cancellation(clock) -> None:
    read = []

    async def swallowing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with suppress(asyncio.CancelledError):  # and no uncancel(), which older libraries lack
            await asyncio.sleep(3600)
        read.append(await receive())

    guard = guard_of(swallowing, clock)
    call = opened(guard, clock)
    await call.settle()
    revoke(guard)
    await call.end()
    assert [message["type"] for message in read] == ["websocket.disconnect"]
    assert call.closes == [REVOKED]


async def test_what_runs_in_another_event_loop_ends_there(clock) -> None:
    guard = guard_of(echo, clock)
    accepted = threading.Event()
    sent: list[tuple[str, int]] = []

    async def serve() -> None:
        async def receive() -> dict[str, Any]:
            if not sent:
                return {"type": "websocket.connect"}
            return await asyncio.get_running_loop().create_future()

        async def send(message: dict[str, Any]) -> None:
            sent.append((message["type"], threading.get_ident()))
            accepted.set()

        scope = websocket_scope("/", bearer(mint(FAST, now=clock())))
        async with asyncio.timeout(20):
            await guard(scope, receive, send)

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert await asyncio.to_thread(accepted.wait, 20)
    revoke(guard)
    await asyncio.to_thread(thread.join, 20)
    assert sent == [("websocket.accept", thread.ident), ("websocket.close", thread.ident)]
    assert list(guard._live._connections) == []


async def test_what_a_closed_event_loop_left_behind_is_no_error() -> None:
    async def nothing(*_: object) -> Any: ...

    connections = Connections()
    signed_in = SignedIn(Claims(session_claims()), 1)

    async def leave() -> WebSocketConnection:
        return WebSocketConnection(nothing, nothing, signed_in, connections)

    connection = await asyncio.to_thread(lambda: asyncio.run(leave()))
    connections.end_session(signed_in.session_id, "session_revoked")
    assert connection.ended_by is None


async def test_a_websocket_that_is_over_is_not_renewed(clock) -> None:
    states = []

    async def brief(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        states.append(scope["edgepass"])

    guard = guard_of(brief, clock, maximum_connection_life=60.0)
    await opened(guard, clock).end()
    (state,) = states
    with pytest.raises(ConnectionOver, match="app is done"):
        await state.renew(mint(FAST, now=clock()))
    assert state._connection._timer.cancelled()


async def test_an_announced_length_is_remembered_whatever_is_sent_after_it(clock) -> None:
    go_on = asyncio.Event()

    async def pushing(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"6")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.push", "path": "/a.css", "headers": []})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"def", "more_body": False})

    guard = guard_of(pushing, clock)
    call = requested(guard, clock)
    await call.settle()
    revoke(guard)
    go_on.set()
    await call.end()
    assert call.body == b"abcdef"
