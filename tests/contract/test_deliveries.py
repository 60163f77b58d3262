"""What every store promises of deliveries: enqueued once, in order, claimed by one, not lost."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.delivery import TRIED_FOR, Delivery, DeliveryStatus
from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.contract.making import EVENT
from tests.support.issuer import NOW
from tests.support.sidecar import make_user

READER = "webhooks"
LEASE = 45.0
DEAD: dict[str, Any] = {"status": DeliveryStatus.DEAD, "attempts": 3, "problem": "status 500"}


def make_delivery(cursor: int, sequence: str = "sess_1", **changes: Any) -> Delivery:
    delivery = Delivery(
        cursor=cursor,
        message_id=f"msg_{cursor}",
        type="session.created",
        sequence=sequence,
        body=b'{"cursor":%d}\xff' % cursor,
        created_at=float(NOW),
        give_up_at=NOW + TRIED_FOR,
        due_at=float(NOW),
    )
    return replace(delivery, **changes)


async def enqueue(store: SessionStore, *deliveries: Delivery) -> None:
    await store.begin_reading(READER)
    since = await store.load_position(READER)
    until = max(since, *(delivery.cursor for delivery in deliveries))
    assert await store.enqueue_deliveries(READER, since, until, deliveries)


async def claim(store: SessionStore, now: float = NOW, limit: int = 10) -> list[int]:
    claimed = await store.claim_deliveries(now, now + LEASE, limit)
    return [delivery.cursor for delivery in claimed]


async def claim_one(store: SessionStore, now: float = NOW) -> Delivery:
    (claimed,) = await store.claim_deliveries(now, now + LEASE, 1)
    return claimed


async def bury(store: SessionStore, *deliveries: Delivery) -> None:
    """Have deliveries of sequences of their own die."""
    await enqueue(store, *deliveries)
    for claimed in await store.claim_deliveries(NOW, NOW + LEASE, len(deliveries)):
        assert await store.put_back_delivery(claimed, replace(claimed, claimed_until=0.0, **DEAD))


async def test_a_reader_begins_at_the_end_of_the_log(store: SessionStore) -> None:
    await store.insert_user(make_user(), (EVENT, EVENT, EVENT))
    await store.begin_reading(READER)
    assert await store.load_position(READER) == 3
    assert await store.load_position("another") == 0


async def test_a_reader_that_has_begun_stays_where_it_is(store: SessionStore) -> None:
    await store.begin_reading(READER)
    await store.insert_user(make_user(), (EVENT,))
    await store.begin_reading(READER)
    assert await store.load_position(READER) == 0
    assert await store.enqueue_deliveries(READER, 0, 1, ())
    await store.begin_reading(READER)
    assert await store.load_position(READER) == 1


async def test_a_reader_that_never_began_cannot_be_moved(store: SessionStore) -> None:
    assert not await store.enqueue_deliveries(READER, 0, 1, [make_delivery(1)])
    assert await store.load_position(READER) == 0
    assert await claim(store) == []


async def test_a_delivery_is_kept_as_it_is(store: SessionStore) -> None:
    delivery = make_delivery(7)
    await enqueue(store, delivery)
    claimed = await claim_one(store)
    assert claimed == replace(delivery, claimed_until=NOW + LEASE)
    assert await store.load_position(READER) == 7


async def test_of_two_who_read_the_same_events_one_enqueues_them(store: SessionStore) -> None:
    await store.begin_reading(READER)
    first, second = make_delivery(1), make_delivery(1, message_id="msg_other")
    assert await store.enqueue_deliveries(READER, 0, 1, [first])
    assert not await store.enqueue_deliveries(READER, 0, 1, [second])
    assert (await claim_one(store)).message_id == "msg_1"


async def test_events_without_a_delivery_are_passed(store: SessionStore) -> None:
    await store.begin_reading(READER)
    assert await store.enqueue_deliveries(READER, 0, 100, ())
    assert await store.load_position(READER) == 100


@pytest.mark.parametrize(("due_at", "is_due"), [(-0.5, True), (0.0, True), (0.5, False)])
async def test_what_is_not_due_is_not_claimed(
    store: SessionStore, due_at: float, is_due: bool
) -> None:
    await enqueue(store, make_delivery(1, due_at=NOW + due_at))
    assert await claim(store) == ([1] if is_due else [])


async def test_what_is_longest_due_comes_first_and_no_more_than_asked_for(
    store: SessionStore,
) -> None:
    late = [make_delivery(i, f"sess_{i}", due_at=NOW - float(i % 3)) for i in range(1, 7)]
    await enqueue(store, *late)
    assert await claim(store, limit=3) == [2, 5, 1]
    assert await claim(store, limit=3) == [4, 3, 6]


async def test_what_one_has_claimed_nobody_else_gets_until_the_claim_is_over(
    store: SessionStore,
) -> None:
    await enqueue(store, make_delivery(1))
    assert await claim(store) == [1]
    assert await claim(store, NOW + LEASE - 0.5) == []
    assert await claim(store, NOW + LEASE) == [1]
    assert await claim(store, NOW + LEASE) == []


async def test_of_a_sequence_only_the_first_is_due(store: SessionStore) -> None:
    await enqueue(store, make_delivery(1), make_delivery(2), make_delivery(3, "sess_2"))
    assert await claim(store) == [1, 3]
    assert await claim(store) == []


async def test_what_is_delivered_lets_the_next_of_its_sequence_go(store: SessionStore) -> None:
    await enqueue(store, make_delivery(1), make_delivery(2))
    await store.finish_delivery(await claim_one(store))
    assert await claim(store) == [2]


async def test_what_failed_is_due_when_it_says_so_and_remembers_why(store: SessionStore) -> None:
    await enqueue(store, make_delivery(1))
    claimed = await claim_one(store)
    changed = replace(claimed, attempts=1, problem="down", due_at=NOW + 5.0, claimed_until=0.0)
    assert await store.put_back_delivery(claimed, changed)
    assert await claim(store, NOW + 4.5) == []
    again = await claim_one(store, NOW + 5.0)
    assert again == replace(changed, claimed_until=NOW + 5.0 + LEASE)


async def test_what_failed_holds_up_its_sequence_and_no_other(store: SessionStore) -> None:
    await enqueue(store, make_delivery(1), make_delivery(2), make_delivery(3, "sess_2"))
    claimed = await claim_one(store)
    await store.put_back_delivery(claimed, replace(claimed, due_at=NOW + 30.0, claimed_until=0.0))
    await enqueue(store, make_delivery(4), make_delivery(5, "sess_2"))
    assert await claim(store) == [3]
    assert await claim(store, NOW + 29.5) == []
    again = await claim_one(store, NOW + 30.0)
    assert again.cursor == 1
    await store.finish_delivery(again)
    assert await claim(store, NOW + 30.0) == [2]


async def test_a_dead_letter_lets_the_next_of_its_sequence_go(store: SessionStore) -> None:
    await enqueue(store, make_delivery(1), make_delivery(2))
    claimed = await claim_one(store)
    assert await store.put_back_delivery(claimed, replace(claimed, claimed_until=0.0, **DEAD))
    assert await claim(store) == [2]


async def test_whose_claim_is_over_puts_nothing_back(store: SessionStore) -> None:
    await enqueue(store, make_delivery(1))
    slow = await claim_one(store)
    quick = await claim_one(store, NOW + LEASE)
    assert not await store.put_back_delivery(slow, replace(slow, claimed_until=0.0, **DEAD))
    assert await store.list_dead_deliveries(0, 10) == ()
    changed = replace(quick, due_at=NOW + 100.0, claimed_until=0.0)
    assert await store.put_back_delivery(quick, changed)
    assert not await store.put_back_delivery(quick, changed)


async def test_what_was_delivered_is_gone_even_if_its_claim_was_over(store: SessionStore) -> None:
    await enqueue(store, make_delivery(1))
    slow = await claim_one(store)
    quick = await claim_one(store, NOW + LEASE)
    await store.finish_delivery(slow)
    assert not await store.put_back_delivery(quick, replace(quick, claimed_until=0.0))
    await store.finish_delivery(quick)
    assert await claim(store, NOW + 10 * LEASE) == []


async def test_dead_letters_are_listed_page_by_page(store: SessionStore) -> None:
    await bury(store, *(make_delivery(i, f"sess_{i}") for i in (2, 3, 5, 8)))
    dead = await store.list_dead_deliveries(0, 3)
    assert dead[0] == make_delivery(2, "sess_2", **DEAD)
    assert [delivery.cursor for delivery in dead] == [2, 3, 5]
    assert [d.cursor for d in await store.list_dead_deliveries(5, 3)] == [8]
    assert await claim(store, NOW + 1e9) == []


async def test_one_dead_letter_is_revived_with_all_its_time_before_it(store: SessionStore) -> None:
    await bury(store, make_delivery(1, "sess_1"), make_delivery(2, "sess_2"))
    later = NOW + 3 * TRIED_FOR
    assert await store.revive_deliveries(2, later) == 1
    assert await store.revive_deliveries(2, later) == 0
    assert await store.revive_deliveries(3, later) == 0
    revived = await claim_one(store, later)
    assert revived == make_delivery(
        2,
        "sess_2",
        due_at=later,
        give_up_at=later + TRIED_FOR,
        problem=DEAD["problem"],
        claimed_until=later + LEASE,
    )
    assert [d.cursor for d in await store.list_dead_deliveries(0, 10)] == [1]


async def test_all_dead_letters_are_revived_at_once(store: SessionStore) -> None:
    await bury(store, *(make_delivery(i, f"sess_{i}") for i in (1, 2, 3)))
    await enqueue(store, make_delivery(4, due_at=NOW + 100.0))
    assert await store.revive_deliveries(None, NOW) == 3
    assert await store.list_dead_deliveries(0, 10) == ()
    assert await claim(store) == [1, 2, 3]


async def test_what_is_revived_waits_for_what_of_its_sequence_is_claimed(
    store: SessionStore,
) -> None:
    await bury(store, make_delivery(1))
    await enqueue(store, make_delivery(2), make_delivery(3))
    second = await claim_one(store)
    await store.revive_deliveries(1, NOW)
    assert second.cursor == 2
    assert await claim(store) == []
    await store.finish_delivery(second)
    assert await claim(store) == [1]


async def test_old_dead_letters_are_dropped_no_more_at_once_than_asked_for(
    store: SessionStore,
) -> None:
    old = [make_delivery(i, f"sess_{i}", created_at=NOW - 0.5) for i in (1, 2, 3)]
    await bury(store, *old, make_delivery(4, "sess_4"))
    await enqueue(store, make_delivery(5, "sess_5", created_at=NOW - 9.0))
    assert await store.drop_dead_deliveries(NOW, 2) == 2
    assert await store.drop_dead_deliveries(NOW, 2) == 1
    assert await store.drop_dead_deliveries(NOW, 2) == 0
    assert [d.cursor for d in await store.list_dead_deliveries(0, 10)] == [4]
    assert await claim(store) == [5]


async def test_of_two_stores_on_one_file_one_enqueues_and_one_claims(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "edgepass.db") for _ in range(2)]
    for store in stores:
        await store.open()
    await stores[0].begin_reading(READER)
    for number in range(1, 31):
        first = make_delivery(number, f"sess_{number}")
        enqueued = await asyncio.gather(
            *(s.enqueue_deliveries(READER, number - 1, number, [first]) for s in stores)
        )
        claimed = await asyncio.gather(*(claim(store) for store in stores))
        assert sorted(enqueued) == [False, True]
        assert sorted(claimed) == [[], [number]]
    for store in stores:
        await store.close()
