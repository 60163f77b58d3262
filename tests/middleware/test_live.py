"""The middleware and its feed: what an edge does until it is there, while it lasts, and without."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from edgepass import EdgepassMiddleware, KeySet
from edgepass._live import READY_TIMEOUT
from tests.middleware.calls import App, bearer, http, websocket
from tests.middleware.streams import FAST, guard_of, opened
from tests.middleware.test_connections import echo
from tests.support.feed import HEAD, FakeFeed, chunk, event, hello, revoked, until
from tests.support.issuer import ISSUER, NOW, jwks, mint

Guarded = AsyncIterator[Any]
EDGE_KEY = "ek_test_" + "0123456789abcdef" * 4
KEYS = KeySet.from_jwks(jwks(FAST))


class Script:
    """A feed that tells `snapshot` once it `may_answer`, then `news` each tenth of a second.

    With `is_cut` set it ends each connection, and refuses new ones.
    """

    def __init__(self, snapshot: bytes = b"") -> None:
        self.snapshot = snapshot
        self.may_answer = asyncio.Event()
        self.is_cut = False
        self.news: list[bytes] = []

    async def __call__(self, number: int, _: bytes) -> AsyncIterator[bytes]:
        await self.may_answer.wait()
        if self.is_cut:
            return
        yield (
            HEAD
            + chunk(hello(resumed=number > 0))
            + chunk(self.snapshot + event("caught_up", {}, 9))
        )
        while not self.is_cut:
            news = b"".join(self.news)
            self.news.clear()
            self.snapshot += news
            yield chunk(news + event("heartbeat", {}, 10))
            await asyncio.sleep(0.1)


@asynccontextmanager
async def guarded(
    script: Script, clock: Any, app: Any = None, **options: Any
) -> AsyncIterator[Any]:
    async with FakeFeed(script) as server:
        guard = EdgepassMiddleware(
            app or App(),
            issuer=ISSUER,
            keys=KEYS,
            clock=clock,
            public=["/login"],
            edge_key=EDGE_KEY,
            revocations_uri=server.url + "/v1/revocations",
            **options,
        )
        try:
            yield guard
        finally:
            await guard._live.stop()


def token(session: str = "sess_1", now: float = NOW) -> list[tuple[bytes, bytes]]:
    return bearer(mint(FAST, now=now, sid=session))


async def code_of(guard: Any, session: str = "sess_1") -> str:
    reply = await http(guard, "/", token(session))
    return "" if reply.status == 200 else reply.code


async def test_the_first_request_waits_for_the_snapshot_where_it_is_needed(clock) -> None:
    script = Script(revoked("sess_1", NOW, 9))
    async with guarded(script, clock, when_stale="refuse") as guard:
        asked = [asyncio.create_task(code_of(guard, name)) for name in ("sess_1", "sess_2")]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in asked)
        script.may_answer.set()
        assert await asyncio.gather(*asked) == ["session_revoked", ""]


async def test_a_snapshot_that_never_comes_is_503_after_a_while_and_then_at_once(clock) -> None:
    async with guarded(Script(), clock, when_stale="refuse") as guard:
        began = time.monotonic()
        replies = await asyncio.gather(*(http(guard, "/", token()) for _ in range(50)))
        assert READY_TIMEOUT - 0.1 < time.monotonic() - began < READY_TIMEOUT + 2
        assert {(each.status, each.code) for each in replies} == {(503, "revocations_stale")}
        assert replies[0].headers[b"retry-after"] == b"2"
        assert b"www-authenticate" not in replies[0].headers
        began = time.monotonic()
        for number in range(20):
            assert await code_of(guard, f"sess_{number}") == "revocations_stale"
        assert time.monotonic() - began < 1
        assert (await http(guard, "/login")).status == 200
        assert (await http(guard, "/login", token())).status == 200
        assert (await http(guard, "/")).code == "credential_missing"
        (close,) = await websocket(guard, "/", token())
        assert close["reason"] == "revocations_stale"


async def test_without_a_need_no_request_waits(clock) -> None:
    async with guarded(Script(), clock) as guard:
        began = time.monotonic()
        assert await code_of(guard) == ""
        assert time.monotonic() - began < 1
        assert guard.health()["feed"] == "catching_up"


async def test_a_cached_token_dies_with_its_entry(clock) -> None:
    script = Script()
    script.may_answer.set()
    async with guarded(script, clock) as guard:
        assert [await code_of(guard, name) for name in ("sess_1", "sess_2")] == ["", ""]
        assert guard.health()["tokens"] == 2
        script.news.append(revoked("sess_1", NOW, 10))
        await until(lambda: guard.health()["revocations"] == 1)
        assert await code_of(guard, "sess_1") == "session_revoked"
        assert await code_of(guard, "sess_2") == ""


async def test_an_edge_that_refuses_recovers_by_itself(clock) -> None:
    script = Script()
    script.may_answer.set()
    async with guarded(script, clock, echo, when_stale="refuse", stale_after=3) as guard:
        guard._live._client._stale_after = 0.5
        call = opened(guard, clock)
        await until(lambda: bool(call.sent))
        script.is_cut = True
        await call.end()
        assert call.closes == [(3000, "revocations_stale")]
        assert (await http_of(guard)).code == "revocations_stale"
        script.is_cut = False
        await until(lambda: guard.health()["feed"] == "live")
        again = opened(guard, clock)
        await until(lambda: bool(again.sent))
        assert again.sent == [{"type": "websocket.accept"}]
        again.task.cancel()


async def http_of(guard: Any) -> Any:
    return await http(guard, "/", token("sess_9"))


async def test_an_edge_that_allows_goes_on_with_what_it_knows(clock) -> None:
    script = Script(revoked("sess_1", NOW, 9))
    script.may_answer.set()
    async with guarded(script, clock, stale_after=3) as guard:
        await http_of(guard)
        await until(lambda: guard.health()["feed"] == "live")
        script.is_cut = True
        guard._live._client._stale_after = guard._live._client._heard_moment = 0.0
        await until(lambda: guard.health()["feed"] == "stale")
        assert [await code_of(guard, name) for name in ("sess_1", "sess_2")] == [
            "session_revoked",
            "",
        ]


async def test_silence_does_not_end_what_an_edge_that_allows_has_under_way(clock) -> None:
    script = Script()
    script.may_answer.set()
    async with guarded(script, clock, echo) as guard:
        call = opened(guard, clock)
        await until(lambda: bool(call.sent))
        script.is_cut = True
        guard._live._client._stale_after = 0.1
        await until(lambda: guard.health()["feed"] == "stale")
        await asyncio.sleep(0.5)
        assert (call.closes, call.task.done()) == ([], False)
        await call.scope["edgepass"].renew(mint(FAST, now=clock(), jti="next"))
        assert call.scope["edgepass"].claims.token_id == "next"
        call.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await call.end()


async def test_without_an_edge_key_there_is_nothing_to_begin_or_end(clock) -> None:
    guard = guard_of(App(), clock)
    before = asyncio.all_tasks()
    guard._live.start()
    assert (await http(guard, "/", token())).status == 200
    assert guard.health()["feed"] == "off"
    assert asyncio.all_tasks() == before
    await guard._live.stop()


async def test_an_event_loop_that_was_blocked_for_4_seconds_heals_by_itself(clock) -> None:
    script = Script()
    script.may_answer.set()
    async with guarded(script, clock, when_stale="refuse") as guard:
        assert await code_of(guard) == ""
        script.news.append(revoked("sess_1", NOW, 10))
        time.sleep(4)  # noqa: ASYNC251 - this is what an app does that blocks
        assert await code_of(guard, "sess_2") == ""
        await until(lambda: guard.health()["revocations"] == 1)
        assert await code_of(guard) == "session_revoked"
        assert guard.health()["feed"] == "live"


async def test_health_is_plain_and_tells_how_the_feed_stands(clock) -> None:
    script = Script(revoked("sess_1", NOW, 9))
    async with guarded(script, clock) as guard:
        before = guard.health()
        assert (before["feed"], before["feed_cursor"], before["revocations"]) == (
            "catching_up",
            None,
            0,
        )
        script.may_answer.set()
        await code_of(guard, "sess_2")
        await until(lambda: guard.health()["feed"] == "live")
        after = guard.health()
        assert (after["revocations"], after["tokens"], after["keys"]) == (1, 1, 1)
        assert after["feed_cursor"] in (9, 10)
        assert after["feed_silent_for"] < 5
        assert json.loads(json.dumps(after)) == after
    plain = EdgepassMiddleware(App(), issuer=ISSUER, keys=KEYS)
    assert plain.health()["feed"] == "off"


async def test_a_key_that_is_withdrawn_verifies_nothing_from_then_on(clock) -> None:
    script = Script()
    script.may_answer.set()
    async with guarded(script, clock) as guard:
        assert await code_of(guard) == ""
        script.news.append(event("key", {"key_id": FAST.key_id}, 10))
        await until(lambda: guard.health()["keys"] == 0)
        assert guard.health()["tokens"] == 0
        assert await code_of(guard) == "unknown_key"


async def test_the_feed_begins_and_ends_with_the_lifespan(clock) -> None:
    script = Script()
    script.may_answer.set()
    running, may_end = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        running.set()
        await may_end.wait()

    async with guarded(script, clock, app) as guard:
        before = asyncio.all_tasks()

        async def nothing(*_: object) -> Any: ...

        life = asyncio.create_task(guard({"type": "lifespan"}, nothing, nothing))
        await running.wait()
        await until(lambda: guard.health()["feed"] == "live")
        may_end.set()
        await life
        left = {task for task in asyncio.all_tasks() - before if "FakeFeed" not in repr(task)}
        assert not left


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"when_stale": "block", "edge_key": EDGE_KEY}, "must be .allow. or .refuse."),
        ({"when_stale": "refuse"}, "edge_key"),
        ({"edge_key": EDGE_KEY, "stale_after": 2.9}, "stale_after"),
        ({"edge_key": EDGE_KEY, "stale_after": float("nan")}, "stale_after"),
        ({"edge_key": EDGE_KEY, "leeway": 56}, "leeway"),
        ({"edge_key": EDGE_KEY, "revocations_uri": "http://auth.example.com/x"}, "https"),
        ({"edge_key": ""}, "edge_key"),
        ({"maximum_connection_life": 0}, "maximum_connection_life"),
        ({"maximum_connection_life": -1}, "maximum_connection_life"),
        ({"maximum_connection_life": float("nan")}, "maximum_connection_life"),
    ],
)
def test_settings_that_cannot_work_fail_at_once(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        EdgepassMiddleware(App(), issuer=ISSUER, keys=KEYS, **options)
