"""Websockets and streams: they end with their session, not with their token, and no other does."""

import asyncio
import itertools
import random
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from edgepass import SignedIn, TokenRefused
from edgepass._auth import Claims
from edgepass._connections import (
    LIFE_OVER,
    Connection,
    ConnectionOver,
    Connections,
    HttpConnection,
)
from tests.middleware.calls import App, bearer, http, http_scope
from tests.middleware.streams import FAST, Call, echo, guard_of, opened, requested, revoke, tell
from tests.support.feed import until
from tests.support.issuer import make_key, mint, session_claims

REVOKED = (3000, "session_revoked")


class Ticker:
    """Streams a chunk whenever a test says so."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.headers = list(headers)
        self.ticks: asyncio.Queue[bytes] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        while tick := await self.ticks.get():
            await send({"type": "http.response.body", "body": tick, "more_body": True})
        await send({"type": "http.response.body", "body": b"."})


async def test_a_websocket_of_a_revoked_session_is_closed_with_3000(clock) -> None:
    guard = guard_of(echo, clock)
    mine, theirs = opened(guard, clock), opened(guard, clock, sid="sess_2")
    await mine.settle()
    revoke(guard)
    await mine.end()
    assert mine.closes == [REVOKED]
    assert mine.scope["last"] == {
        "type": "websocket.disconnect",
        "code": 3000,
        "reason": "session_revoked",
    }
    theirs.incoming.put_nowait({"type": "websocket.receive", "text": "hello"})
    await theirs.settle()
    assert theirs.sent[-1] == {"type": "websocket.send", "text": "hello"}
    assert not theirs.task.done()
    theirs.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await theirs.end()
    assert list(guard._live._connections) == []


async def test_the_expiry_of_the_token_alone_closes_nothing(clock) -> None:
    guard = guard_of(echo, clock)
    call = opened(guard, clock)
    await call.settle()
    for _ in range(10):
        clock.advance(61)
        tell(guard, "heartbeat")
        call.incoming.put_nowait({"type": "websocket.receive", "text": "still here"})
        await call.settle()
    assert [each.get("text") for each in call.sent] == [None, *["still here"] * 10]
    revoke(guard)
    await call.end()
    assert call.closes == [REVOKED]


async def test_a_websocket_that_was_revoked_before_it_is_accepted_never_is(clock) -> None:
    may_accept = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await may_accept.wait()
        await send({"type": "websocket.accept"})

    guard = guard_of(slow, clock)
    call = opened(guard, clock)
    await call.settle()
    revoke(guard)
    await call.settle()
    may_accept.set()
    await call.end()
    assert [each["type"] for each in call.sent] == ["websocket.close"]
    assert call.closes == [REVOKED]


async def test_an_app_that_never_reads_cannot_keep_it_open(clock) -> None:
    go_on = asyncio.Event()

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await go_on.wait()
        await send({"type": "websocket.send", "text": "too late"})

    guard = guard_of(deaf, clock)
    call = opened(guard, clock)
    await call.settle()
    revoke(guard)
    await call.settle()
    assert (call.closes, call.task.done()) == ([REVOKED], False)
    go_on.set()
    await call.end()
    assert [each["type"] for each in call.sent] == ["websocket.accept", "websocket.close"]


async def test_what_the_app_reads_after_the_end_is_the_end(clock) -> None:
    seen: list[Any] = []

    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for _ in range(3):
            seen.append((await receive())["type"])

    guard = guard_of(stubborn, clock)
    call = opened(guard, clock)
    await call.settle()
    revoke(guard)
    revoke(guard)
    await call.end()
    assert (seen, call.closes) == (["websocket.disconnect"] * 3, [REVOKED])


async def test_a_server_that_has_closed_already_is_no_error(clock, caplog) -> None:
    guard = guard_of(echo, clock)
    call = opened(guard, clock)
    await call.settle()

    async def broken(message: Any) -> None:
        raise RuntimeError("Unexpected ASGI message 'websocket.close'")

    (connection,) = guard._live._connections
    connection._send = broken
    revoke(guard)
    await call.end()
    assert not caplog.records


@pytest.mark.parametrize("last", [b"2", b""])
async def test_a_stream_ends_as_a_whole_one_and_the_app_is_told(clock, last: bytes) -> None:
    app = Ticker()
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    app.ticks.put_nowait(b"1")
    await call.settle()
    revoke(guard)
    await call.settle()
    assert (call.body, call.is_finished) == (b"1", True)
    app.ticks.put_nowait(last)
    await call.end()
    assert call.body == b"1"


async def test_a_response_of_an_announced_length_is_never_cut(clock) -> None:
    app = Ticker((b"Content-Length", b"3"))
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    app.ticks.put_nowait(b"1")
    await call.settle()
    revoke(guard)
    app.ticks.put_nowait(b"2")
    await call.settle()
    app.ticks.put_nowait(b"")
    await call.end()
    assert (call.body, call.is_finished) == (b"12.", True)


async def test_an_answer_that_a_middleware_sends_on_in_pieces_is_whole(clock) -> None:
    is_revoked = asyncio.Event()

    async def sign_out(_: Request) -> PlainTextResponse:
        await is_revoked.wait()
        return PlainTextResponse("signed out")

    async def pass_on(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app = Starlette(
        routes=[Route("/", sign_out)], middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
    )
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    await call.settle()
    revoke(guard)
    is_revoked.set()
    await call.end()
    assert (call.body, call.is_finished) == (b"signed out", True)


async def test_what_is_revoked_before_the_first_chunk_sends_none(clock) -> None:
    app = Ticker()
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    await call.settle()
    assert [each["type"] for each in call.sent] == ["http.response.start"]
    revoke(guard)
    await call.settle()
    assert len(call.sent) == 1
    app.ticks.put_nowait(b"1")
    await call.end()
    assert (call.body, call.is_finished) == (b"", True)


async def test_an_answer_in_one_piece_is_finished_whatever_was_revoked(clock) -> None:
    app = Ticker()
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    await call.settle()
    revoke(guard)
    app.ticks.put_nowait(b"")
    await call.end()
    assert (call.body, call.is_finished) == (b".", True)
    assert (await http(guard, "/", bearer(mint(FAST, now=clock())))).code == "session_revoked"


async def test_a_request_of_another_session_is_not_ended(clock) -> None:
    mine, theirs = Ticker(), Ticker()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        of = {"sess_1": mine, "sess_2": theirs}[scope["edgepass"].session_id]
        await of(scope, receive, send)

    guard = guard_of(app, clock)
    calls = [requested(guard, clock), requested(guard, clock, sid="sess_2")]
    await calls[1].settle()
    revoke(guard)
    for ticker, call in zip((mine, theirs), calls, strict=True):
        ticker.ticks.put_nowait(b"1")
        ticker.ticks.put_nowait(b"")
        await call.end()
    assert [call.body for call in calls] == [b"", b"1."]
    assert list(guard._live._connections) == []


async def test_a_stream_that_is_over_is_not_ended_again(clock) -> None:
    app = Ticker()
    may_return = asyncio.Event()

    async def lingering(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        await may_return.wait()

    guard = guard_of(lingering, clock)
    call = requested(guard, clock)
    app.ticks.put_nowait(b"1")
    app.ticks.put_nowait(b"")
    await call.settle()
    revoke(guard)
    may_return.set()
    await call.end()
    assert call.body == b"1."


async def test_an_app_that_waits_for_the_client_is_told_that_it_went(clock) -> None:
    seen: list[str] = []

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])

    guard = guard_of(waits, clock)
    call = requested(guard, clock)
    await call.settle()
    revoke(guard)
    await call.end()
    assert (seen, call.is_finished) == (["http.disconnect"] * 2, True)


async def test_an_error_that_the_app_makes_of_the_end_is_not_hidden(clock) -> None:
    app = Ticker()

    async def faulty(scope: Any, receive: Any, send: Any) -> None:
        try:
            await app(scope, receive, send)
        except OSError:
            raise LookupError("of the app") from None

    guard = guard_of(faulty, clock)
    call = requested(guard, clock)
    app.ticks.put_nowait(b"1")
    await call.settle()
    revoke(guard)
    app.ticks.put_nowait(b"2")
    with pytest.raises(LookupError):
        await call.end()


async def test_each_reader_of_a_websocket_is_told_of_the_end_and_obeys_others(clock) -> None:
    readers: list[asyncio.Task[Any]] = []

    async def many(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        readers.extend(asyncio.ensure_future(receive()) for _ in range(3))
        await asyncio.wait(readers)

    guard = guard_of(many, clock)
    call = opened(guard, clock)
    await call.settle()
    readers[0].cancel()
    await call.settle()
    assert readers[0].cancelled()
    revoke(guard)
    await call.end()
    assert [each.result()["type"] for each in readers[1:]] == ["websocket.disconnect"] * 2


async def test_an_error_of_the_app_is_not_hidden(clock) -> None:
    async def faulty(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()
        raise LookupError("of the app")

    guard = guard_of(faulty, clock)
    call = opened(guard, clock)
    await call.settle()
    revoke(guard)
    with pytest.raises(LookupError):
        await call.end()
    assert call.closes == [REVOKED]
    assert list(guard._live._connections) == []


@pytest.mark.parametrize("has_another", [False, True])
async def test_of_a_group_of_errors_only_ours_are_hidden(clock, has_another: bool) -> None:
    over = asyncio.Event()

    async def many(scope: Any, receive: Any, send: Any) -> None:
        async def write() -> None:
            await over.wait()
            await send({"type": "websocket.send", "text": "x"})

        async def fail() -> None:
            await over.wait()
            if has_another:
                raise LookupError("of the app")

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            group.create_task(fail())

    guard = guard_of(many, clock)
    call = opened(guard, clock)
    await call.settle()
    revoke(guard)
    over.set()
    if not has_another:
        await call.end()
        return
    with pytest.raises(ExceptionGroup):
        await call.end()


async def test_who_cancels_the_app_is_obeyed(clock) -> None:
    guard = guard_of(echo, clock)
    call = opened(guard, clock)
    await call.settle()
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.end()
    assert list(guard._live._connections) == []


async def test_who_cancels_the_app_at_the_moment_of_the_end_is_obeyed(clock) -> None:
    guard = guard_of(echo, clock)
    call = opened(guard, clock)
    await call.settle()
    revoke(guard)
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.end()


async def test_a_timeout_around_the_reading_still_works(clock) -> None:
    outcomes: list[str] = []

    async def impatient(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            async with asyncio.timeout(0.01):
                await receive()
        except TimeoutError:
            outcomes.append("timeout")
        async with asyncio.timeout(20):
            outcomes.append((await receive())["type"])
        await asyncio.sleep(0)
        outcomes.append("alive")

    guard = guard_of(impatient, clock)
    call = opened(guard, clock)
    await until(lambda: bool(outcomes))
    await call.settle()
    revoke(guard)
    await call.end()
    assert outcomes == ["timeout", "websocket.disconnect", "alive"]


async def test_two_that_read_at_once_are_both_awake_in_the_end(clock) -> None:
    async def two(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        first, second = (asyncio.ensure_future(receive()) for _ in range(2))
        await first
        scope["second"] = await second

    guard = guard_of(two, clock)
    call = opened(guard, clock)
    await call.settle()
    call.incoming.put_nowait({"type": "websocket.receive", "text": "x"})
    await call.settle()
    revoke(guard)
    await call.end()
    assert call.scope["second"]["type"] == "websocket.disconnect"


@pytest.mark.parametrize("kind", ["websocket", "stream"])
async def test_a_connection_has_a_longest_life(clock, kind: str) -> None:
    if kind == "websocket":
        call = opened(guard_of(echo, clock, maximum_connection_life=0.05), clock)
        await call.end()
        assert call.closes == [(3000, LIFE_OVER)]
        return
    app = Ticker()
    call = requested(guard_of(app, clock, maximum_connection_life=0.05), clock)
    app.ticks.put_nowait(b"1")
    await until(lambda: bool(call.sent) and call.is_finished)
    app.ticks.put_nowait(b"2")
    await call.end()
    assert call.body == b"1"


class Renewing:
    """Renews with each text that comes, and says how that went."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            try:
                await scope["edgepass"].renew(message["text"])
            except TokenRefused as refused:
                self.outcomes.append(refused.code)
            else:
                self.outcomes.append("renewed")


