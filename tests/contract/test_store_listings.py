"""What every store promises of its lists: sessions by standing, users, events, in order."""

from dataclasses import replace

import pytest

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.store import Commit, SessionQuery, SessionStore
from edgepass_sidecar.user import User
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, make_user, other_client


async def _store_sessions(store: SessionStore, *sessions: Session) -> None:
    for user in {session.user_id: session.user for session in sessions}.values():
        await store.insert_user(user, ())
    for client_id in {session.client_id for session in sessions}:
        mine = [session for session in sessions if session.client_id == client_id]
        assert await store.commit(Commit(client=make_client(*mine)))


async def _names(store: SessionStore, query: SessionQuery, now: float = NOW) -> list[str]:
    page = await store.list_sessions(query, now)
    return [session.id.removeprefix("sess_") for session in page.items]


async def test_sessions_are_listed_newest_first(store: SessionStore) -> None:
    ages = {"b": 0.5, "c": 0.25, "a": 1.0}
    sessions = [make_session(name, created_at=NOW + age) for name, age in ages.items()]
    await _store_sessions(store, *sessions)
    assert await _names(store, SessionQuery()) == ["a", "b", "c"]


async def test_clients_are_listed_newest_first_in_pages_with_their_live_sessions(
    store: SessionStore,
) -> None:
    ages = {1: 0.0, 2: 1.0, 3: 1.0, 4: 0.5}
    clients = {}
    for number, age in ages.items():
        client_id = other_client(number)
        sessions = [
            make_session(f"{number}-{status}", client_id=client_id, status=status)
            for status in (Status.ACTIVE, Status.ENDED)
        ]
        made = make_client(*sessions[: number - 1], id=client_id, created_at=NOW + age)
        for session in made.sessions:
            await store.insert_user(session.user, ())
        assert await store.commit(Commit(client=made))
        clients[number] = await store.load_client(client_id)
    pages = [await store.list_clients(2, offset) for offset in (0, 2, 4)]
    wanted = [(clients[3], clients[2]), (clients[4], clients[1]), ()]
    assert [page.items for page in pages] == wanted
    assert {page.total for page in pages} == {4}
    assert [len(client.sessions) for client in pages[0].items + pages[1].items] == [1, 1, 1, 0]


async def test_sessions_of_one_moment_have_one_order_on_all_pages(store: SessionStore) -> None:
    await _store_sessions(store, *(make_session(name) for name in "badce"))
    pages = [await _names(store, SessionQuery(limit=2, offset=i)) for i in (0, 2, 4, 6)]
    assert pages == [["e", "d"], ["c", "b"], ["a"], []]


async def test_a_page_knows_how_many_sessions_match(store: SessionStore) -> None:
    sessions = [make_session(str(i), user_id=UserId(f"user_{i % 2}")) for i in range(5)]
    await _store_sessions(store, *sessions)
    query = SessionQuery(user_id=UserId("user_0"), limit=1, offset=5)
    page = await store.list_sessions(query, NOW)
    assert (page.items, page.total) == ((), 3)


async def test_sessions_are_chosen_by_user_and_by_client(store: SessionStore) -> None:
    first, second = other_client(1), other_client(2)
    await _store_sessions(
        store,
        make_session("a", client_id=first),
        make_session("b", client_id=first, user_id=UserId("user_2")),
        make_session("c", client_id=second),
    )
    assert await _names(store, SessionQuery(user_id=UserId("user_1"))) == ["c", "a"]
    assert await _names(store, SessionQuery(client_id=first)) == ["b", "a"]
    both = SessionQuery(client_id=first, user_id=UserId("user_1"))
    assert await _names(store, both) == ["a"]
    assert await _names(store, SessionQuery(user_id=UserId("user_3"))) == []


@pytest.mark.parametrize("status", list(Status))
async def test_sessions_are_chosen_by_stored_status(store: SessionStore, status: Status) -> None:
    await _store_sessions(store, *(make_session(each, status=each) for each in Status))
    assert await _names(store, SessionQuery(statuses=frozenset((status,)))) == [status]


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (3599.5, Status.ACTIVE),
        (3600, Status.EXPIRED),
        (3600.5, Status.EXPIRED),
    ],
)
async def test_status_is_meant_as_of_now_where_the_lifetime_ends(
    store: SessionStore, now: float, status: Status
) -> None:
    session = make_session("a", expire_at=NOW + 3600.0)
    await _store_sessions(store, session)
    for asked in Status:
        page = await store.list_sessions(SessionQuery(statuses=frozenset((asked,))), NOW + now)
        assert page.items == ((session,) if asked is status else ())


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (699.5, Status.PENDING),
        (700, Status.ABANDONED),
        (700.5, Status.ABANDONED),
        (3600.5, Status.ABANDONED),
    ],
)
async def test_status_is_meant_as_of_now_where_inactivity_ends_a_session(
    store: SessionStore, now: float, status: Status
) -> None:
    session = make_session(
        "a", status=Status.PENDING, last_active_at=NOW + 100.0, inactivity_timeout=600.0
    )
    await _store_sessions(store, session)
    for asked in Status:
        page = await store.list_sessions(SessionQuery(statuses=frozenset((asked,))), NOW + now)
        assert page.items == ((session,) if asked is status else ())


