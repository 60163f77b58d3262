"""What every store promises of finding what is over, page by page, and of deleting what is past."""

from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.identifier import ClientId, SessionId, TemplateId, TicketId
from edgepass_sidecar.session import LIVE, Status
from edgepass_sidecar.store import Commit, Note, Over, SessionQuery, SessionStore
from edgepass_sidecar.ticket import TicketStatus
from tests.contract.making import (
    EVENT,
    alone,
    change_sessions,
    found,
    make_template,
    store_client,
)
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, make_ticket, make_user, other_client

OVER: dict[str, Any] = {"expire_at": NOW - 1.0}
PAST: dict[str, Any] = {"status": Status.ENDED, "updated_at": NOW - 1.0}


async def walk(store: SessionStore, limit: int) -> list[frozenset[ClientId]]:
    """Return the clients of each page, from the first page to the end marker."""
    after, pages = "", list[frozenset[ClientId]]()
    while not pages or after:
        over = await store.find_over(after, limit, NOW)
        assert over.last == "" or over.last > after
        assert len(over.clients) <= limit
        pages.append(over.clients)
        after = over.last
    return pages


async def test_in_an_empty_store_nothing_is_over(store: SessionStore) -> None:
    assert await walk(store, 10) == [frozenset()]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6, 7, 100])
async def test_pages_of_any_size_find_each_client_once(store: SessionStore, limit: int) -> None:
    for number in range(7):
        await store_client(store, alone(number, **(OVER if number % 2 else {})))
    pages = await walk(store, limit)
    clients = [client for page in pages for client in page]
    assert sorted(clients) == [other_client(number) for number in (1, 3, 5)]


async def test_no_more_is_looked_at_than_the_limit_in_the_order_of_ids(
    store: SessionStore,
) -> None:
    for number in (4, 2, 5, 1, 3):
        await store_client(store, alone(number, **OVER))
    over = await store.find_over("sess_001", 2, NOW)
    assert over == Over("sess_003", frozenset((other_client(2), other_client(3))))
    rest = await store.find_over("sess_003", 3, NOW)
    assert rest == Over("", frozenset((other_client(4), other_client(5))))


async def test_a_client_with_several_ends_is_named_once_on_a_page(store: SessionStore) -> None:
    await store_client(store, make_client(*(make_session(name, **OVER) for name in "abc")))
    over = await store.find_over("", 10, NOW)
    assert over.clients == {make_client().id}


@pytest.mark.parametrize(
    ("limits", "is_over"),
    [
        ({"expire_at": NOW - 0.5}, True),
        ({"expire_at": float(NOW)}, True),
        ({"expire_at": NOW + 0.5}, False),
        ({"inactivity_timeout": 300.0, "last_active_at": NOW - 300.5}, True),
        ({"inactivity_timeout": 300.0, "last_active_at": NOW - 300.0}, True),
        ({"inactivity_timeout": 300.0, "last_active_at": NOW - 299.5}, False),
        ({"status": Status.PENDING, "expire_at": float(NOW)}, True),
        ({"status": Status.PENDING}, False),
    ],
)
async def test_over_is_meant_as_of_now(
    store: SessionStore, limits: dict[str, Any], is_over: bool
) -> None:
    await store_client(store, alone(1, **limits))
    assert bool((await store.find_over("", 10, NOW)).clients) is is_over


@pytest.mark.parametrize("status", sorted(set(Status) - LIVE))
async def test_an_end_on_record_is_not_found_again(store: SessionStore, status: Status) -> None:
    await store_client(store, alone(1, status=status, **OVER))
    over = await store.find_over("", 1, NOW)
    assert (over.last, over.clients) == ("", frozenset())


@pytest.mark.parametrize(
    ("marks", "is_over"),
    [
        ({"is_banned": True}, True),
        ({"not_before": NOW + 0.5}, True),
        ({"not_before": float(NOW)}, False),
        ({"not_before": NOW - 0.5}, False),
    ],
)
async def test_what_its_user_s_marks_ended_is_over(
    store: SessionStore, marks: dict[str, Any], is_over: bool
) -> None:
    await store_client(store, alone(1))
    user = make_user("1")
    await store.update_user(replace(user, updated_at=NOW + 1.0, **marks), user.updated_at, ())
    assert bool((await store.find_over("", 10, NOW)).clients) is is_over


