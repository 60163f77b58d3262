"""What every store promises of the chain: each batch appended once, deleted from its beginning."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.audit.chain import GENESIS, seal_events
from edgepass_sidecar.delivery import Delivery, DeliveryStatus
from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import EventQuery
from edgepass_sidecar.seals import Batch, Unsealed
from edgepass_sidecar.store import SessionStore, StoreUnavailable
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.support.issuer import NOW
from tests.support.sidecar import make_user


async def write(store: SessionStore, *times: float, **changes: Any) -> None:
    """Write an event for each of `times`."""
    events = tuple(Event(type="test.happened", at=at, **changes) for at in times)
    name = f"w{await store.newest_cursor()}"
    assert await store.insert_user(make_user(name), events)


def batch_of(unsealed: Unsealed, kid: str = "key_1") -> Batch:
    sealed = seal_events(unsealed.link, unsealed.entries, random.Random(kid).randbytes)
    checkpoint = f"{kid} over {sealed[0].cursor} to {sealed[-1].cursor}"
    return Batch(
        first=sealed[0].cursor,
        last=sealed[-1].cursor,
        previous=unsealed.link,
        sealed=sealed,
        checkpoint=checkpoint,
        key={"kid": kid, "x": "y"},
    )


async def seal(store: SessionStore, limit: int = 100, kid: str = "key_1") -> Batch:
    unsealed = await store.find_unsealed(limit)
    batch = batch_of(unsealed, kid)
    assert await store.append_seals(unsealed.cursor, batch)
    return batch


async def test_an_empty_log_has_nothing_to_seal(store: SessionStore) -> None:
    assert await store.find_unsealed(10) == Unsealed(cursor=0, link=GENESIS, entries=())
    assert await store.find_batch(0) is None
    assert await store.load_checkpoint_keys() == ()


async def test_what_is_unsealed_follows_the_end_of_the_chain(store: SessionStore) -> None:
    await write(store, 1.0, 2.0, 3.0, 4.0, 5.0, data={"a": [1, "ä"]}, ip_address="::1")
    first = await store.find_unsealed(2)
    assert [cursor for cursor, _ in first.entries] == [1, 2]
    assert first.entries == (await store.list_events(0, 2))
    batch = batch_of(first)
    assert await store.append_seals(0, batch)
    rest = await store.find_unsealed(10)
    assert (rest.cursor, rest.link) == (2, batch.sealed[-1].seal.link)
    assert [cursor for cursor, _ in rest.entries] == [3, 4, 5]


async def test_batches_are_found_one_after_the_other_as_they_were_appended(
    store: SessionStore,
) -> None:
    await write(store, 1.0, 2.0, 3.0, 4.0, 5.0, data={"a": 1}, user_agent="Firefox")
    appended = [await seal(store, 2, kid) for kid in ("key_1", "key_2", "key_1")]
    found, after = [], 0
    while (batch := await store.find_batch(after)) is not None:
        found.append(batch)
        after = batch.last
    assert found == appended
    assert [key["kid"] for key in await store.load_checkpoint_keys()] == ["key_1", "key_2"]


async def test_who_is_late_appends_nothing(store: SessionStore) -> None:
    await write(store, 1.0, 2.0)
    unsealed = await store.find_unsealed(10)
    first, second = batch_of(unsealed), batch_of(unsealed, "key_2")
    assert await store.append_seals(unsealed.cursor, first)
    assert not await store.append_seals(unsealed.cursor, second)
    assert not await store.append_seals(1, second)
    assert await store.find_batch(0) == first
    assert [key["kid"] for key in await store.load_checkpoint_keys()] == ["key_1"]


async def test_of_many_that_seal_at_once_exactly_one_appends_each_batch(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "edgepass.db") for _ in range(4)]
    for each in stores:
        await each.open()
    await write(stores[0], *(float(at) for at in range(40)))

    async def seal_on(store: SqliteStore, name: str) -> int:
        won = 0
        while (unsealed := await store.find_unsealed(3)).entries:
            won += await store.append_seals(unsealed.cursor, batch_of(unsealed, name))
        return won

    won = await asyncio.gather(*(seal_on(s, f"key_{i}") for i, s in enumerate(stores)))
    assert sum(won) == 14
    link, after = GENESIS, 0
    while (batch := await stores[0].find_batch(after)) is not None:
        assert batch.previous == link
        assert batch.sealed[0].cursor == after + 1
        link, after = batch.sealed[-1].seal.link, batch.last
    assert after == 40
    for each in stores:
        await each.close()


async def test_writers_go_on_while_others_seal(store: SessionStore) -> None:
    async def write_many() -> None:
        for at in range(20):
            await write(store, float(at))

    async def seal_many() -> None:
        for _ in range(40):
            if (await store.find_unsealed(1)).entries:
                await seal(store, 3)
            await asyncio.sleep(0)

    await asyncio.gather(write_many(), seal_many())
    while (await store.find_unsealed(1)).entries:
        await seal(store)
    assert (await store.find_unsealed(1)).cursor == 20


async def test_only_the_oldest_batch_goes_and_only_if_all_of_it_is_old(
    store: SessionStore,
) -> None:
    await write(store, 1.0, 5.0, 2.0, 3.0, 9.0)
    batches = [await seal(store, 2), await seal(store, 2), await seal(store, 1)]
    assert await store.prune_events(5.0, 100) == 0, "the second event happened at 5, not before"
    assert await store.prune_events(5.5, 1) == 0, "the batch goes on beyond cursor 1"
    assert await store.prune_events(5.5, 2) == 2
    assert await store.oldest_cursor() == 3
    assert await store.find_batch(0) == batches[1]
    assert [cursor for cursor, _ in await store.list_events(0, 10)] == [3, 4, 5]
    assert [c for c, _ in await store.find_events(EventQuery(newest_first=True))] == [5, 4, 3]


def make_delivery(cursor: int, give_up_at: float) -> Delivery:
    return Delivery(
        cursor=cursor,
        message_id=f"msg_{cursor}",
        type="session.created",
        sequence=f"sess_{cursor}",
        body=b"{}",
        created_at=1.0,
        give_up_at=give_up_at,
        due_at=1.0,
    )


async def test_dead_deliveries_go_with_their_events_and_others_stay(store: SessionStore) -> None:
    await write(store, 1.0, 2.0, 3.0, 4.0)
    await seal(store, 2)
    await seal(store, 2)
    await store.begin_reading("webhooks")
    dying = [make_delivery(cursor, 9.0) for cursor in (1, 2, 3)]
    assert await store.enqueue_deliveries("webhooks", 4, 4, dying)
    for claimed in await store.claim_deliveries(1.0, 2.0, 10):
        dead = replace(claimed, status=DeliveryStatus.DEAD, claimed_until=0.0)
        assert await store.put_back_delivery(claimed, dead)
    assert await store.prune_events(NOW, 100) == 2
    assert [d.cursor for d in await store.list_dead_deliveries(0, 10)] == [3]


@pytest.mark.parametrize(("give_up_at", "pruned"), [(4.5, 2), (5.0, 0), (5.5, 0)])
async def test_a_batch_waits_for_what_is_pending_until_it_should_have_been_given_up(
    store: SessionStore, give_up_at: float, pruned: int
) -> None:
    await write(store, 1.0, 2.0, 3.0)
    await seal(store, 2)
    await seal(store, 1)
    await store.begin_reading("webhooks")
    pending = make_delivery(2, give_up_at)
    assert await store.enqueue_deliveries("webhooks", 3, 3, [pending])
    assert await store.prune_events(5.0, 100) == pruned
    assert await store.claim_deliveries(1.0, 2.0, 10) == (
        () if pruned else (replace(pending, claimed_until=2.0),)
    )
    await store.finish_delivery(pending)
    assert await store.prune_events(5.0, 100) == 2 - pruned


async def test_the_last_batch_stays_and_the_chain_goes_on_from_it(store: SessionStore) -> None:
    await write(store, 1.0, 2.0)
    await seal(store, 1)
    last = await seal(store, 1)
    assert [await store.prune_events(NOW, 100) for _ in range(3)] == [1, 0, 0]
    assert await store.newest_cursor() == 2
    await write(store, 3.0)
    following = await seal(store)
    assert following.previous == last.sealed[-1].seal.link
    assert following.sealed[0].cursor == 3


async def test_what_is_not_sealed_never_goes(store: SessionStore) -> None:
    await write(store, 1.0, 2.0)
    assert await store.prune_events(NOW, 100) == 0
    await seal(store, 1)
    assert await store.prune_events(NOW, 100) == 0
    assert await store.oldest_cursor() == 1


async def test_keys_stay_when_what_they_signed_goes(store: SessionStore) -> None:
    await write(store, 1.0, 2.0)
    await seal(store, 1, "key_1")
    await seal(store, 1, "key_2")
    await store.prune_events(NOW, 100)
    assert [key["kid"] for key in await store.load_checkpoint_keys()] == ["key_1", "key_2"]


async def test_seals_of_one_batch_are_stored_together_or_not_at_all(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "edgepass.db")
    await store.open()
    await write(store, 1.0, 2.0)
    unsealed = await store.find_unsealed(10)
    batch = batch_of(unsealed)
    twice = replace(batch, sealed=(*batch.sealed, batch.sealed[0]))
    with pytest.raises(StoreUnavailable, match="UNIQUE"):
        await store.append_seals(0, twice)
    assert (await store.find_unsealed(10)).cursor == 0
    assert await store.append_seals(0, batch)
    await store.close()
