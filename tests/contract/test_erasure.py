"""What every store promises of erasing a user: nothing of the user stays, and all else does."""

from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.audit.chain import erase
from edgepass_sidecar.delivery import Delivery, DeliveryStatus
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.seals import Beginning
from edgepass_sidecar.session import Status, Terms
from edgepass_sidecar.store import Commit, SessionStore
from tests.contract.making import EVENT, alone, found, store_client
from tests.contract.test_seals import seal
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, make_ticket, make_user, other_client

USER = UserId("user_1")
FAR = 1 << 40


async def write(store: SessionStore, **members: Any) -> int:
    """Write one event and return its cursor."""
    name = f"w{await store.newest_cursor()}"
    values = {"type": "session.created", "at": float(NOW)} | members
    assert await store.insert_user(make_user(name), (Event(**values),))
    return await store.newest_cursor()


async def erased_cursors(store: SessionStore) -> list[int]:
    entries = await store.list_events(0, 1000)
    return [c for c, event in entries if event == erase(event) and event.type != EVENT.type]


async def test_nothing_is_known_of_a_stranger(store: SessionStore) -> None:
    await write(store, user_id="user_2")
    assert await store.begin_erasure(USER, NOW) is Beginning.UNKNOWN
    assert await store.list_erasures(FAR) == ()
    assert not await store.finish_erasure(USER)


async def test_user_sessions_tickets_and_clients_go_at_once(store: SessionStore) -> None:
    await store_client(store, alone(1, user_id="user_1"))
    await store_client(store, alone(2, user_id="user_1", status=Status.ENDED))
    await store_client(store, alone(3, user_id="user_2"))
    await store.insert_ticket(make_ticket("1"), ())
    await store.insert_ticket(make_ticket("2", user_id=UserId("user_2")), ())
    assert await store.begin_erasure(USER, NOW) is Beginning.BEGUN
    assert await store.load_users([USER]) == {}
    assert await store.load_ticket(make_ticket("1").id) is None
    assert await store.load_ticket(make_ticket("2").id) is not None
    assert [await found(store, name) is None for name in ("001", "002", "003")] == [
        True,
        True,
        False,
    ]
    clients = [await store.load_client(other_client(number)) for number in (1, 2, 3)]
    assert [client is None for client in clients] == [True, True, False]
    assert await store.finish_erasure(USER)


async def test_a_client_that_others_use_stays_and_works(store: SessionStore) -> None:
    mine = make_session("mine", user_id="user_1", status=Status.REVOKED)
    client = make_client(mine, make_session("theirs", user_id="user_2"))
    await store_client(store, replace(client, rotated_for=mine.id))
    assert await store.begin_erasure(USER, NOW) is Beginning.BEGUN
    stored = await store.load_client(client.id)
    assert stored is not None
    assert [session.id for session in stored.sessions] == ["sess_theirs"]
    assert stored.rotated_for is None
    assert await store.commit(Commit(client=stored))


async def test_a_commit_that_was_under_way_comes_too_late(store: SessionStore) -> None:
    client = alone(1, user_id="user_1")
    await store_client(store, client)
    loaded = await store.load_client(client.id)
    assert loaded is not None
    await store.begin_erasure(USER, NOW)
    assert not await store.commit(Commit(client=loaded, events=(EVENT,)))
    assert not await store.update_user(make_user("1"), float(NOW), (EVENT,))


async def test_what_the_user_did_in_the_place_of_others_goes_too(store: SessionStore) -> None:
    await store_client(
        store, alone(2, user_id="user_2", actor={"sub": "user_1"}, status=Status.ENDED)
    )
    terms = Terms(actor={"sub": "user_1"})
    await store.insert_ticket(make_ticket("1", user_id=UserId("user_2"), terms=terms), ())
    assert await store.find_acting(USER) == ()
    assert await store.begin_erasure(USER, NOW) is Beginning.BEGUN
    assert await found(store, "002") is None
    assert await store.load_ticket(make_ticket("1").id) is None


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.PENDING])
async def test_while_the_user_acts_in_the_place_of_another_nothing_is_deleted(
    store: SessionStore, status: Status
) -> None:
    await store.insert_user(make_user("1"), ())
    await store_client(store, alone(1, user_id="user_2", actor={"sub": "user_1"}, status=status))
    assert await store.find_acting(USER) == (SessionId("sess_001"),)
    assert await store.begin_erasure(USER, NOW) is Beginning.STILL_ACTING
    assert await found(store, "001") is not None
    assert USER in await store.load_users([USER])
    assert await store.list_erasures(FAR) == ()


