"""Sealing and exporting: everything is sealed in bounded batches, by whoever comes first."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgepass_sidecar.audit.checkpoint import CheckpointKeys
from edgepass_sidecar.event import Event
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.service import sealer as module
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.exporter import ExportOvertaken, export_lines, list_public_keys
from edgepass_sidecar.service.key_keeper import NoActiveKey
from edgepass_sidecar.service.sealer import MOST_SEALED, keep_sealing, seal_batch, seal_everything
from edgepass_sidecar.signing_keys import PUBLISHED_FOR, RETIRED_FOR
from edgepass_sidecar.store import StoreUnavailable
from tests.conftest import Clock
from tests.support.audit import make_event, verify_lines
from tests.support.sidecar import LateStore, make_settings, make_user, run_sidecar


@pytest.fixture
async def core(clock: Clock, store_setting: str) -> AsyncIterator[Core]:
    settings = make_settings(STORE=store_setting, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as opened:
        yield opened


async def write(core: Core, number: int) -> None:
    name = f"w{await core.store.newest_cursor()}"
    events = tuple(make_event(each) for each in range(number))
    assert await core.store.insert_user(make_user(name), events)


async def sealed_to(core: Core) -> int:
    return (await core.store.find_unsealed(1)).cursor


async def wait_until_sealed(core: Core) -> None:
    for _ in range(1000):
        if await sealed_to(core) == await core.store.newest_cursor():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not sealed within ten seconds")


async def export(core: Core) -> list[bytes]:
    return [line async for line in export_lines(core)]


async def trusted(core: Core) -> CheckpointKeys:
    return CheckpointKeys({"keys": await list_public_keys(core)})


async def test_a_batch_is_bounded_and_what_is_left_comes_next(core: Core) -> None:
    await write(core, 2 * MOST_SEALED)
    before = await core.store.newest_cursor()
    reached = []
    while await seal_batch(core):
        reached.append(await sealed_to(core))
    assert reached == [MOST_SEALED, 2 * MOST_SEALED, before]


async def test_an_export_verifies_whatever_the_log_holds(core: Core) -> None:
    await write(core, 3)
    strange = Event(
        type="session.created",
        at=0.1 + 0.2,
        user_agent="\u0000\ud7ff\U0001f600\u2028",
        data={"\U0001f600": 1e21, "\ufb33": 1e-7, "a": [None, True, -0.0, 5e-324, 2**60, {}]},
    )
    await core.store.insert_user(make_user("strange"), (strange,))
    findings, verification = verify_lines(await export(core), await trusted(core))
    assert findings == []
    assert verification.events == await core.store.newest_cursor()


async def test_several_that_seal_at_once_make_one_chain(core: Core) -> None:
    await write(core, 2 * MOST_SEALED)
    rivals = [replace(core, store=LateStore(core.store, seed)) for seed in range(4)]
    await asyncio.gather(*(seal_everything(rival) for rival in rivals))
    findings, verification = verify_lines(await export(core), await trusted(core))
    assert findings == []
    assert verification.events == await core.store.newest_cursor()


async def test_a_checkpoint_verifies_when_its_key_is_long_gone(core: Core, clock: Clock) -> None:
    await seal_everything(core)
    for _ in range(3):
        await core.keys.rotate(PUBLISHED_FOR)
        clock.advance(PUBLISHED_FOR + RETIRED_FOR + 1)
        await write(core, 1)
        await seal_everything(core)
    assert len(core.keys.list_keys()) < 4, "the first key is gone"
    findings, _ = verify_lines(await export(core), await trusted(core))
    assert findings == []
    kept = [key["kid"] for key in await list_public_keys(core)]
    assert len(kept) == len(set(kept)) == 4


async def export_while(core: Core, act: Callable[[], Awaitable[object]]) -> list[bytes]:
    """Export, and `act` once after the first event."""
    lines = []
    async for line in export_lines(core):
        lines.append(line)
        if len(lines) == 2:
            await act()
    return lines


async def test_what_is_written_during_an_export_is_in_it(core: Core) -> None:
    await write(core, 10)
    lines = await export_while(core, lambda: write(core, 7))
    findings, verification = verify_lines(lines, await trusted(core))
    assert findings == []
    assert verification.events == await core.store.newest_cursor()


async def test_an_export_that_a_new_key_overtakes_says_so(core: Core, clock: Clock) -> None:
    key_id = core.keys.signer(clock()).key_id
    with pytest.raises(ExportOvertaken, match="key"):
        await export_while(core, lambda: core.keys.revoke(key_id))


async def test_an_export_that_retention_overtakes_says_so(core: Core) -> None:
    for _ in range(4):
        await write(core, 2)
        await seal_everything(core)

    async def prune() -> None:
        while await core.store.prune_events(1e12, 6):
            pass

    with pytest.raises(ExportOvertaken, match="deleted"):
        await export_while(core, prune)


TAMPERINGS = {
    "DELETE FROM events WHERE cursor = 3": 3,
    "DELETE FROM events WHERE cursor = 5": 5,
    "DELETE FROM events WHERE cursor BETWEEN 3 AND 5": 4,
    "UPDATE events SET user_id = 'user_other' WHERE cursor = 4": 4,
    "UPDATE events SET at = at + 1 WHERE cursor = 4": 4,
    "UPDATE events SET user_id = NULL, data = '{}' WHERE cursor = 4": 4,
    "UPDATE seals SET salt = NULL WHERE cursor = 4": 4,
    "DELETE FROM seals WHERE cursor = 4": 4,
    "DELETE FROM checkpoints WHERE last = 5": 5,
    "UPDATE checkpoints SET statement = 'x' WHERE last = 5": 5,
}


@pytest.mark.parametrize("statement", TAMPERINGS)
async def test_what_somebody_did_to_the_database_shows_in_its_export(
    clock: Clock, tmp_path: Path, statement: str
) -> None:
    file = tmp_path / "edgepass.db"
    settings = make_settings(STORE=f"sqlite:///{file}", ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as core:
        for number in (1, 3, 2):
            await write(core, number)
            await seal_everything(core)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
            assert db.execute(statement).rowcount > 0
        findings, _ = verify_lines(await export(core), await trusted(core))
    cursor = TAMPERINGS[statement]
    assert [f for f in findings if f.first <= cursor <= f.last], findings


async def test_without_a_key_nothing_is_sealed_and_nothing_is_lost(core: Core) -> None:
    await write(core, 3)
    late = replace(core, clock=lambda: 0.0)
    with pytest.raises(NoActiveKey):
        await seal_everything(late)
    assert await sealed_to(core) == 0
    await seal_everything(core)
    assert await sealed_to(core) == await core.store.newest_cursor()


async def test_sealing_goes_on_after_any_failure(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(LateStore):
        failures = iter((StoreUnavailable("down"), RuntimeError("a bug")))

        async def find_unsealed(self, limit: int) -> object:
            for failure in self.failures:
                raise failure
            return await core.store.find_unsealed(limit)

    monkeypatch.setattr(module, "SEAL_EVERY", 0.0)
    await write(core, 3)
    task = asyncio.create_task(keep_sealing(replace(core, store=Failing(core.store))))
    await wait_until_sealed(core)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_running_sidecar_seals_by_itself(clock: Clock) -> None:
    async with run_sidecar(clock) as sidecar:
        await sidecar.browser().sign_in()
        await wait_until_sealed(sidecar.core)
        findings, _ = verify_lines(await export(sidecar.core), await trusted(sidecar.core))
    assert findings == []
