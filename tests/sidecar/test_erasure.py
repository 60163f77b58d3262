"""Erasing a user: sessions end first, nothing personal stays, and the chain still verifies."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.activity import UNKNOWN, Activity
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.seals import Beginning
from edgepass_sidecar.service import erasure as module
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.erasure import (
    HEARD_AFTER,
    WEBHOOKS_AWAITED_FOR,
    Erased,
    continue_erasure,
    erase_user,
    keep_erasing,
)
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import refresh
from edgepass_sidecar.service.sign_in import SignedInClient, sign_in_with_ticket, sign_out
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import POLICY_TERMS, Terms
from edgepass_sidecar.store import StoreUnavailable
from tests.conftest import Clock
from tests.sidecar.test_sealing import export, trusted
from tests.support.audit import verify_lines
from tests.support.sidecar import (
    LateStore,
    Server,
    Sidecar,
    error_code,
    make_settings,
    succeeded,
)

FAR = 1e12
USER, OTHER = UserId("user_erased"), UserId("user_other")
PROFILE = {"external_id": "ext-4711", "email_address": "a@erased.example", "first_name": "Erika"}
ACTIVITY = Activity(ip_address="203.0.113.77", user_agent="ErasedBrowser/1.0")
PERSONAL = (b"user_erased", b"ext-4711", b"erased.example", b"Erika", b"203.0.113.77", b"ErasedBr")


@pytest.fixture
async def core(clock: Clock, store_setting: str) -> AsyncIterator[Core]:
    settings = make_settings(STORE=store_setting, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as opened:
        await create_user(opened, USER, PROFILE)
        await create_user(opened, OTHER, {})
        yield opened


async def start(core: Core, user: UserId = USER, terms: Terms = POLICY_TERMS) -> SignedInClient:
    _, token = await create_ticket(core, user, 60, terms)
    activity = ACTIVITY if user == USER else UNKNOWN
    return await sign_in_with_ticket(core, None, token.reveal(), activity)


async def is_sound(core: Core) -> bool:
    findings, _ = verify_lines(await export(core), await trusted(core))
    return findings == []


def tables_of(store_setting: str) -> bytes:
    """Return all that is in the tables of a file, and in their indices' columns with it."""
    file = store_setting.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(file)) as db:
        names = [
            name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        rows = [row for name in names for row in db.execute(f"SELECT * FROM {name}")]
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )


async def eventually(read: Callable[[], Awaitable[object]], wanted: object) -> None:
    for _ in range(1000):
        if await read() == wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"not {wanted} within ten seconds")


async def test_sessions_are_over_before_anything_is_deleted(core: Core) -> None:
    started, theirs = await start(core), await start(core, OTHER)
    await erase_user(core, USER, has_webhooks=False)
    with pytest.raises(Refused):
        await refresh(core, started.client_token.reveal(), started.session.id, None)
    assert await refresh(core, theirs.client_token.reveal(), theirs.session.id, None)
    events = [event for _, event in await core.store.list_events(0, 100)]
    revoked = [event for event in events if event.type == "session.revoked"]
    assert [event.session_id for event in revoked] == [started.session.id]
    assert [event.user_id for event in events if event.type == "user.banned"] == [USER]


async def test_what_edges_have_yet_to_hear_is_erased_when_they_have_heard(
    core: Core, clock: Clock
) -> None:
    await start(core)
    clock.advance(HEARD_AFTER + 1)
    erased = await erase_user(core, USER, has_webhooks=False)
    assert not erased.is_finished
    clock.advance(HEARD_AFTER - 0.5)
    assert await continue_erasure(core, USER) == Erased(events=0, is_finished=False)
    clock.advance(1)
    assert await continue_erasure(core, USER) == Erased(events=2, is_finished=True)
    assert await core.store.list_erasures(FAR) == ()


