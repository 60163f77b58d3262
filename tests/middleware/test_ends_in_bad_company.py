"""The end of a connection whose client, app, server or neighbours do not behave."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from edgepass._connections import ConnectionOver
from tests.middleware.streams import FAST, echo, guard_of, opened, requested, revoke
from tests.support.issuer import mint

REVOKED = (3000, "session_revoked")


@pytest.mark.parametrize("app_is_done", [False, True])
async def test_who_cancels_waits_for_no_client_that_does_not_read(
    clock, monkeypatch, app_is_done: bool
) -> None:
    monkeypatch.setattr("edgepass._live._PATIENCE", 0.01)
    told, drained = [], asyncio.Event()

    async def sleep(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.sleep(3600)

    async def drain(message: Any) -> None:
        try:
            await drained.wait()
        finally:
            told.append(message["code"])

    guard = guard_of(echo if app_is_done else sleep, clock)
    call = opened(guard, clock)
    await call.settle()
    (connection,) = guard._live._connections
    connection._send = drain
    revoke(guard)
    await call.settle()
    assert list(guard._live._connections) == ([] if app_is_done else [connection])
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.end()
    assert list(guard._live._connections) == []
    # Only what nobody waits for any more goes on.
    drained.set()
    await asyncio.wait((connection.farewell,))
    assert told == [3000]
    assert connection.farewell.cancelled() is not app_is_done


async def test_the_farewell_of_a_client_that_reads_slowly_is_waited_for(clock, monkeypatch) -> None:
    monkeypatch.setattr("edgepass._live._PATIENCE", 0.0)
    guard = guard_of(echo, clock)
    call = opened(guard, clock)
    await call.settle()
    drained, send = asyncio.Event(), call._send

    async def drain(message: Any) -> None:
        await drained.wait()
        await send(message)

    (connection,) = guard._live._connections
    connection._send = drain
    revoke(guard)
    await call.settle()
    assert not call.task.done()
    drained.set()
    await call.end()
    assert call.closes == [REVOKED]


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


async def test_a_worker_thread_may_stream(clock) -> None:
    async def streaming(scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            for chunk in (b"a", b"b", b"c", b""):
                message = {"type": "http.response.body", "body": chunk, "more_body": bool(chunk)}
                asyncio.run_coroutine_threadsafe(send(message), loop).result(20)

        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.to_thread(work)

    guard = guard_of(streaming, clock, maximum_connection_life=3600.0)
    call = requested(guard, clock)
    await call.end()
    assert call.body == b"abc"
    assert list(guard._live._connections) == []


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