async def test_the_events_of_and_by_the_user_lose_their_personal_part(store: SessionStore) -> None:
    theirs = [
        await write(store, user_id=USER, client_id=ClientId("client_a"), ip_address="::1"),
        await write(store, type="client.rotated", client_id=ClientId("client_a")),
        await write(store, user_id=UserId("user_2"), actor_id="user_1"),
        await write(store, user_id=UserId("user_2"), data={"by": "user", "by_actor": "user_1"}),
        await write(store, type="user.updated", user_id=USER, data={"x": 1}),
    ]
    kept = [
        await write(store, user_id=UserId("user_2"), client_id=ClientId("client_b")),
        await write(store, type="client.rotated", client_id=ClientId("client_b")),
        await write(store, type="key.published", data={"key_id": "user_1"}),
    ]
    before = dict(await store.list_events(0, 100))
    await seal(store)
    assert await store.begin_erasure(USER, NOW) is Beginning.BEGUN
    assert await store.erase_events(USER, FAR, 100, NOW + 1.0) == 5
    after = dict(await store.list_events(0, 100))
    assert {cursor: after[cursor] for cursor in kept} == {c: before[c] for c in kept}
    assert {cursor: after[cursor] for cursor in theirs} == {c: erase(before[c]) for c in theirs}
    assert after[9] == Event(type="user.erased", at=NOW + 1.0, data={"erased": [[1, 5]]})
    batch = await store.find_batch(0)
    assert batch is not None
    assert [sealed.seal.salt is None for sealed in batch.sealed] == [True] * 5 + [False] * 3
    assert await store.finish_erasure(USER)


async def test_on_a_client_that_others_were_seen_on_its_own_events_stay(
    store: SessionStore,
) -> None:
    shared = ClientId("client_a")
    await write(store, user_id=USER, client_id=shared)
    await write(store, user_id=UserId("user_2"), client_id=shared)
    rotated = await write(store, type="client.rotated", client_id=shared)
    await seal(store)
    await store.begin_erasure(USER, NOW)
    assert await store.erase_events(USER, FAR, 100, NOW) == 1
    assert dict(await store.list_events(0, 100))[rotated].client_id == shared


async def test_events_go_in_steps_each_with_an_account_of_its_own(store: SessionStore) -> None:
    for _ in range(5):
        await write(store, user_id=USER)
    await seal(store)
    await store.begin_erasure(USER, NOW)
    steps = [await store.erase_events(USER, FAR, 2, NOW) for _ in range(4)]
    assert steps == [2, 2, 1, 0]
    entries = await store.list_events(5, 100)
    assert [event.data for _, event in entries] == [
        {"erased": [[1, 2]]},
        {"erased": [[3, 4]]},
        {"erased": [[5, 5]]},
    ]


async def test_neither_what_is_unsealed_nor_what_comes_after_a_cursor_is_erased(
    store: SessionStore,
) -> None:
    for _ in range(4):
        await write(store, user_id=USER)
    await seal(store, 3)
    await store.begin_erasure(USER, NOW)
    assert await store.erase_events(USER, 2, 100, NOW) == 2
    assert await store.erase_events(USER, FAR, 100, NOW) == 1
    assert not await store.finish_erasure(USER)
    assert await store.list_erasures(FAR) == (USER,)
    await seal(store)
    assert await store.erase_events(USER, FAR, 100, NOW) == 1
    assert await store.finish_erasure(USER)
    assert await store.list_erasures(FAR) == ()


async def test_the_last_event_before_a_time_is_found(store: SessionStore) -> None:
    assert await store.find_cursor_before(NOW + 9.0) == 0
    cursors = [await write(store, at=NOW + at) for at in (1.0, 2.0, 2.0, 3.0)]
    found = [await store.find_cursor_before(NOW + at) for at in (1.0, 2.0, 2.5, 3.0, 3.5)]
    assert found == [0, cursors[0], cursors[2], cursors[2], cursors[3]]