async def test_nothing_personal_is_left_in_any_table_and_the_chain_verifies(
    clock: Clock, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path / 'edgepass.db'}"
    settings = make_settings(STORE=store, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as core:
        await create_user(core, USER, PROFILE)
        await create_user(core, OTHER, {})
        names = list(PERSONAL)
        for started in [await start(core), await start(core)]:
            names += [started.session.id.encode(), started.client.id.encode()]
        await sign_out(core, started.client_token.reveal())
        acting = await start(core, OTHER, Terms(actor={"sub": USER}))
        names.append(acting.session.id.encode())
        theirs = await start(core, OTHER)
        await create_ticket(core, USER, 60, POLICY_TERMS)
        before = tables_of(store)
        assert all(name in before for name in names)
        await erase_user(core, USER, has_webhooks=False)
        clock.advance(HEARD_AFTER + 1)
        assert (await continue_erasure(core, USER)).is_finished
        assert await is_sound(core)
        after = tables_of(store)
        assert [name for name in names if name in after] == []
        assert theirs.session.id.encode() in after
        assert (await core.store.load_users([OTHER]))[OTHER].id == OTHER


async def test_a_stranger_is_refused(core: Core) -> None:
    with pytest.raises(Refused) as refused:
        await erase_user(core, UserId("user_nobody"), has_webhooks=False)
    assert refused.value.status == 404


async def test_once_finished_there_is_nobody_left_to_erase(core: Core, clock: Clock) -> None:
    await erase_user(core, USER, has_webhooks=False)
    clock.advance(HEARD_AFTER + 1)
    assert (await erase_user(core, USER, has_webhooks=False)).is_finished
    with pytest.raises(Refused, match="no such user"):
        await erase_user(core, USER, has_webhooks=False)


STEPS = (
    "update_user", "commit", "begin_erasure", "find_unsealed", "append_seals", "erase_events",
    "finish_erasure",
)  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
async def test_an_erasure_that_was_cut_short_finishes_when_it_is_repeated(
    core: Core, clock: Clock, step: str, is_done: bool
) -> None:
    class CutShort(LateStore):
        def __getattr__(self, name: str) -> object:
            method = getattr(self._store, name)
            if name != step:
                return method

            async def fail(*arguments: object) -> object:
                if is_done:
                    await method(*arguments)
                raise StoreUnavailable("killed here")

            return fail

    await start(core)
    await start(core)
    clock.advance(HEARD_AFTER + 1)
    with pytest.raises(StoreUnavailable):
        await erase_user(replace(core, store=CutShort(core.store)), USER, has_webhooks=False)
    with contextlib.suppress(Refused):  # cut short after its very end
        await erase_user(core, USER, has_webhooks=False)
    clock.advance(HEARD_AFTER + 1)
    for identifier in await core.store.list_erasures(FAR):
        assert (await continue_erasure(core, identifier)).is_finished
    left = [event for _, event in await core.store.list_events(0, 100) if event.user_id == USER]
    assert left == []
    assert await is_sound(core)


async def test_events_wait_for_webhooks_but_not_for_ever(core: Core, clock: Clock) -> None:
    await core.store.begin_reading("webhooks")
    position = await core.store.load_position("webhooks")
    await start(core)
    clock.advance(HEARD_AFTER + 1)
    await core.store.enqueue_deliveries("webhooks", position, position + 1, [])
    assert await core.store.begin_erasure(USER, clock()) is Beginning.BEGUN
    assert not (await continue_erasure(core, USER)).is_finished
    clock.advance(WEBHOOKS_AWAITED_FOR)
    assert (await continue_erasure(core, USER)).is_finished


async def test_webhooks_may_read_what_happened_before_sessions_go(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.0)
    started = await start(core)
    await core.store.begin_reading("webhooks")
    since = await core.store.load_position("webhooks")
    erasing = asyncio.create_task(erase_user(core, USER, has_webhooks=True))
    await eventually(core.store.newest_cursor, since + 2)
    for _ in range(20):
        await asyncio.sleep(0)
    assert await core.store.find_session(started.session.id) is not None
    assert await core.store.enqueue_deliveries("webhooks", since, since + 2, [])
    await erasing
    assert await core.store.find_session(started.session.id) is None


async def test_webhooks_that_do_not_read_are_not_waited_for_for_long(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_WITHIN", 0.01)
    await core.store.begin_reading("webhooks")
    await erase_user(core, USER, has_webhooks=True)
    assert await core.store.load_users([USER]) == {}


async def test_the_background_finishes_what_was_begun(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONTINUE_EVERY", 0.0)
    await erase_user(core, USER, has_webhooks=False)
    clock.advance(HEARD_AFTER + 1)
    task = asyncio.create_task(keep_erasing(core))
    await eventually(lambda: core.store.list_erasures(FAR), ())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await is_sound(core)


async def test_where_there_are_no_webhooks_nobody_waits_for_them(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_WITHIN", 60.0)
    await core.store.begin_reading("webhooks")
    async with asyncio.timeout(20):
        await erase_user(core, USER, has_webhooks=False)
    assert await core.store.load_users([USER]) == {}


async def test_a_session_that_the_user_began_to_act_in_meanwhile_is_revoked_as_well(
    core: Core,
) -> None:
    class Meanwhile(LateStore):
        late: SignedInClient | None = None

        def __getattr__(self, name: str) -> Any:
            method = getattr(self._store, name)
            if name != "begin_erasure" or self.late is not None:
                return method

            async def begin(*arguments: object) -> object:
                self.late = await start(core, OTHER, Terms(actor={"sub": USER}))
                return await method(*arguments)

            return begin

    store = Meanwhile(core.store)
    await erase_user(replace(core, store=store), USER, has_webhooks=False)
    assert store.late is not None
    assert await core.store.find_session(store.late.session.id) is None
    events = [event for _, event in await core.store.list_events(0, 100)]
    revoked = [event.session_id for event in events if event.type == "session.revoked"]
    assert revoked == [store.late.session.id]


async def test_of_a_theft_that_ended_sessions_of_several_nobody_is_named_any_more(
    core: Core, clock: Clock
) -> None:
    first = await start(core)
    _, token = await create_ticket(core, OTHER, 60, POLICY_TERMS)
    client = first.client_token.reveal()
    second = await sign_in_with_ticket(core, client, token.reveal(), UNKNOWN)
    assert second.client.id == first.client.id
    clock.advance(3600)
    with pytest.raises(Refused):
        await refresh(core, client, first.session.id, None)
    await erase_user(core, USER, has_webhooks=False)
    clock.advance(HEARD_AFTER + 1)
    assert (await continue_erasure(core, USER)).is_finished
    events = [event for _, event in await core.store.list_events(0, 100)]
    (theft,) = [event for event in events if event.type == "client.theft"]
    assert theft.data == {}
    left = str(events)
    assert USER not in left
    assert first.session.id not in left
    assert second.session.id in left
    assert await is_sound(core)


async def test_tokens_that_come_on_record_after_their_user_is_gone_are_erased(
    clock: Clock, store_setting: str
) -> None:
    settings = make_settings(STORE=store_setting, ALGORITHM="EdDSA", LOG_TOKENS="on")
    async with opened_core(settings, clock, clock) as core:
        await create_user(core, USER, PROFILE)
        started = await start(core)
        await refresh(core, started.client_token.reveal(), started.session.id, None)
        await erase_user(core, USER, has_webhooks=False)
        await core.minted.write()
        entries = await core.store.list_events(0, 100)
        assert (entries[-1][1].type, entries[-1][1].user_id) == ("session.token.created", USER)
        clock.advance(HEARD_AFTER + 1)
        assert (await continue_erasure(core, USER)).is_finished
        assert [e for _, e in await core.store.list_events(0, 100) if e.user_id == USER] == []


async def test_the_background_lets_nobody_wait_for_the_failure_of_another(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(LateStore):
        def __getattr__(self, name: str) -> Any:
            method = getattr(self._store, name)
            if name != "erase_events":
                return method

            async def erase(user_id: UserId, *arguments: object) -> object:
                if user_id == USER:
                    raise ValueError("no erasing of this one")
                return await method(user_id, *arguments)

            return erase

    monkeypatch.setattr(module, "CONTINUE_EVERY", 0.0)
    await erase_user(core, USER, has_webhooks=False)
    clock.advance(1)
    await erase_user(core, OTHER, has_webhooks=False)
    clock.advance(HEARD_AFTER + 1)
    task = asyncio.create_task(keep_erasing(replace(core, store=Failing(core.store))))
    await eventually(lambda: core.store.list_erasures(FAR), (USER,))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_background_leaves_alone_what_cannot_be_finished_yet(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    looked = asyncio.Event()

    class Watched(LateStore):
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            if asked.count("list_erasures") == 3:
                looked.set()
            return getattr(self._store, name)

    monkeypatch.setattr(module, "CONTINUE_EVERY", 0.0)
    await erase_user(core, USER, has_webhooks=False)
    clock.advance(HEARD_AFTER)
    task = asyncio.create_task(keep_erasing(replace(core, store=Watched(core.store))))
    async with asyncio.timeout(20):
        await looked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert set(asked) == {"list_erasures"}


async def test_the_backend_api_erases_a_user(sidecar: Sidecar, server: Server) -> None:
    browser = sidecar.browser()
    session = await browser.sign_in("user_1")
    answer = await server.send("DELETE", "/v1/users/user_1")
    assert succeeded(answer) == {"id": "user_1", "object": "user", "deleted": True}
    assert (await browser.act(session)).status_code == 401
    assert error_code(await server.get("/v1/users/user_1")) == "resource_not_found"
    assert error_code(await server.get(f"/v1/sessions/{session}")) == "resource_not_found"
    assert succeeded(await server.get("/v1/sessions", user_id="user_1")) == []


async def test_a_user_who_is_not_there_cannot_be_erased(server: Server) -> None:
    answer = await server.send("DELETE", "/v1/users/user_nobody")
    assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")


async def test_only_a_secret_key_erases(sidecar: Sidecar) -> None:
    answer = await Server(sidecar.http, "sk_test_wrong").send("DELETE", "/v1/users/user_1")
    assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")