async def test_what_was_done_to_a_session_outranks_time_in_lists_too(store: SessionStore) -> None:
    revoked = make_session("a", status=Status.REVOKED, inactivity_timeout=300.0)
    await _store_sessions(store, revoked)
    as_revoked = SessionQuery(statuses=frozenset((Status.REVOKED,)))
    as_expired = SessionQuery(statuses=frozenset((Status.EXPIRED,)))
    assert await _names(store, as_revoked, NOW + 1e6) == ["a"]
    assert await _names(store, as_expired, NOW + 1e6) == []


async def test_a_user_comes_back_as_it_was_stored(store: SessionStore) -> None:
    user = make_user(
        external_id="42",
        username="ada",
        first_name="Ada",
        last_name="Løvelace",
        image_url="https://example.com/ada.png",
        public_metadata={"plan": {"tier": 1, "tags": ["a", None, True]}},
    )
    assert await store.insert_user(user, ())
    assert await store.load_users([user.id]) == {user.id: user}


async def test_users_that_do_not_exist_are_left_out(store: SessionStore) -> None:
    user = make_user()
    await store.insert_user(user, ())
    assert await store.load_users([UserId("user_x"), user.id, user.id]) == {user.id: user}
    assert await store.load_users([]) == {}


@pytest.mark.parametrize(
    "second",
    [make_user("1"), make_user("2", external_id="42")],
    ids=["id", "external id"],
)
async def test_a_taken_id_or_external_id_stores_nothing(store: SessionStore, second: User) -> None:
    first = make_user("1", external_id="42")
    await store.insert_user(first, ())
    event = Event(type="user.created", at=float(NOW))
    assert not await store.insert_user(second, (event,))
    assert await store.load_users([first.id, second.id]) == {first.id: first}
    assert await store.list_events(0, 10) == ()


async def test_users_without_an_external_id_do_not_take_it_from_each_other(
    store: SessionStore,
) -> None:
    assert await store.insert_user(make_user("1"), ())
    assert await store.insert_user(make_user("2"), ())


async def test_a_user_is_replaced_with_its_event(store: SessionStore) -> None:
    user = make_user("1", external_id="42")
    await store.insert_user(user, ())
    changed = replace(user, external_id="43", first_name="Ada", updated_at=NOW + 1.0)
    event = Event(type="user.updated", at=float(NOW), user_id=user.id)
    assert await store.update_user(changed, user.updated_at, (event,))
    assert await store.load_users([user.id]) == {user.id: changed}
    assert await store.list_events(0, 10) == ((1, event),)


async def test_a_user_may_be_replaced_under_its_own_external_id(store: SessionStore) -> None:
    user = make_user("1", external_id="42")
    await store.insert_user(user, ())
    assert await store.update_user(replace(user, username="ada"), user.updated_at, ())


async def test_an_update_of_nobody_or_to_a_taken_external_id_stores_nothing(
    store: SessionStore,
) -> None:
    first, second = make_user("1", external_id="42"), make_user("2")
    await store.insert_user(first, ())
    await store.insert_user(second, ())
    event = Event(type="user.updated", at=float(NOW))
    assert not await store.update_user(
        replace(second, external_id="42"), second.updated_at, (event,)
    )
    assert not await store.update_user(make_user("3"), make_user("3").updated_at, (event,))
    assert await store.load_users([second.id, UserId("user_3")]) == {second.id: second}
    assert await store.list_events(0, 10) == ()


async def test_an_external_id_that_was_given_up_is_free(store: SessionStore) -> None:
    first = make_user("1", external_id="42")
    await store.insert_user(first, ())
    await store.update_user(replace(first, external_id=None), first.updated_at, ())
    assert await store.insert_user(make_user("2", external_id="42"), ())


async def test_users_are_listed_newest_first_in_pages(store: SessionStore) -> None:
    users = [make_user(str(i), created_at=NOW + float(i), external_id=str(i)) for i in range(4)]
    for user in users:
        await store.insert_user(user, ())
    page = await store.list_users([], 2, 1)
    assert (page.items, page.total) == ((users[2], users[1]), 4)
    chosen = await store.list_users(["0", "3", "x"], 10, 0)
    assert (chosen.items, chosen.total) == ((users[3], users[0]), 2)


async def test_events_come_in_the_order_of_their_cursors(store: SessionStore) -> None:
    events = tuple(Event(type=f"e.{i}", at=NOW - i, data={"i": i}) for i in range(5))
    await store.commit(Commit(client=make_client(), events=events[:3]))
    await store.insert_user(make_user(), events[3:])
    everything = await store.list_events(0, 10)
    assert [event for _, event in everything] == list(events)
    cursors = [cursor for cursor, _ in everything]
    assert cursors == sorted(set(cursors))
    assert await store.list_events(cursors[1], 2) == everything[2:4]
    assert await store.list_events(cursors[-1], 10) == ()


async def test_an_update_of_a_user_that_was_updated_since_stores_nothing(
    store: SessionStore,
) -> None:
    user = make_user("1")
    await store.insert_user(user, ())
    first = replace(user, username="first", updated_at=user.updated_at + 1)
    assert await store.update_user(first, user.updated_at, ())

    assert not await store.update_user(replace(user, username="late"), user.updated_at, ())

    assert await store.load_users([user.id]) == {user.id: first}
