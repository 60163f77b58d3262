"""Tokens that go on record: none twice, none lost while there is room, and room has an end."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from edgepass_sidecar.event import Event
from edgepass_sidecar.service import minted as module
from edgepass_sidecar.service.minted import MAXIMUM_BATCH, Minted
from edgepass_sidecar.store import StoreUnavailable
from edgepass_sidecar.stores.memory import MemoryStore
from tests.support.issuer import NOW
from tests.support.sidecar import make_session


class SlowStore(MemoryStore):
    """Answers only when it is told to, after it has done what was asked or has failed."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.is_down = False

    async def append_events(self, events: tuple[Event, ...]) -> None:
        if not self.is_down:
            await super().append_events(events)
        self.asked.set()
        await self.answers.wait()
        if self.is_down:
            raise StoreUnavailable("down")


def note(minted: Minted, count: int) -> None:
    for number in range(count):
        minted.note(make_session(), NOW + float(number))


async def recorded(store: MemoryStore) -> list[float]:
    return [event.at - NOW for _, event in await store.list_events(0, 1 << 20)]


async def cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 -- what it waits for tells nobody
            await asyncio.sleep(0.001)


async def test_what_fails_is_written_later_in_its_order() -> None:
    store = SlowStore()
    store.answers.set()
    minted = Minted(store, logs=True)
    note(minted, MAXIMUM_BATCH + 2)
    store.is_down = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await minted.write()
    store.is_down = False
    await minted.write()
    assert await recorded(store) == [float(number) for number in range(MAXIMUM_BATCH + 2)]


async def test_a_write_that_was_cancelled_is_not_begun_again() -> None:
    store = SlowStore()
    minted = Minted(store, logs=True)
    note(minted, 3)
    writing = asyncio.create_task(minted.write())
    await store.asked.wait()
    await cancel(writing)
    store.answers.set()
    await minted.write()
    assert await recorded(store) == [0.0, 1.0, 2.0]


async def test_what_fails_after_its_writer_was_cancelled_is_not_lost() -> None:
    store = SlowStore()
    store.is_down = True
    minted = Minted(store, logs=True)
    note(minted, 3)
    writing = asyncio.create_task(minted.write())
    await store.asked.wait()
    await cancel(writing)
    store.answers.set()
    with pytest.raises(StoreUnavailable):
        await minted.write()
    store.is_down = False
    await minted.write()
    assert await recorded(store) == [0.0, 1.0, 2.0]


async def test_two_who_write_at_once_write_everything_once() -> None:
    store = SlowStore()
    minted = Minted(store, logs=True)
    note(minted, 3)
    both = [asyncio.create_task(minted.write()) for _ in range(2)]
    await store.asked.wait()
    store.answers.set()
    await asyncio.gather(*both)
    assert await recorded(store) == [0.0, 1.0, 2.0]


async def test_what_waits_is_bounded_and_what_is_dropped_is_counted_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAXIMUM_WAITING", 5)
    monkeypatch.setattr(module, "WRITE_EVERY", 0.0)
    monkeypatch.setattr(module, "COUNTED_EVERY", 0.0)
    caplog.set_level(logging.ERROR, "edgepass.minted")
    store = SlowStore()
    store.answers.set()
    minted = Minted(store, logs=True)
    note(minted, 7)
    assert (minted.count, minted.dropped) == (7, 2)
    writing = asyncio.create_task(minted.keep_writing())
    await eventually(lambda: bool(caplog.messages))
    await cancel(writing)
    assert caplog.messages == ["2 minted tokens will not be on record"]
    assert await recorded(store) == [0.0, 1.0, 2.0, 3.0, 4.0]
    note(minted, 1)
    assert minted.dropped == 2