async def test_of_what_is_over_throughout_nothing_is_missed_while_the_rest_changes(
    store: SessionStore,
) -> None:
    lasting = range(0, 60, 3)
    for number in range(60):
        await store_client(store, alone(number, **OVER))
    after, step, clients = "", 0, list[ClientId]()
    while after or not step:
        over = await store.find_over(after, 4, NOW)
        clients += over.clients
        after, step = over.last, step + 1
        for number in (step, step * 3 + 1, 58 - 3 * step):  # behind, at, and ahead of the walk
            if 0 <= number < 60 and number not in lasting:
                await change_sessions(store, other_client(number), status=Status.EXPIRED)
        await store_client(store, alone(100 + step, **OVER))
    assert {other_client(number) for number in lasting} <= set(clients)
    assert len(clients) == len(set(clients))


async def test_nothing_is_past_in_an_empty_store(store: SessionStore) -> None:
    assert await store.purge(float(NOW), 10) == 0


@pytest.mark.parametrize("status", sorted(set(Status) - LIVE))
@pytest.mark.parametrize(("ended", "goes"), [(-0.5, True), (0.0, False), (0.5, False)])
async def test_a_session_goes_that_was_over_before(
    store: SessionStore, status: Status, ended: float, goes: bool
) -> None:
    client = alone(1, status=status, updated_at=NOW + ended)
    await store_client(store, replace(client, updated_at=NOW + 9.0))
    assert await store.purge(float(NOW), 10) == goes
    assert (await found(store, "001") is None) is goes
    assert await store.load_client(client.id) is not None


@pytest.mark.parametrize("status", sorted(LIVE))
async def test_a_live_session_and_its_client_never_go(store: SessionStore, status: Status) -> None:
    old = {"created_at": NOW - 1e6, "updated_at": NOW - 1e6, "last_active_at": NOW - 1e6}
    client = replace(alone(1, status=status, **old, **OVER), updated_at=NOW - 1e6)
    await store_client(store, client)
    assert await store.purge(float(NOW), 10) == 0
    assert await store.load_client(client.id) == replace(client, version=1)


@pytest.mark.parametrize(("changed", "goes"), [(-0.5, True), (0.0, False), (0.5, False)])
async def test_a_client_without_a_session_goes_that_was_changed_before(
    store: SessionStore, changed: float, goes: bool
) -> None:
    client = make_client(updated_at=NOW + changed)
    await store_client(store, client)
    assert await store.purge(float(NOW), 10) == goes
    assert (await store.load_client(client.id) is None) is goes


async def test_a_client_stays_until_the_last_of_its_sessions_goes(store: SessionStore) -> None:
    recent = make_session("b", status=Status.ENDED, updated_at=NOW + 5.0)
    client = make_client(make_session("a", **PAST), recent, updated_at=NOW - 1.0)
    await store_client(store, client)
    assert await store.purge(float(NOW), 10) == 1
    assert await store.load_client(client.id) is not None
    assert await store.purge(NOW + 6.0, 10) == 2, "with its last session the client goes at once"
    assert await store.load_client(client.id) is None


async def test_a_client_that_went_cannot_be_changed(store: SessionStore) -> None:
    client = make_client(updated_at=NOW - 1.0)
    await store_client(store, client)
    await store.purge(float(NOW), 10)
    late = make_client(make_session("1"), version=1)
    assert not await store.commit(Commit(client=late))
    assert await found(store, "1") is None


@pytest.mark.parametrize("status", list(TicketStatus))
@pytest.mark.parametrize(("expired", "goes"), [(-0.5, True), (0.0, False), (0.5, False)])
async def test_a_ticket_goes_that_expired_before(
    store: SessionStore, status: TicketStatus, expired: float, goes: bool
) -> None:
    ticket = make_ticket(status=status, expires_at=NOW + expired)
    await store.insert_ticket(ticket, ())
    assert await store.purge(float(NOW), 10) == 0, "tickets are not counted"
    assert (await store.load_ticket(ticket.id) is None) is goes


