"""Retention: what is older than it shall be kept goes, at a checkpoint, and no sooner."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgepass_sidecar.event import Event
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.retention import Retention
from edgepass_sidecar.service.sealer import seal_everything
from edgepass_sidecar.settings import WrongSetting
from tests.conftest import Clock
from tests.sidecar.test_sealing import export, trusted
from tests.support.audit import verify_lines
from tests.support.sidecar import make_settings, make_user, run_sidecar

DAY = 86_400.0


@pytest.fixture
async def core(clock: Clock, store_setting: str) -> AsyncIterator[Core]:
    settings = make_settings(STORE=store_setting, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as opened:
        yield opened


async def live(core: Core, clock: Clock, days: int) -> None:
    """Let days pass, with two events on each, sealed by its end."""
    for _ in range(days):
        for _ in range(2):
            clock.advance(DAY / 2)
            name = f"w{await core.store.newest_cursor()}"
            event = Event(type="user.created", at=clock(), user_id=make_user(name).id)
            await core.store.insert_user(make_user(name), (event,))
        await seal_everything(core)


async def begins_later(core: Core) -> bool:
    for _ in range(1000):
        if await core.store.oldest_cursor() > 1:
            return True
        await asyncio.sleep(0.01)
    return False


async def delete_all(retention: Retention) -> list[int]:
    steps = []
    while deleted := await retention.step():
        steps.append(deleted)
    return steps


async def test_what_is_left_is_no_older_than_allowed_and_verifies(core: Core, clock: Clock) -> None:
    await live(core, clock, 10)
    whole = await core.store.newest_cursor()
    assert await delete_all(Retention(core, 3 * DAY, has_webhooks=False)) == [3, 2, 2, 2, 2, 2]
    oldest = (await core.store.list_events(0, 1))[0]
    assert oldest[0] == await core.store.oldest_cursor() == 14
    assert clock() - 4 * DAY < oldest[1].at <= clock() - 3 * DAY
    findings, verification = verify_lines(await export(core), await trusted(core))
    assert findings == []
    assert verification.end is not None
    assert (verification.end.first, verification.end.last) == (14, whole)


async def test_what_webhooks_have_not_read_stays_for_three_days_more(
    core: Core, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await live(core, clock, 2)
    await core.store.begin_reading("webhooks")
    await live(core, clock, 5)
    assert await core.store.load_position("webhooks") == 5
    retention = Retention(core, DAY, has_webhooks=True)
    clock.advance(-2 * DAY)
    assert await delete_all(retention) == [3, 2]
    await retention.delete_old()
    assert "are old, but webhooks have read to 5" in caplog.text
    assert await core.store.enqueue_deliveries("webhooks", 5, 7, [])
    assert await delete_all(retention) == [2]
    caplog.clear()
    clock.advance(100 * DAY)
    await retention.delete_old()
    assert await core.store.oldest_cursor() == 14
    assert caplog.text == ""


async def test_where_webhooks_were_switched_off_nothing_waits_for_them(
    core: Core, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await core.store.begin_reading("webhooks")
    await live(core, clock, 3)
    clock.advance(DAY)
    await Retention(core, DAY, has_webhooks=False).delete_old()
    assert await core.store.oldest_cursor() == 6
    assert caplog.text == ""


async def test_all_that_is_old_goes_in_one_round(clock: Clock) -> None:
    settings = make_settings(STORE="memory:", ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as core:
        await live(core, clock, 30)
        clock.advance(100 * DAY)
        task = asyncio.create_task(Retention(core, DAY, has_webhooks=False).keep_deleting())
        for _ in range(100):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await core.store.oldest_cursor() == 60


async def test_a_sidecar_deletes_only_if_it_is_told_to(clock: Clock, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'edgepass.db'}"
    settings = make_settings(STORE=store, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as core:
        await live(core, clock, 3)
    clock.advance(1000 * DAY)
    async with run_sidecar(clock, settings) as sidecar:
        assert await sidecar.core.store.oldest_cursor() == 1
    told = make_settings(STORE=store, ALGORITHM="EdDSA", EVENTS_KEPT="30")
    async with run_sidecar(clock, told) as sidecar:
        assert await begins_later(sidecar.core)


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "36501", "forever"])
def test_days_that_are_none_are_refused(days: str) -> None:
    with pytest.raises(WrongSetting, match="EDGEPASS_EVENTS_KEPT"):
        make_settings(EVENTS_KEPT=days)


def test_events_are_kept_for_ever_unless_told_otherwise() -> None:
    assert make_settings().events_kept is None
    assert make_settings(EVENTS_KEPT="30").events_kept == 30 * DAY