def foreign(clock: Any) -> list[tuple[Any, str]]:
    now = clock()
    return [
        (mint(FAST, now=now, jti="next").decode(), "renewed"),
        (mint(FAST, now=now), "renewed"),
        (mint(FAST, now=now, sid="sess_2").decode(), "session_mismatch"),
        (mint(FAST, now=now, sub="user_2").decode(), "session_mismatch"),
        (mint(FAST, now=now - 66).decode(), "token_expired"),
        (mint(FAST, now=now, iss="https://other.example").decode(), "issuer_mismatch"),
        (mint(make_key("ES256", "stranger"), now=now).decode(), "unknown_key"),
        (mint(FAST, now=now, sts="pending").decode(), "session_pending"),
        ("", "token_malformed"),
        ("garbage", "token_malformed"),
        ("\ud800.\ud800.\ud800", "token_malformed"),
        ("é" * 9000, "token_too_large"),
        (b"\xff.\x00.\n", "token_malformed"),
    ]


async def test_a_websocket_is_renewed_by_a_token_of_its_session_only(clock) -> None:
    app = Renewing()
    call = opened(guard_of(app, clock), clock)
    clock.advance(50)
    tries = foreign(clock)
    for token, _ in tries:
        call.incoming.put_nowait({"type": "websocket.receive", "text": token})
        await call.settle()
    assert app.outcomes == [outcome for _, outcome in tries]
    assert call.scope["edgepass"] is call.scope["user"] is call.scope["auth"]
    assert call.scope["edgepass"].claims.issued_at == clock()
    assert not call.closes
    call.task.cancel()