async def test_no_more_of_each_kind_goes_at_once_than_the_limit(store: SessionStore) -> None:
    for number in range(5):
        await store_client(store, alone(number, **PAST))
        await store_client(store, make_client(id=other_client(50 + number), updated_at=NOW - 1.0))
        await store.insert_ticket(make_ticket(str(number), expires_at=NOW - 1.0), ())
    assert await store.purge(float(NOW), 2) == 4
    assert (await store.list_sessions(SessionQuery(), NOW)).total == 3
    clients = [await store.load_client(other_client(50 + number)) for number in range(5)]
    assert clients.count(None) == 2
    tickets = [await store.load_ticket(TicketId(f"sit_{number}")) for number in range(5)]
    assert tickets.count(None) == 2


async def test_there_is_no_note_to_drop_in_an_empty_store(store: SessionStore) -> None:
    assert await store.drop_notes(float(NOW), 10) == 0


@pytest.mark.parametrize(("left", "goes"), [(-0.5, True), (0.0, True), (0.5, False)])
async def test_a_note_is_dropped_from_the_moment_at_which_it_is_over(
    store: SessionStore, left: float, goes: bool
) -> None:
    note = Note(hash=b"h" * 32, text=b"text", expires_at=NOW + left)
    await store.keep_note(note)
    assert await store.drop_notes(float(NOW), 10) == goes
    assert (await store.find_note(note.hash, NOW - 100.0) is None) is goes
    assert await store.drop_notes(float(NOW), 10) == 0


@pytest.mark.parametrize(
    ("limit", "dropped"), [(1, [1, 1, 1, 1, 0]), (3, [3, 1]), (4, [4, 0]), (5, [4, 0])]
)
async def test_no_more_notes_are_dropped_at_once_than_the_limit_and_none_that_is_not_over(
    store: SessionStore, limit: int, dropped: list[int]
) -> None:
    lasting = Note(hash=b"l" * 32, text=b"lasting", expires_at=NOW + 1.0)
    await store.keep_note(lasting)
    notes = [Note(hash=bytes([i]) * 32, text=b"t", expires_at=NOW - i) for i in range(4)]
    for note in notes:
        await store.keep_note(note)
    for number in dropped:
        assert await store.drop_notes(float(NOW), limit) == number
    assert [await store.find_note(note.hash, NOW - 9.0) for note in notes] == [None] * 4
    assert await store.find_note(lasting.hash, NOW) == lasting.text


async def test_notes_and_the_rest_are_cleared_apart(store: SessionStore) -> None:
    note = Note(hash=b"h" * 32, text=b"text", expires_at=NOW - 1e6)
    await store.keep_note(note)
    await store_client(store, replace(alone(1, **PAST), updated_at=NOW - 1.0))
    await store.insert_ticket(make_ticket(expires_at=NOW - 1.0), ())
    assert await store.drop_notes(float(NOW), 10) == 1
    assert await found(store, "001") is not None
    assert await store.load_client(other_client(1)) is not None
    assert await store.load_ticket(TicketId("sit_1")) is not None
    await store.keep_note(note)
    assert await store.purge(float(NOW), 10) == 2
    assert await store.load_ticket(TicketId("sit_1")) is None
    assert await store.find_note(note.hash, NOW - 1e7) == note.text


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_repeated_until_nothing_goes_it_leaves_what_is_not_past(
    store: SessionStore, limit: int
) -> None:
    for number in range(10):
        await store_client(store, replace(alone(number, **PAST), updated_at=NOW - 1.0))
        await store_client(store, replace(alone(100 + number), updated_at=NOW - 1.0))
        await store.insert_ticket(make_ticket(str(number), expires_at=NOW - 1.0), ())
    kept_ticket = make_ticket("kept")
    await store.insert_ticket(kept_ticket, ())
    await store.insert_template(make_template(id=TemplateId("jtmp_1")), (EVENT,))
    gone: list[int] = []
    while not gone or gone[-1]:
        gone.append(await store.purge(float(NOW), limit))
        assert gone[-1] <= 2 * limit
    assert sum(gone) == 20
    remaining = (await store.list_sessions(SessionQuery(limit=100), NOW)).items
    assert sorted(s.id for s in remaining) == [SessionId(f"sess_{100 + n}") for n in range(10)]
    for session in remaining:
        assert await store.load_client(session.client_id) is not None
    assert await store.load_ticket(kept_ticket.id) == kept_ticket
    assert len(await store.load_templates()) == 1
    assert await store.load_users([remaining[0].user_id]) == {make_user().id: make_user()}
    assert await store.list_events(0, 10) == ((1, EVENT),)
