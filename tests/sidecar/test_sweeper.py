"""The sweeper: ends reach the record, what is long over goes, and nothing else changes."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.identifier import ClientId, UserId
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.policy import SessionPolicy
from edgepass_sidecar.service import sweeper as module
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import revoke_session
from edgepass_sidecar.service.sessions import refresh
from edgepass_sidecar.service.sign_in import SignedInClient, start_session_for
from edgepass_sidecar.service.sweeper import (
    KEPT_FOR,
    RECORDS_DELETED,
    SESSIONS_LOOKED_AT,
    Sweeper,
)
from edgepass_sidecar.service.users import change_user, create_user
from edgepass_sidecar.session import POLICY_TERMS, Status, Terms
from edgepass_sidecar.store import Commit, SessionQuery, SessionStore, StoreUnavailable
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import (
    make_client,
    make_session,
    make_settings,
    other_client,
    run_sidecar,
)

USER = UserId("user_1")
POLICY = SessionPolicy(maximum_lifetime=3600.0, inactivity_timeout=600.0)


@pytest.fixture
async def core(clock: Clock, store_setting: str) -> AsyncIterator[Core]:
    settings = make_settings(STORE=store_setting, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as opened:
        await create_user(opened, USER, {})
        yield replace(opened, policy=POLICY)


async def start(core: Core, terms: Terms = POLICY_TERMS) -> SignedInClient:
    return await start_session_for(core, USER, terms)


async def mark(core: Core, **marks: Any) -> None:
    """Mark the user, as an administrator's request does that ends before it reaches sessions."""
    await change_user(core, USER, lambda user: replace(user, **marks), "user.marked")


async def status_on_record(core: Core, started: SignedInClient) -> Status | None:
    session = await core.store.find_session(started.session.id)
    return session.status if session else None


async def event_types(core: Core) -> Counter[str]:
    return Counter(event.type for _, event in await core.store.list_events(0, 100_000))


@pytest.mark.parametrize(
    ("terms", "seconds", "status"),
    [
        (POLICY_TERMS, 599.5, Status.ACTIVE),
        (POLICY_TERMS, 600.0, Status.ABANDONED),
        (POLICY_TERMS, 3600.0, Status.ABANDONED),
        (Terms(maximum_lifetime=300.0), 299.5, Status.ACTIVE),
        (Terms(maximum_lifetime=300.0), 300.0, Status.EXPIRED),
        (Terms(tasks=("a",)), 599.5, Status.PENDING),
        (Terms(tasks=("a",)), 600.5, Status.ABANDONED),
    ],
)
async def test_what_time_has_ended_is_put_on_record_once(
    core: Core, clock: Clock, terms: Terms, seconds: float, status: Status
) -> None:
    started = await start(core, terms)
    clock.advance(seconds)
    before = await event_types(core)
    for _ in range(2):
        assert await Sweeper(core).step()
    assert await status_on_record(core, started) is status
    is_over = status in (Status.ABANDONED, Status.EXPIRED)
    added = await event_types(core) - before
    assert added == (Counter([f"session.{status}"]) if is_over else Counter())


@pytest.mark.parametrize("marks", [{"is_banned": True}, {"not_before": NOW + 0.5}])
async def test_what_marks_on_a_user_have_ended_is_put_on_record_as_revoked(
    core: Core, marks: dict[str, Any]
) -> None:
    started = [await start(core) for _ in range(3)]
    await mark(core, **marks)
    assert await Sweeper(core).step()
    assert [await status_on_record(core, each) for each in started] == [Status.REVOKED] * 3
    assert (await event_types(core))["session.revoked"] == 3


async def test_the_end_of_the_active_session_leaves_the_next_one_active(
    core: Core, clock: Clock
) -> None:
    started = await start(core)
    client = started.client.id
    stored = await core.store.load_client(client)
    assert stored is not None
    lasting = replace(started.session, id=make_session("lasting").id, inactivity_timeout=None)
    sessions = (*stored.sessions, lasting)
    assert await core.store.commit(Commit(client=replace(stored, sessions=sessions)))
    clock.advance(600)
    await Sweeper(core).step()
    swept = await core.store.load_client(client)
    assert swept is not None
    assert [session.id for session in swept.sessions] == [lasting.id]
    assert swept.last_active_session_id == lasting.id


async def test_a_client_with_nothing_over_is_not_written(core: Core) -> None:
    started = await start(core)
    await Sweeper(core).step()
    stored = await core.store.load_client(started.client.id)
    assert stored is not None
    assert stored.version == 1


async def test_nothing_depends_on_the_sweeper(core: Core, clock: Clock) -> None:
    started = await start(core)
    token, name = started.client_token.reveal(), started.session.id
    assert await refresh(core, token, name, None)
    clock.advance(600)
    with pytest.raises(Refused, match="abandoned"):
        await refresh(core, token, name, None)
    await Sweeper(core).step()
    with pytest.raises(Refused, match="abandoned"):
        await refresh(core, token, name, None)