async def test_a_revoked_session_renews_nothing(clock) -> None:
    states: list[Any] = []

    async def keeps(scope: Any, receive: Any, send: Any) -> None:
        states.append(scope["edgepass"])
        await echo(scope, receive, send)

    guard = guard_of(keeps, clock)
    call = opened(guard, clock)
    await call.settle()
    token = mint(FAST, now=clock(), jti="next")
    revoke(guard)
    with pytest.raises(TokenRefused) as refused:
        await states[0].renew(token)
    assert refused.value.code == "session_revoked"
    await call.end()
    clock.advance(306)
    tell(guard, "heartbeat")
    with pytest.raises(ConnectionOver, match="session_revoked"):
        await states[0].renew(mint(FAST, now=clock()))


async def test_a_renewed_websocket_outlives_a_mark_on_older_tokens(clock) -> None:
    app = Renewing()
    guard = guard_of(app, clock)
    renewed, other = opened(guard, clock), opened(guard, clock)
    await other.settle()
    mark = clock()
    clock.advance(10)
    token = mint(FAST, now=clock()).decode()
    renewed.incoming.put_nowait({"type": "websocket.receive", "text": token})
    await renewed.settle()
    tell(guard, "user", user_id="user_1", at=mark)
    await other.end()
    assert (other.closes, renewed.closes) == ([REVOKED], [])
    renewed.task.cancel()


