"""What every store promises of admissions: the user is as it was read, and there is room."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.session import LIVE, Status
from edgepass_sidecar.store import Admission, Commit, SessionQuery, SessionStore
from edgepass_sidecar.user import User
from tests.contract.making import EVENT, alone, store_client
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, make_ticket, make_user

USER = make_user("1")


@pytest.fixture(autouse=True)
async def user(store: SessionStore) -> User:
    await store.insert_user(USER, ())
    return USER


def admitted(client: Client, maximum: int | None = None, **changes: Any) -> Commit:
    admission = Admission(user=USER, maximum_sessions=maximum, now=float(NOW))
    return Commit(client=client, events=(EVENT,), admission=replace(admission, **changes))


async def live_of_user(store: SessionStore) -> int:
    query = SessionQuery(user_id=USER.id, statuses=LIVE)
    return (await store.list_sessions(query, NOW)).total


async def test_a_session_of_a_user_that_nobody_changed_is_stored(store: SessionStore) -> None:
    client = alone(1)
    assert await store.commit(admitted(client))
    assert await store.load_client(client.id) == replace(client, version=1)
    assert await store.list_events(0, 10) == ((1, EVENT),)


@pytest.mark.parametrize(
    "change",
    [{"first_name": "Ada"}, {"is_banned": True}, {"not_before": NOW + 1.0}],
    ids=lambda change: next(iter(change)),
)
async def test_where_the_user_was_changed_nothing_is_stored(
    store: SessionStore, change: dict[str, Any]
) -> None:
    ticket = make_ticket()
    await store.insert_ticket(ticket, ())
    before = make_client(make_session("1"))
    await store.commit(Commit(client=before))
    await store.update_user(replace(USER, updated_at=NOW + 0.001, **change), USER.updated_at, ())
    stood = await store.load_client(before.id)

    ended = replace(before.sessions[0], status=Status.REPLACED)
    late = replace(before, version=1, sessions=(ended, make_session("2")), token_hash=b"n" * 32)
    accepted = ticket.accept(late.sessions[1].id, float(NOW))
    assert not await store.commit(replace(admitted(late), accepted=accepted))

    assert await store.load_client(before.id) == stood
    assert await store.find_session(late.sessions[1].id) is None
    assert await store.load_ticket(ticket.id) == ticket
    assert await store.list_events(0, 10) == ()


async def test_where_there_is_no_room_nothing_is_stored(store: SessionStore) -> None:
    ticket = make_ticket()
    await store.insert_ticket(ticket, ())
    await store_client(store, alone(1))
    late = alone(2)
    accepted = ticket.accept(late.sessions[0].id, float(NOW))
    assert not await store.commit(replace(admitted(late, 1), accepted=accepted))
    assert await store.load_client(late.id) is None
    assert await store.find_session(late.sessions[0].id) is None
    assert await store.load_ticket(ticket.id) == ticket
    assert await store.list_events(0, 10) == ()


async def test_a_user_that_is_not_there_is_not_admitted(store: SessionStore) -> None:
    nobody = make_user("2")
    commit = admitted(make_client(), user=nobody)
    assert not await store.commit(commit)
    assert await store.load_client(commit.client.id) is None


@pytest.mark.parametrize("status", sorted(LIVE))
@pytest.mark.parametrize(("others", "has_room"), [(0, True), (1, True), (2, True), (3, False)])
async def test_live_sessions_are_counted_on_all_clients_together(
    store: SessionStore, others: int, has_room: bool, status: Status
) -> None:
    for number in range(others):
        await store_client(store, alone(number, status=status))
    assert await store.commit(admitted(alone(9), 3)) is has_room
    assert await live_of_user(store) == min(others + 1, 3)


async def test_without_a_maximum_there_is_always_room(store: SessionStore) -> None:
    for number in range(30):
        assert await store.commit(admitted(alone(number)))


@pytest.mark.parametrize("status", sorted(set(Status) - LIVE))
async def test_a_session_that_is_over_takes_no_room(store: SessionStore, status: Status) -> None:
    await store_client(store, alone(1, status=status))
    assert await store.commit(admitted(alone(2), 1))


@pytest.mark.parametrize(
    ("limits", "takes_room"),
    [
        ({"expire_at": NOW - 0.5}, False),
        ({"expire_at": float(NOW)}, False),
        ({"expire_at": NOW + 0.5}, True),
        ({"inactivity_timeout": 300.0, "last_active_at": NOW - 300.5}, False),
        ({"inactivity_timeout": 300.0, "last_active_at": NOW - 300.0}, False),
        ({"inactivity_timeout": 300.0, "last_active_at": NOW - 299.5}, True),
    ],
)
async def test_room_is_meant_as_of_now(
    store: SessionStore, limits: dict[str, Any], takes_room: bool
) -> None:
    await store_client(store, alone(1, **limits))
    assert await store.commit(admitted(alone(2), 1)) is not takes_room


@pytest.mark.parametrize(("began", "takes_room"), [(-0.5, False), (0.0, True), (0.5, True)])
async def test_a_session_from_before_its_user_s_mark_takes_no_room(
    store: SessionStore, began: float, takes_room: bool
) -> None:
    marked = replace(USER, not_before=float(NOW), updated_at=NOW + 1.0)
    await store.update_user(marked, USER.updated_at, ())
    await store_client(store, alone(1, created_at=NOW + began))
    assert await store.commit(admitted(alone(2), 1, user=marked)) is not takes_room


async def test_sessions_of_a_banned_user_take_no_room(store: SessionStore) -> None:
    for number in range(3):
        await store_client(store, alone(number))
    banned = replace(USER, is_banned=True, updated_at=NOW + 1.0)
    await store.update_user(banned, USER.updated_at, ())
    assert await store.commit(admitted(alone(9), 1, user=banned))


async def test_sessions_of_others_take_no_room(store: SessionStore) -> None:
    for number in range(3):
        await store_client(store, alone(number, user_id="user_2"))
    assert await store.commit(admitted(alone(9), 1))


async def test_a_session_that_the_same_commit_replaces_takes_no_room(store: SessionStore) -> None:
    old = make_session("1")
    await store_client(store, make_client(old))
    replaced = replace(old, status=Status.REPLACED)
    both = make_client(replaced, make_session("2"), version=1)
    assert await store.commit(admitted(both, 1))
    assert await live_of_user(store) == 1


@pytest.mark.parametrize("maximum", [1, 3])
async def test_of_concurrent_commits_for_the_last_place_one_is_stored(
    store: SessionStore, maximum: int
) -> None:
    for number in range(maximum - 1):
        await store_client(store, alone(number))
    commits = [admitted(alone(number), maximum) for number in range(10, 30)]
    outcomes = await asyncio.gather(*(store.commit(commit) for commit in commits))
    assert outcomes.count(True) == 1
    winner = commits[outcomes.index(True)].client
    assert await store.load_client(winner.id) == replace(winner, version=1)
    assert await live_of_user(store) == maximum
    assert len(await store.list_events(0, 100)) == 1


async def test_a_user_is_changed_before_a_session_starts_or_after_but_never_meanwhile(
    store: SessionStore,
) -> None:
    for number in range(1, 31):
        user = make_user(f"r{number}")
        await store.insert_user(user, ())
        banned = replace(user, is_banned=True, updated_at=NOW + 1.0)
        client = alone(number, user_id=UserId(f"user_r{number}"))
        works = [
            store.commit(admitted(client, user=user)),
            store.update_user(banned, user.updated_at, ()),
        ]
        started, changed = await asyncio.gather(*(works if number % 2 else reversed(works)))
        if not number % 2:
            started, changed = changed, started
        assert changed
        assert (await store.find_session(client.sessions[0].id) is not None) is started