async def store_many(core: Core, number: int, **changes: Any) -> list[ClientId]:
    """Store clients of ten sessions each, `number` of these in all."""
    clients = [other_client(i) for i in range(1, number // 10 + 1)]
    for i, client_id in enumerate(clients):
        sessions = [
            make_session(f"{i:04}{j}", client_id=client_id, created_at=core.clock(), **changes)
            for j in range(10)
        ]
        client = make_client(*sessions, updated_at=core.clock())
        assert await core.store.commit(Commit(client=client))
    return clients


async def test_a_round_goes_over_all_sessions_a_bounded_step_at_a_time(
    core: Core, clock: Clock
) -> None:
    await store_many(core, 2 * SESSIONS_LOOKED_AT + 10, expire_at=clock() + 300.0)
    clock.advance(300)
    sweeper, left = Sweeper(core), []
    for _ in range(3):
        is_done = await sweeper.step()
        query = SessionQuery(unfinished=True)
        left.append((is_done, (await core.store.list_sessions(query, clock())).total))
    assert left == [(False, SESSIONS_LOOKED_AT + 10), (False, 10), (True, 0)]
    assert (await event_types(core))["session.expired"] == 2 * SESSIONS_LOOKED_AT + 10


async def test_the_next_round_begins_at_the_beginning(core: Core, clock: Clock) -> None:
    sweeper = Sweeper(core)
    assert await sweeper.step()
    started = [await start(core) for _ in range(5)]
    clock.advance(600)
    assert await sweeper.step()
    assert {await status_on_record(core, each) for each in started} == {Status.ABANDONED}


@pytest.mark.parametrize(("seconds", "goes"), [(-0.5, False), (0.0, False), (0.5, True)])
async def test_a_session_and_its_client_go_when_they_were_over_for_30_days(
    core: Core, clock: Clock, seconds: float, goes: bool
) -> None:
    started, living = await start(core), await start(core, Terms(maximum_lifetime=1e8))
    await revoke_session(core, started.session.id)
    clock.advance(KEPT_FOR + seconds)
    assert await Sweeper(core).step()
    assert (await status_on_record(core, started) is None) is goes
    assert (await core.store.load_client(started.client.id) is None) is goes
    assert await status_on_record(core, living) is Status.ABANDONED, "over, but only just recorded"


async def test_what_is_deleted_in_one_step_is_bounded(core: Core, clock: Clock) -> None:
    total = 2 * RECORDS_DELETED
    await store_many(core, total, status=Status.ENDED, updated_at=clock())
    clock.advance(KEPT_FOR + 1)
    sweeper, left = Sweeper(core), []
    for _ in range(3):
        is_done = await sweeper.step()
        left.append((is_done, (await core.store.list_sessions(SessionQuery(), clock())).total))
    assert left == [(False, RECORDS_DELETED), (False, 0), (True, 0)]
    assert await core.store.load_client(other_client(1)) is None


async def test_of_several_sweepers_at_once_one_records_each_end(core: Core, clock: Clock) -> None:
    started = [await start(core) for _ in range(20)]
    clock.advance(600)
    await asyncio.gather(*(Sweeper(core).step() for _ in range(4)))
    await Sweeper(core).step()
    assert {await status_on_record(core, each) for each in started} == {Status.ABANDONED}
    assert (await event_types(core))["session.abandoned"] == 20


class Interposed:
    """A store with which something else happens just before the first commit."""

    def __init__(self, store: SessionStore, happens: Callable[[], Any]) -> None:
        self._store = store
        self._happens: Callable[[], Any] | None = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, commit: Commit) -> bool:
        happens, self._happens = self._happens, None
        if happens is not None:
            await happens()
        return await self._store.commit(commit)


async def test_a_race_that_the_sweeper_lost_is_left_to_the_next_round(
    core: Core, clock: Clock
) -> None:
    started = await start(core)

    async def bump() -> None:
        client = await core.store.load_client(started.client.id)
        assert client is not None
        assert await core.store.commit(Commit(client=client))

    clock.advance(600)
    sweeper = Sweeper(replace(core, store=Interposed(core.store, bump)))
    assert await sweeper.step()
    assert await status_on_record(core, started) is Status.ACTIVE
    assert await sweeper.step()
    assert await status_on_record(core, started) is Status.ABANDONED
    assert (await event_types(core))["session.abandoned"] == 1


class Failing:
    """A store that raises `errors`, one at each look for what is over, and then says so."""

    def __init__(self, store: SessionStore, *errors: Exception) -> None:
        self._store = store
        self._errors = list(errors)
        self.recovered = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def find_over(self, after: str, limit: int, now: float) -> Any:
        if self._errors:
            raise self._errors.pop(0)
        self.recovered.set()
        return await self._store.find_over(after, limit, now)


async def test_it_goes_on_whatever_a_step_raises(
    core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "REST_FOR", 0.0)
    store = Failing(core.store, StoreUnavailable("locked"), ValueError("a bug"))
    work = asyncio.create_task(Sweeper(replace(core, store=store)).keep_sweeping())
    async with asyncio.timeout(30):
        await store.recovered.wait()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    lines = [(r.levelname, r.message, bool(r.exc_info)) for r in caplog.records]
    mine = [line for line in lines if line[1].startswith("not swept")]
    assert mine == [("WARNING", "not swept: locked", False), ("ERROR", "not swept", True)]


async def test_it_runs_with_the_sidecar(clock: Clock, tmp_path: Path) -> None:
    settings = make_settings(STORE=f"sqlite:///{tmp_path / 'edgepass.db'}")
    async with opened_core(settings, clock, clock) as core:
        await create_user(core, USER, {})
        started = await start(core)
    clock.advance(settings.policy.maximum_lifetime or 0.0)
    async with run_sidecar(clock, settings) as sidecar, asyncio.timeout(30):
        while await status_on_record(sidecar.core, started) is not Status.EXPIRED:
            await sidecar.core.store.ping()