async def test_a_renewal_begins_a_life_anew(clock) -> None:
    app = Renewing()
    guard = guard_of(app, clock, maximum_connection_life=0.3)
    call = opened(guard, clock)
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < 0.5:
        call.incoming.put_nowait({"type": "websocket.receive", "text": mint(FAST).decode()})
        await asyncio.sleep(0.02)
    assert not call.closes
    assert set(app.outcomes) == {"renewed"}
    await call.end()
    assert call.closes == [(3000, LIFE_OVER)]


async def test_a_websocket_is_renewed_also_without_a_feed_and_without_a_limit(clock) -> None:
    app = Renewing()
    guard = guard_of(app, clock, maximum_connection_life=None)
    call = opened(guard, clock)
    fresh = mint(FAST, now=clock(), jti="next").decode()
    call.incoming.put_nowait({"type": "websocket.receive", "text": fresh})
    await call.settle()
    assert app.outcomes == ["renewed"]
    call.task.cancel()


async def test_only_a_websocket_can_be_renewed(clock) -> None:
    app = App()
    await http(guard_of(app, clock), "/", bearer(mint(FAST)))
    with pytest.raises(RuntimeError, match="websocket"):
        await app.state.renew(mint(FAST))


def begun(connections: Connections, count: int, session: str = "sess_1") -> list[Connection]:
    async def nothing(*_: object) -> Any: ...

    signed_in = SignedIn(Claims(session_claims(sid=session)), 1)
    return [HttpConnection(nothing, nothing, signed_in, connections) for _ in range(count)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
async def test_connections_of_one_session_may_leave_in_any_order(order: tuple[int, ...]) -> None:
    connections = Connections()
    mine, other = begun(connections, 4), begun(connections, 1, "sess_2")
    for connection in (*mine, *other):
        connections.keep(connection)
    left = set(mine)
    for number in order:
        connections.remove(mine[number])
        left.remove(mine[number])
        assert set(connections) == {*left, *other}
    connections.remove(other[0])
    assert list(connections) == []
    assert connections._lasting == {}


async def test_any_coming_and_going_leaves_those_that_are_there() -> None:
    chance = random.Random(1)
    connections, there = Connections(), set[Connection]()
    for _ in range(3_000):
        if there and chance.random() < 0.5:
            gone = chance.choice(sorted(there, key=id))
            there.remove(gone)
            connections.remove(gone)
        else:
            (new,) = begun(connections, 1, f"sess_{chance.randrange(5)}")
            there.add(new)
            connections.keep(new)
        assert set(connections) == there


def nothing_is_left(guard: Any) -> bool:
    connections = guard._live._connections
    return not connections.brief and connections._lasting == {}


async def known(guard: Any, clock: Any, **claims: Any) -> bytes:
    """Return a token that `guard` has seen, so that its requests are recalled."""
    token = mint(FAST, now=clock(), **claims)
    await http(guard, "/", bearer(token))
    assert guard._cache.recall(bearer(token), clock()) is not None
    return token


async def test_a_request_that_is_over_leaves_nothing_behind(clock) -> None:
    class Failing(App):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)
            raise LookupError("of the app")

    guard, failing = guard_of(App(), clock), guard_of(Failing(), clock)
    token = mint(FAST, now=clock())
    for _ in range(2):
        assert (await http(guard, "/", bearer(token))).status == 200
        with pytest.raises(LookupError):
            await http(failing, "/", bearer(token))
    assert nothing_is_left(guard)
    assert nothing_is_left(failing)