async def test_who_comes_later_under_the_same_id_is_somebody_else(store: SessionStore) -> None:
    await write(store, user_id=USER)
    await seal(store)
    await store.begin_erasure(USER, NOW)
    later = await write(store, user_id=USER, at=NOW + 0.5)
    await seal(store)
    assert await store.erase_events(USER, FAR, 100, NOW) == 1
    assert await store.finish_erasure(USER)
    assert dict(await store.list_events(0, 100))[later].user_id == USER


@pytest.mark.parametrize(("at", "erased"), [(-0.5, 1), (0.0, 1), (0.5, 0)])
async def test_what_happened_before_and_is_written_later_is_theirs(
    store: SessionStore, at: float, erased: int
) -> None:
    await store.insert_user(make_user("1"), ())
    assert await store.begin_erasure(USER, NOW) is Beginning.BEGUN
    await write(store, type="session.token.created", user_id=USER, at=NOW + at)
    await seal(store)
    assert await store.finish_erasure(USER) == (not erased)
    assert await store.erase_events(USER, FAR, 100, NOW) == erased


async def test_a_theft_is_of_everybody_whose_session_it_ended(store: SessionStore) -> None:
    over = [{"session_id": "sess_1", "user_id": "user_2"}, {"session_id": "s", "user_id": "user_1"}]
    theft = await write(store, type="client.theft", data={"sessions": over})
    kept = [
        await write(store, type="client.theft", data={"sessions": over[:1]}),
        await write(store, type="client.theft", data={"sessions": []}),
        await write(store, type="claims.bumped", data={"sessions": over}),
    ]
    before = dict(await store.list_events(0, 100))
    await seal(store)
    assert await store.begin_erasure(USER, NOW) is Beginning.BEGUN
    assert await store.erase_events(USER, FAR, 100, NOW) == 1
    after = dict(await store.list_events(0, 100))
    assert after[theft] == erase(before[theft])
    assert [after[cursor] for cursor in kept] == [before[cursor] for cursor in kept]
    assert await store.finish_erasure(USER)


async def test_erasures_are_listed_by_when_they_were_last_asked_for(store: SessionStore) -> None:
    for name in ("1", "2"):
        await store.insert_user(make_user(name), ())
        await write(store, user_id=UserId(f"user_{name}"))
        await store.begin_erasure(UserId(f"user_{name}"), NOW + float(name))
    assert await store.list_erasures(NOW + 1.0) == ()
    assert await store.list_erasures(NOW + 1.5) == (USER,)
    assert await store.list_erasures(FAR) == (USER, UserId("user_2"))
    await store.begin_erasure(USER, NOW + 3.0)
    assert await store.list_erasures(FAR) == (UserId("user_2"), USER)


@pytest.mark.parametrize("is_delivered", [True, False])
async def test_an_event_waits_for_its_webhook_and_a_dead_one_goes_with_it(
    store: SessionStore, is_delivered: bool
) -> None:
    cursors = [await write(store, user_id=USER) for _ in range(3)]
    await seal(store)
    await store.begin_reading("webhooks")
    deliveries = [
        Delivery(
            cursor=cursor,
            message_id=f"msg_{cursor}",
            type="session.created",
            sequence=f"sess_{cursor}",
            body=b"{}",
            created_at=NOW,
            give_up_at=NOW,
            due_at=NOW,
        )
        for cursor in cursors[:2]
    ]
    position = await store.load_position("webhooks")
    assert await store.enqueue_deliveries("webhooks", position, position, deliveries)
    dead = replace(deliveries[1], status=DeliveryStatus.DEAD)
    assert await store.put_back_delivery(deliveries[1], dead)
    await store.begin_erasure(USER, NOW)
    assert await store.erase_events(USER, FAR, 100, NOW) == 2
    assert await store.list_dead_deliveries(0, 10) == ()
    assert await erased_cursors(store) == cursors[1:]
    # Whether it is delivered, or webhooks are off for good and its time is over.
    if is_delivered:
        await store.finish_delivery(deliveries[0])
    assert await store.erase_events(USER, FAR, 100, NOW + (not is_delivered)) == 1
