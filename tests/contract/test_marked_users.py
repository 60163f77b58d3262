"""What every store promises of lists where users bear marks, and of ends that are not on record."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.session import LIVE, Session, Status, standing
from edgepass_sidecar.store import SessionQuery, SessionStore
from tests.contract.making import alone, found, store_client
from tests.support.issuer import NOW
from tests.support.sidecar import make_user, other_client


async def mark(store: SessionStore, name: str = "1", **marks: Any) -> None:
    user = make_user(name)
    marked = replace(user, updated_at=NOW + 1.0, **marks)
    assert await store.update_user(marked, user.updated_at, ())


async def listed(
    store: SessionStore, statuses: Iterable[Status] = (), now: float = NOW, **query: Any
) -> list[str]:
    """Return the names of the sessions found, having compared their number with the total."""
    asked = SessionQuery(statuses=frozenset(statuses), limit=100, **query)
    page = await store.list_sessions(asked, now)
    assert page.total == len(page.items)
    return [session.id.removeprefix("sess_") for session in page.items]


async def test_all_unended_sessions_of_a_banned_user_are_listed_as_revoked(
    store: SessionStore,
) -> None:
    await store_client(store, alone(1))
    await store_client(store, alone(2, status=Status.PENDING))
    await store_client(store, alone(3, expire_at=NOW - 1.0))
    await store_client(store, alone(4, status=Status.ENDED))
    await store_client(store, alone(5, user_id="user_2"))
    await mark(store, is_banned=True)
    assert await listed(store, [Status.REVOKED]) == ["003", "002", "001"]
    assert await listed(store, [Status.ENDED]) == ["004"]
    assert await listed(store, LIVE) == ["005"]
    assert await listed(store, [Status.EXPIRED]) == []


async def test_an_unbanned_user_s_sessions_are_listed_as_they_were(store: SessionStore) -> None:
    await store_client(store, alone(1))
    await mark(store, is_banned=True)
    banned = (await store.load_users([UserId("user_1")]))[UserId("user_1")]
    free = replace(banned, is_banned=False, updated_at=NOW + 2.0)
    await store.update_user(free, banned.updated_at, ())
    assert await listed(store, [Status.ACTIVE]) == ["001"]


@pytest.mark.parametrize(
    ("began", "status"),
    [(-0.5, Status.REVOKED), (0.0, Status.ACTIVE), (0.5, Status.ACTIVE)],
)
async def test_sessions_from_before_their_user_s_mark_are_listed_as_revoked(
    store: SessionStore, began: float, status: Status
) -> None:
    await store_client(store, alone(1, created_at=NOW + began))
    await mark(store, not_before=float(NOW))
    for asked in Status:
        assert await listed(store, [asked]) == (["001"] if asked is status else [])


async def test_a_mark_outranks_time(store: SessionStore) -> None:
    await store_client(store, alone(1, expire_at=NOW + 10.0))
    await mark(store, not_before=NOW + 1.0)
    assert await listed(store, [Status.REVOKED], NOW + 11.0) == ["001"]
    assert await listed(store, [Status.EXPIRED], NOW + 11.0) == []


async def test_several_statuses_are_any_of_them_and_none_is_every_one(
    store: SessionStore,
) -> None:
    for number, status in enumerate(Status):
        await store_client(store, alone(number, status=status))
    names = [f"{number:03}" for number in range(len(Status))]
    two = [Status.ACTIVE, Status.REVOKED]
    chosen = [n for n, status in zip(names, Status, strict=True) if status in two]
    assert await listed(store, two) == chosen[::-1]
    assert await listed(store) == names[::-1]


async def test_unfinished_are_those_whose_end_is_not_on_record(store: SessionStore) -> None:
    for number, status in enumerate(Status):
        await store_client(store, alone(number, status=status))
    await store_client(store, alone(20, expire_at=NOW - 1.0))
    await store_client(store, alone(21, user_id="user_2"))
    await mark(store, "2", is_banned=True)
    on_record = [f"{i:03}" for i, status in enumerate(Status) if status in LIVE]
    assert await listed(store, unfinished=True) == ["021", "020", *on_record[::-1]]


async def test_unfinished_can_be_combined_with_all_else(store: SessionStore) -> None:
    await store_client(store, alone(1))
    await store_client(store, alone(2, expire_at=NOW - 1.0))
    await store_client(store, alone(3, status=Status.EXPIRED))
    await store_client(store, alone(4, user_id="user_2"))
    mine = UserId("user_1")
    assert await listed(store, unfinished=True, user_id=mine) == ["002", "001"]
    assert await listed(store, [Status.EXPIRED], unfinished=True) == ["002"]
    assert await listed(store, [Status.EXPIRED]) == ["003", "002"]
    assert await listed(store, unfinished=True, client_id=other_client(2)) == ["002"]
    page = await store.list_sessions(SessionQuery(unfinished=True, limit=1, offset=1), NOW)
    assert ([session.id for session in page.items], page.total) == (["sess_002"], 3)


@pytest.mark.parametrize("is_banned", [False, True])
@pytest.mark.parametrize("not_before", [0.0, NOW + 5.0])
@pytest.mark.parametrize("now", [NOW + 9.5, NOW + 10, NOW + 20, NOW + 30])
async def test_lists_and_rules_agree_on_where_a_session_stands(
    store: SessionStore, is_banned: bool, not_before: float, now: float
) -> None:
    limits = [(NOW + 10.0, None), (NOW + 20.0, 10.0), (NOW + 10.0, 10.0), (NOW + 10.0, 20.0)]
    cases = [(began, *limit) for began in (0.0, 5.0) for limit in limits]
    for number, (began, expire_at, timeout) in enumerate(cases):
        times = {"created_at": NOW + began, "expire_at": expire_at}
        await store_client(store, alone(number, inactivity_timeout=timeout, **times))
    await mark(store, is_banned=is_banned, not_before=not_before)
    for number in range(len(cases)):
        session = await found(store, f"{number:03}")
        assert isinstance(session, Session)
        stands = standing(session, now)
        for status in Status:
            names = await listed(store, [status], now, client_id=session.client_id)
            assert names == ([f"{number:03}"] if status is stands else [])
