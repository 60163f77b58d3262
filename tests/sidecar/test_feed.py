"""The revocation feed: who may listen, what a listener is told, and where it goes on."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.api import feed
from edgepass_sidecar.event import Event
from edgepass_sidecar.feed_entry import (
    COMMITTED_AT_LATEST,
    FEED_EVENTS,
    KEY_EVENTS,
    encode_message,
    feed_entry,
)
from edgepass_sidecar.secret_key import KeyScope
from edgepass_sidecar.service import feed as service
from edgepass_sidecar.service.secret_keys import create_secret_key, revoke_secret_key
from edgepass_sidecar.store import StoreUnavailable
from tests.conftest import Clock
from tests.sidecar.listeners import EDGE_KEY, Listener, edge_settings, read, revoked, sessions
from tests.support.feed import until
from tests.support.issuer import NOW
from tests.support.sidecar import SECRET_KEY, Sidecar, error_code, run_sidecar
from tests.support.standards import FULL


@pytest.fixture
async def sidecar(clock: Clock, store_setting: str) -> AsyncIterator[Sidecar]:
    async with run_sidecar(clock, edge_settings(STORE=store_setting)) as running:
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer(SECRET_KEY),
        bearer(EDGE_KEY[:-1]),
        bearer(EDGE_KEY + "0"),
        {"authorization": f"Basic {EDGE_KEY}"},
        {"authorization": EDGE_KEY},
        {"cookie": f"__session={EDGE_KEY}"},
    ],
)
async def test_only_an_edge_key_opens_the_feed(sidecar: Sidecar, headers: dict[str, str]) -> None:
    answer = await sidecar.http.get("/v1/revocations", headers=headers)
    assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")


async def test_an_edge_key_opens_nothing_else(sidecar: Sidecar) -> None:
    for path in ("/v1/users", "/v1/sessions", "/v1/clients", "/v1/events"):
        answer = await sidecar.http.get(path, headers=bearer(EDGE_KEY))
        assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")


async def test_a_key_in_the_query_opens_nothing(sidecar: Sidecar) -> None:
    answer = await sidecar.http.get(f"/v1/revocations?key={EDGE_KEY}&access_token={EDGE_KEY}")
    assert answer.status_code == 401


async def test_two_authorizations_are_none(sidecar: Sidecar) -> None:
    twice = [("authorization", f"Bearer {EDGE_KEY}")] * 2
    answer = await sidecar.http.get("/v1/revocations", headers=twice)
    assert (answer.status_code, error_code(answer)) == (400, "authorization_repeated")


async def test_a_stored_edge_key_works_until_it_is_revoked(sidecar: Sidecar, clock: Clock) -> None:
    store = sidecar.core.store
    key, text = await create_secret_key(store, production=False, clock=clock, scope=KeyScope.EDGE)
    _, secret = await create_secret_key(store, production=False, clock=clock)
    fields = [("authorization", f"Bearer {text}")]
    async with Listener(sidecar, headers=fields) as listener:
        assert listener.status == 200
    assert (await sidecar.http.get("/v1/revocations", headers=bearer(secret))).status_code == 401
    assert await revoke_secret_key(store, key.id, clock)
    clock.advance(3)
    assert (await sidecar.http.get("/v1/revocations", headers=bearer(text))).status_code == 401


async def test_an_edge_key_that_is_revoked_ends_what_it_opened(
    sidecar: Sidecar, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "KEY_CHECKED_EVERY", 0.0)
    store = sidecar.core.store
    key, text = await create_secret_key(store, production=False, clock=clock, scope=KeyScope.EDGE)
    fields = [("authorization", f"Bearer {text}")]
    async with Listener(sidecar, headers=fields) as revoked_one, Listener(sidecar) as other:
        await revoked_one.until("heartbeat")
        await revoke_secret_key(store, key.id, clock)
        clock.advance(3)
        async with asyncio.timeout(20):
            await revoked_one.task
        await other.until("heartbeat")
        assert not other.task.done()


async def test_a_head_of_the_feed_is_its_head_and_ends(sidecar: Sidecar) -> None:
    async with asyncio.timeout(20):
        answer = await sidecar.http.head("/v1/revocations", headers=bearer(EDGE_KEY))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.content == b""


@pytest.mark.parametrize(
    "last", ["x", "-1", "+1", "1.0", "1e3", "0x1", "1 2", "1,2", "9" * 20, "9" * 5000, "\u00b2"]
)
async def test_a_last_event_id_that_is_none_is_400(sidecar: Sidecar, last: str) -> None:
    headers = {**bearer(EDGE_KEY), "last-event-id": last}
    sent: Any = {name: value.encode("utf-8") for name, value in headers.items()}
    answer = await sidecar.http.get("/v1/revocations", headers=sent)
    assert (answer.status_code, error_code(answer)) == (400, "last_event_id_invalid")


async def test_the_answer_is_an_event_stream_that_nobody_keeps(sidecar: Sidecar) -> None:
    async with Listener(sidecar) as listener:
        assert listener.status == 200
        assert listener.headers["content-type"].startswith("text/event-stream")
        assert listener.headers["cache-control"] == "no-store"
        assert "content-length" not in listener.headers


async def test_a_snapshot_has_all_that_is_alive_and_then_comes_what_comes(
    sidecar: Sidecar, clock: Clock
) -> None:
    log = sidecar.core.store
    await log.append_events((revoked("sess_old", clock() - 400), revoked("sess_1", clock())))
    async with Listener(sidecar) as listener:
        told = await listener.until("caught_up")
        kinds = [kind for kind, _, _ in told]
        assert (kinds[0], kinds[-2:]) == ("hello", ["keys", "caught_up"])
        assert told[0][1:] == (None, {"token_lifetime": 60, "resumed": False})
        assert sessions(told) == ["sess_1"]
        assert told[-1][1] == await log.newest_cursor()
        assert told[-2][2]["keys"][0]["kid"]
        await log.append_events((revoked("sess_2", clock()),))
        assert sessions(await listener.until("session")) == ["sess_2"]


async def test_what_the_api_revokes_is_told(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    session_id = await browser.sign_in("user_7")
    async with Listener(sidecar) as listener:
        await listener.until("caught_up")
        began = time.monotonic()
        await sidecar.server.revoke(session_id)
        told = await listener.until("session")
        assert time.monotonic() - began < 2
        (data,) = [data for kind, _, data in told if kind == "session"]
        assert data == {
            "session_id": session_id,
            "user_id": "user_7",
            "at": NOW + COMMITTED_AT_LATEST,
        }


async def test_a_listener_goes_on_after_the_event_it_had_last(
    sidecar: Sidecar, clock: Clock
) -> None:
    log = sidecar.core.store
    await log.append_events(tuple(revoked(f"sess_{number}", clock()) for number in range(5)))
    newest = await log.newest_cursor()
    clock.advance(600)
    await log.append_events((revoked("sess_new", clock()),))
    async with Listener(sidecar, str(newest - 2)) as listener:
        told = await listener.until("caught_up")
        assert told[0][2]["resumed"] is True
        # Alive or not: connections outlive tokens.
        assert sessions(told) == ["sess_3", "sess_4", "sess_new"]
    async with Listener(sidecar, str(newest + 1)) as listener:
        told = await listener.until("caught_up")
        assert (told[0][2]["resumed"], sessions(told)) == (True, [])


@pytest.mark.parametrize("last", ["9999999999999999999", "1000"])
async def test_a_cursor_of_another_log_is_not_resumed(
    sidecar: Sidecar, clock: Clock, last: str
) -> None:
    await sidecar.core.store.append_events((revoked("sess_1", clock()),))
    async with Listener(sidecar, last) as listener:
        told = await listener.until("caught_up")
        assert (told[0][2]["resumed"], sessions(told)) == (False, ["sess_1"])


async def test_a_log_that_was_pruned_is_not_resumed_from_before(
    tmp_path: Path, clock: Clock
) -> None:
    settings = edge_settings(STORE=f"sqlite:///{tmp_path / 'edgepass.db'}")
    async with run_sidecar(clock, settings) as sidecar:
        log = sidecar.core.store
        await log.append_events(tuple(revoked(f"sess_{number}", clock()) for number in range(5)))
        newest = await log.newest_cursor()
        with sqlite3.connect(tmp_path / "edgepass.db") as db:
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("DELETE FROM events WHERE cursor <= ?", (newest - 2,))
        db.close()
        for last, resumed in ((newest - 3, False), (newest - 2, True), (newest, True)):
            async with Listener(sidecar, str(last)) as listener:
                assert (await listener.until("caught_up"))[0][2]["resumed"] is resumed


async def test_the_log_of_several_sidecars_is_one(tmp_path: Path, clock: Clock) -> None:
    settings = edge_settings(STORE=f"sqlite:///{tmp_path / 'edgepass.db'}")
    async with AsyncExitStack() as stack:
        sidecars = [await stack.enter_async_context(run_sidecar(clock, settings)) for _ in "12"]
        listeners = [await stack.enter_async_context(Listener(each)) for each in sidecars]
        for listener in listeners:
            await listener.until("caught_up")
        for number in range(10):
            await sidecars[number % 2].core.store.append_events(
                (revoked(f"sess_{number}", clock()),)
            )
        newest = await sidecars[0].core.store.newest_cursor()
        told = [await listener.until("heartbeat", newest) for listener in listeners]
        assert sessions(told[0]) == sessions(told[1]) == [f"sess_{number}" for number in range(10)]


async def test_a_heartbeat_comes_each_second(sidecar: Sidecar) -> None:
    async with Listener(sidecar) as listener:
        await listener.until("caught_up")
        moments = [time.monotonic()]
        for _ in range(2):
            assert {kind for kind, _, _ in await listener.until("heartbeat")} == {"heartbeat"}
            moments.append(time.monotonic())
        assert 1.7 < moments[-1] - moments[0] < 3.5


async def test_who_cannot_read_the_log_says_nothing(sidecar: Sidecar, caplog: Any) -> None:
    class Broken:
        async def newest_cursor(self) -> int:
            raise StoreUnavailable("gone")

    async with Listener(sidecar) as listener:
        await listener.until("heartbeat")
        feed = sidecar.app.state.context.feed
        core, feed._core = feed._core, type("Core", (), {"store": Broken()})()
        await until(lambda: "feed not read" in caplog.text)
        silent = asyncio.create_task(listener.body())
        await asyncio.sleep(1.5)
        assert not silent.done()
        feed._core = core
        assert read(await silent)[0][0] == "heartbeat"


async def test_a_slow_listener_gets_everything(sidecar: Sidecar, clock: Clock) -> None:
    log = sidecar.core.store
    async with Listener(sidecar) as slow, Listener(sidecar) as quick:
        await quick.until("caught_up")
        await slow.until("caught_up")
        slow.is_paused = True
        for number in range(300):
            # By far longer than anything is kept in memory.
            clock.advance(2)
            await log.append_events((revoked(f"sess_{number}", clock()),))
            if number % 50 == 0:
                await quick.until("heartbeat", await log.newest_cursor())
        newest = await log.newest_cursor()
        await quick.until("heartbeat", newest)
        slow.resume()
        told = await slow.until("heartbeat", newest)
        assert sessions(told) == [f"sess_{number}" for number in range(300)]


async def test_a_sidecar_that_stops_lets_its_listeners_go_at_once(clock: Clock) -> None:
    async with run_sidecar(clock, edge_settings()) as sidecar, AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(Listener(sidecar)) for _ in range(20)]
        for listener in listeners:
            await listener.until("caught_up")
        sidecar.app.state.context.feed.close()
        async with asyncio.timeout(20):  # it would be for ever
            await asyncio.gather(*(listener.task for listener in listeners))


async def test_several_hundred_listeners_hear_the_same(clock: Clock) -> None:
    async with run_sidecar(clock, edge_settings()) as sidecar, AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(Listener(sidecar)) for _ in range(300)]
        await asyncio.gather(*(listener.until("caught_up") for listener in listeners))
        feed = sidecar.app.state.context.feed
        assert feed._listeners == 300
        await sidecar.core.store.append_events((revoked("sess_1", clock()),))
        began = time.monotonic()
        told = await asyncio.gather(*(listener.until("session") for listener in listeners))
        assert time.monotonic() - began < 2
        assert {tuple(sessions(each)) for each in told} == {("sess_1",)}
        await stack.aclose()
        await until(lambda: feed._listeners == 0 and not feed._wanted.is_set())


async def test_a_large_snapshot_comes_in_pieces(sidecar: Sidecar, clock: Clock) -> None:
    count = 5_000
    await sidecar.core.store.append_events(
        tuple(revoked(f"sess_{number:025d}", clock()) for number in range(count))
    )
    async with Listener(sidecar) as listener:
        assert len(sessions(await listener.until("caught_up"))) == count
        assert listener.largest < 64 * 1024


async def test_memory_holds_what_is_alive_and_no_more(sidecar: Sidecar, clock: Clock) -> None:
    feed = sidecar.app.state.context.feed
    log = sidecar.core.store
    async with Listener(sidecar) as listener:
        await listener.until("caught_up")
        for second in range(40):
            clock.advance(10)
            await log.append_events(
                tuple(revoked(f"sess_{second}_{number}", clock()) for number in range(10))
            )
            await listener.until("heartbeat", await log.newest_cursor())
        # 1 a second, for 60 seconds and a margin of 60; the keys of the first moment aside.
        assert 100 < len(feed._kept) <= 135


async def test_a_far_jump_of_the_log_loses_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_FAR_BEHIND", 50)
    settings = edge_settings(STORE=f"sqlite:///{tmp_path / 'edgepass.db'}")
    async with run_sidecar(clock, settings) as sidecar, Listener(sidecar) as listener:
        await listener.until("caught_up")
        names = [f"sess_{number}" for number in range(1_000)]
        at = clock() - 1_000
        await sidecar.core.store.append_events(tuple(revoked(name, at) for name in names))
        newest = await sidecar.core.store.newest_cursor()
        told = await listener.until("heartbeat", newest)
        assert sessions(told) == names


async def test_keys_are_told_when_they_change(sidecar: Sidecar) -> None:
    keys = sidecar.core.keys
    async with Listener(sidecar) as listener:
        before = await listener.until("caught_up")
        *_, known = [data["keys"] for kind, _, data in before if kind == "keys"]
        made = await keys.rotate(0.0)
        told = await listener.until("keys")
        (published,) = [data["keys"] for kind, _, data in told if kind == "keys"]
        assert {key["kid"] for key in published} == {known[0]["kid"], made.key_id}
        await keys.revoke(known[0]["kid"])
        told = await listener.until("keys")
        assert [data for kind, _, data in told if kind == "key"] == [{"key_id": known[0]["kid"]}]
        *_, left = [data["keys"] for kind, _, data in told if kind == "keys"]
        assert known[0]["kid"] not in {key["kid"] for key in left}


COUNT = 1_000_000 if FULL else 50_000


def fill(path: Path, count: int, at: float) -> None:
    """Write events by SQL: one in ten ends a session, the others are of no interest to edges."""
    db = sqlite3.connect(path)
    with db:
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
            " INSERT INTO events (type, at, session_id, user_id, data)"
            " SELECT iif(i % 10, 'session.created', 'session.revoked'), ? + i * 1e-6,"
            " 'sess_' || i, 'user_' || (i % 1000), '{}' FROM n",
            (count, at),
        )
    db.close()


async def test_a_listener_that_is_far_behind_catches_up_and_is_never_left_in_silence(
    tmp_path: Path, clock: Clock
) -> None:
    settings = edge_settings(STORE=f"sqlite:///{tmp_path / 'edgepass.db'}")
    async with run_sidecar(clock, settings) as sidecar:
        first = await sidecar.core.store.newest_cursor()
        await asyncio.to_thread(fill, tmp_path / "edgepass.db", COUNT, clock() - 900)
        newest = await sidecar.core.store.newest_cursor()
        assert newest >= first + COUNT
        async with Listener(sidecar, str(first)) as listener:
            told, longest = [], 0.0
            while not told or told[-1][0] != "caught_up":
                began = time.monotonic()
                told += read(await listener.body())
                longest = max(longest, time.monotonic() - began)
        assert told[0][2]["resumed"] is True
        assert sessions(told) == [f"sess_{number}" for number in range(0, COUNT, 10)]
        assert told[-1][1] >= newest
        assert longest < 2.5
        assert listener.largest < 256 * 1024


EVENTS = {
    "session.revoked": revoked("sess_1", NOW, tokens_until=NOW + 300),
    "client.theft": Event(
        type="client.theft",
        at=NOW,
        data={"sessions": [{"session_id": "sess_1", "user_id": "user_1"}]},
    ),
    "user.banned": Event(type="user.banned", at=NOW, user_id="user_1"),  # type: ignore[arg-type]
    "user.not_before": Event(
        type="user.not_before", at=NOW, user_id="user_1", data={"not_before": NOW - 9.0}
    ),  # type: ignore[arg-type]
    "claims.bumped": Event(type="claims.bumped", at=NOW, user_id="user_1"),  # type: ignore[arg-type]
    "key.revoked": Event(type="key.revoked", at=NOW, data={"key_id": "key-1"}),
}


@pytest.mark.parametrize(
    ("kind", "told", "until"),
    [
        (
            "session.revoked",
            (
                "session",
                {
                    "session_id": "sess_1",
                    "user_id": "user_1",
                    "at": NOW + 6.0,
                    "tokens_until": NOW + 300,
                },
            ),
            NOW + 300,
        ),
        (
            "client.theft",
            (
                "client",
                {
                    "client_id": None,
                    "sessions": [{"session_id": "sess_1", "user_id": "user_1"}],
                    "at": NOW + 6.0,
                },
            ),
            NOW + 66.0,
        ),
        ("user.banned", ("user", {"user_id": "user_1", "at": NOW + 0.25}), NOW + 66.0),
        ("user.not_before", ("user", {"user_id": "user_1", "at": NOW - 8.75}), NOW + 66.0),
        ("claims.bumped", ("claims", {"user_id": "user_1", "at": NOW + 0.25}), NOW + 66.0),
        ("key.revoked", ("key", {"key_id": "key-1"}), NOW + 66.0),
    ],
)
def test_what_edges_are_told_of_an_event(kind: str, told: Any, until: float) -> None:
    entry = feed_entry(EVENTS[kind], 60)
    assert entry is not None
    assert ((entry.kind, entry.data), entry.until) == (told, until)
    assert read(entry.encode(7)) == [(entry.kind, 7, told[1])]


@pytest.mark.parametrize("kind", sorted(FEED_EVENTS - KEY_EVENTS))
def test_an_event_whose_names_were_erased_says_only_that(kind: str) -> None:
    entry = feed_entry(Event(type=kind, at=NOW), 60)
    assert entry is not None
    assert (entry.kind, entry.data) == ("erased", {})


def test_a_mark_that_did_not_move_is_not_told() -> None:
    event = Event(type="user.not_before", at=NOW, user_id="user_1")  # type: ignore[arg-type]
    assert feed_entry(event, 60) is None


@pytest.mark.parametrize("kind", ["session.created", "user.created", "", "key.published"])
def test_of_other_events_there_is_no_entry(kind: str) -> None:
    assert feed_entry(revoked("sess_1", NOW).__class__(type=kind, at=NOW), 60) is None


def test_no_text_can_begin_a_field_or_a_message_of_its_own() -> None:
    name = "a\n\nevent: key\ndata: {}\r\n\u2028\x00"
    assert read(encode_message("session", {"session_id": name}, 1)) == [
        ("session", 1, {"session_id": name})
    ]
