"""What every store promises of a list of sessions that is walked by the last session seen."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.session import LIVE, Session, Status
from edgepass_sidecar.store import SessionQuery, SessionStore
from tests.contract.making import alone, change_sessions, store_client
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, make_user, other_client

Meanwhile = Callable[[Session], Awaitable[object]]


def names_of(sessions: tuple[Session, ...]) -> list[str]:
    return [session.id.removeprefix("sess_") for session in sessions]


async def listed(store: SessionStore, now: float = NOW, **query: Any) -> list[str]:
    asked = SessionQuery(**{"limit": 100, **query})
    return names_of((await store.list_sessions(asked, now)).items)


async def walk(
    store: SessionStore, limit: int, meanwhile: Meanwhile | None = None, **query: Any
) -> list[str]:
    """Return what is found page by page, while something happens after each page."""
    names, older_than = list[str](), None
    while True:
        asked = SessionQuery(older_than=older_than, limit=limit, **query)
        page = await store.list_sessions(asked, NOW)
        assert not set(names_of(page.items)) & set(names), "nothing comes twice"
        names += names_of(page.items)
        if len(page.items) < limit:
            return names
        older_than = page.items[-1]
        if meanwhile is not None:
            await meanwhile(older_than)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6, 7, 100])
async def test_pages_of_any_size_hold_each_session_once_in_the_order_of_the_list(
    store: SessionStore, limit: int
) -> None:
    for number in (4, 2, 6, 0, 5, 1, 3):
        await store_client(store, alone(number, created_at=NOW + float(number // 3)))
    assert await walk(store, limit) == ["006", "005", "004", "003", "002", "001", "000"]


async def test_of_sessions_of_one_moment_those_of_lower_ids_are_older(store: SessionStore) -> None:
    await store_client(store, make_client(*(make_session(name) for name in "bdac")))
    for name, older in (("a", []), ("b", ["a"]), ("c", ["b", "a"]), ("d", ["c", "b", "a"])):
        assert await listed(store, older_than=make_session(name)) == older


@pytest.mark.parametrize(("began", "older"), [(-0.5, []), (0.0, ["a"]), (0.5, ["c", "b", "a"])])
async def test_an_earlier_moment_is_older_whatever_the_ids(
    store: SessionStore, began: float, older: list[str]
) -> None:
    await store_client(store, make_client(*(make_session(name) for name in "bca")))
    assert await listed(store, older_than=make_session("b", created_at=NOW + began)) == older


async def test_the_total_and_the_offset_are_of_what_is_older(store: SessionStore) -> None:
    await store_client(store, make_client(*(make_session(name) for name in "abcde")))
    query = SessionQuery(older_than=make_session("d"), limit=1, offset=1)
    page = await store.list_sessions(query, NOW)
    assert (names_of(page.items), page.total) == (["b"], 3)


async def test_nothing_is_older_than_the_last(store: SessionStore) -> None:
    assert await listed(store, older_than=make_session("a")) == []
    await store_client(store, make_client(make_session("a")))
    page = await store.list_sessions(SessionQuery(older_than=make_session("a")), NOW)
    assert (page.items, page.total) == ((), 0)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"user_id": UserId("user_1")}, ["f", "d", "c", "a"]),
        ({"client_id": other_client(1)}, ["c", "b", "a"]),
        ({"client_id": other_client(1), "user_id": UserId("user_1")}, ["c", "a"]),
        ({"statuses": LIVE}, ["f", "e", "b", "a"]),
        ({"statuses": frozenset((Status.EXPIRED,))}, ["c"]),
        ({"statuses": LIVE, "user_id": UserId("user_1")}, ["f", "a"]),
        ({"statuses": LIVE, "client_id": other_client(2)}, ["f", "e"]),
        ({"unfinished": True}, ["f", "e", "c", "b", "a"]),
        ({"user_id": UserId("user_9")}, []),
    ],
)
async def test_a_walk_is_of_what_is_asked_for_and_nothing_else(
    store: SessionStore, query: dict[str, Any], expected: list[str], limit: int
) -> None:
    one, two = {"client_id": other_client(1)}, {"client_id": other_client(2)}
    first = (
        make_session("a", **one),
        make_session("b", user_id="user_2", **one),
        make_session("c", expire_at=NOW - 1.0, **one),
    )
    second = (
        make_session("d", status=Status.ENDED, **two),
        make_session("e", user_id="user_2", status=Status.PENDING, **two),
        make_session("f", **two),
    )
    for sessions in (first, second):
        await store_client(store, make_client(*sessions))
    assert await walk(store, limit, **query) == expected


async def test_a_session_that_is_gone_still_says_what_is_older(store: SessionStore) -> None:
    for number in range(5):
        await store_client(store, alone(number))
    last = (await store.list_sessions(SessionQuery(limit=2), NOW)).items[-1]
    await change_sessions(store, last.client_id, status=Status.ENDED, updated_at=NOW - 1.0)
    await store.purge(float(NOW), 10)
    assert await listed(store) == ["004", "002", "001", "000"]
    assert await listed(store, older_than=last) == ["002", "001", "000"]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_nothing_is_missed_while_what_was_seen_leaves_the_list(
    store: SessionStore, limit: int
) -> None:
    for number in range(7):
        await store_client(store, alone(number))

    async def end(last: Session) -> None:
        await change_sessions(store, last.client_id, status=Status.ENDED)

    found = await walk(store, limit, end, statuses=LIVE)
    assert found == [f"{number:03}" for number in range(6, -1, -1)]


async def test_what_begins_during_a_walk_is_not_in_it_and_repeats_nothing(
    store: SessionStore,
) -> None:
    for number in range(5):
        await store_client(store, alone(number))

    async def begin(last: Session) -> None:
        number = 100 + int(last.id.removeprefix("sess_"))
        await store_client(store, alone(number, created_at=NOW + 1.0))

    assert await walk(store, 2, begin) == ["004", "003", "002", "001", "000"]


async def test_how_the_last_one_seen_has_changed_since_does_not_matter(
    store: SessionStore,
) -> None:
    for number in range(3):
        await store_client(store, alone(number))
    seen = (await store.list_sessions(SessionQuery(limit=1), NOW)).items[0]
    changed = replace(seen, status=Status.REVOKED, updated_at=NOW + 9.0, user=make_user("9"))
    assert await listed(store, older_than=changed) == ["001", "000"]