async def test_a_recalled_request_has_all_three_names_of_its_state(clock) -> None:
    app = App()
    guard = guard_of(app, clock)
    await http(guard, "/", bearer(await known(guard, clock)))
    assert app.state.is_authenticated
    assert app.scopes[-1]["user"] is app.scopes[-1]["auth"] is app.state


async def test_a_request_that_never_begins_leaves_nothing_behind(clock) -> None:
    guard = guard_of(App(), clock)
    scope = http_scope("/", bearer(await known(guard, clock)))
    task = asyncio.ensure_future(guard(scope, None, None))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert nothing_is_left(guard)


async def test_a_stream_that_begins_after_its_app_is_over_is_not_kept(clock) -> None:
    senders: list[Any] = []

    async def leaves(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        senders.append(send)

    guard = guard_of(leaves, clock)
    call = requested(guard, clock)
    await call.end()
    await senders[0]({"type": "http.response.body", "body": b"1", "more_body": True})
    assert call.body == b"1"
    assert nothing_is_left(guard)


ENDS = {
    "session": {"session_id": "sess_1", "user_id": "user_1"},
    "client": {"sessions": [{"session_id": "sess_1", "user_id": "user_1"}]},
    "user": {"user_id": "user_1"},
    "key": {"key_id": "key-3"},
    "erased": {},
}


@pytest.mark.parametrize("late", [0, 70, 200])
@pytest.mark.parametrize("kind", ENDS)
async def test_whatever_ends_a_request_before_it_begins_refuses_it(
    clock, kind: str, late: int
) -> None:
    guard = guard_of(App(), clock)
    tell(guard, "hello", token_lifetime=60, resumed=False)
    call = requested(guard, clock, await known(guard, clock))
    revoked_at = clock()
    clock.advance(late)
    tell(guard, kind, at=revoked_at, **ENDS[kind])
    await call.end()
    # What was erased without a trace had no living tokens any more.
    is_alive = kind == "erased" and not late
    assert call.sent[0]["status"] == (200 if is_alive else 401)
    assert nothing_is_left(guard)


@pytest.mark.parametrize("kind", ENDS)
async def test_whatever_ends_a_request_before_its_first_chunk_ends_the_stream(
    clock, kind: str
) -> None:
    app = Ticker()
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    await call.settle()
    tell(guard, kind, **ENDS[kind])
    app.ticks.put_nowait(b"1")
    await call.end()
    assert (call.body, call.is_finished) == (b"", True)
    assert nothing_is_left(guard)


async def test_of_any_number_of_sessions_that_end_each_request_is_told(clock) -> None:
    app = Ticker()
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    await call.settle()
    revoke(guard)
    for number in range(2_500):
        revoke(guard, f"sess_9{number}", "user_9")
        assert len(guard._live._connections._ended) < 1_000
    app.ticks.put_nowait(b"1")
    await call.end()
    assert call.body == b""
    revoke(guard, "sess_90", "user_9")
    assert guard._live._connections._ended == {}


async def test_a_session_that_ends_is_not_looked_for_among_the_requests_under_way(clock) -> None:
    class Counted(set[Any]):
        walks = 0

        def __iter__(self) -> Any:
            self.walks += 1
            return super().__iter__()

    guard = guard_of(Ticker(), clock)
    connections = guard._live._connections
    connections.brief = Counted()
    calls = [requested(guard, clock) for _ in range(10)]
    await calls[-1].settle()
    assert len(connections.brief) == 10
    for number in range(999):
        revoke(guard, f"sess_9{number}", "user_9")
    assert connections.brief.walks == 0
    for call in calls:
        call.task.cancel()


@pytest.mark.parametrize(("late", "body"), [(0.0, b"1"), (0.6, b"")])
async def test_the_longest_life_of_a_stream_begins_with_its_request(
    clock, late: float, body: bytes
) -> None:
    app = Ticker()
    guard = guard_of(app, clock, maximum_connection_life=0.5)
    call = requested(guard, clock)
    await call.settle()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await until(lambda: loop.time() - began >= late)
    app.ticks.put_nowait(b"1")
    await until(lambda: call.is_finished)
    app.ticks.put_nowait(b"2")
    await call.end()
    assert call.body == body


async def test_the_timer_of_a_stream_that_is_over_is_gone(clock) -> None:
    app = Ticker()
    guard = guard_of(app, clock)
    call = requested(guard, clock)
    app.ticks.put_nowait(b"1")
    await call.settle()
    (connection,) = guard._live._connections
    assert not connection._timer.cancelled()
    app.ticks.put_nowait(b"")
    await call.end()
    assert connection._timer.cancelled()


async def test_a_thousand_websockets_of_one_session_all_close(clock) -> None:
    guard = guard_of(echo, clock)
    calls = [opened(guard, clock) for _ in range(1_000)]
    await calls[-1].settle()
    revoke(guard)
    await asyncio.gather(*(call.end() for call in calls))
    assert {tuple(call.closes) for call in calls} == {(REVOKED,)}
    assert list(guard._live._connections) == []


async def test_starlettes_own_endpoints_end_in_good_order(clock, caplog) -> None:
    seen: list[int] = []

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect as over:
            seen.append(over.code)

    async def stream(_: Any) -> StreamingResponse:
        async def ticks() -> Any:
            while True:
                yield b"x"
                await asyncio.sleep(0.005)

        return StreamingResponse(ticks())

    app = Starlette(routes=[WebSocketRoute("/", socket), Route("/", stream)])
    guard = guard_of(app, clock)
    calls: list[Call] = [opened(guard, clock), requested(guard, clock)]
    await until(lambda: b"x" in calls[1].body)
    await calls[0].settle()
    revoke(guard)
    for call in calls:
        await call.end()
    assert (seen, calls[0].closes, calls[1].is_finished) == ([3000], [REVOKED], True)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
