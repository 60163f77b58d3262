"""What every store promises of clients with their sessions, and of the tickets that start them."""

import asyncio
from dataclasses import replace

import pytest

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.session import LIVE, Status
from edgepass_sidecar.store import Commit, SessionQuery, SessionStore, Touch
from edgepass_sidecar.ticket import TicketStatus
from tests.support.issuer import NOW
from tests.support.sidecar import (
    CLIENT,
    make_client,
    make_session,
    make_ticket,
    make_user,
    other_client,
)

STARTED = Event(
    type="session.created",
    at=float(NOW),
    client_id=CLIENT,
    session_id=SessionId("sess_1"),
    user_id=UserId("user_1"),
    data={"reason": "a test"},
)


@pytest.fixture(autouse=True)
async def users(store: SessionStore) -> None:
    for name in "12":
        await store.insert_user(make_user(name), ())


async def test_an_unknown_client_is_none(store: SessionStore) -> None:
    assert await store.load_client(CLIENT) is None


async def test_an_unknown_session_is_none(store: SessionStore) -> None:
    assert await store.find_session(SessionId("sess_1")) is None


async def test_an_unknown_ticket_is_none(store: SessionStore) -> None:
    assert await store.load_ticket(make_ticket().id) is None


async def test_an_open_store_answers_a_ping(store: SessionStore) -> None:
    await store.ping()


async def test_a_committed_client_comes_back_with_its_version_one_more(
    store: SessionStore,
) -> None:
    client = make_client(
        make_session("1", inactivity_timeout=600.0, activity=Activity(user_agent="Füchs/1\n")),
        make_session("2", created_at=NOW + 1.5, user_id="user_2"),
        previous_token_hash=b"p" * 32,
        rotated_at=NOW + 10.25,
    )
    assert await store.commit(Commit(client=client))
    assert await store.load_client(CLIENT) == replace(client, version=1)


async def test_a_session_is_found_whatever_its_status(store: SessionStore) -> None:
    sessions = [make_session(status, status=status) for status in Status]
    await store.commit(Commit(client=make_client(*sessions)))
    assert [await store.find_session(session.id) for session in sessions] == sessions


async def test_a_client_is_loaded_with_its_live_sessions_only(store: SessionStore) -> None:
    sessions = [make_session(status, status=status) for status in Status]
    await store.commit(Commit(client=make_client(*sessions)))
    loaded = await store.load_client(CLIENT)
    assert loaded is not None
    assert {session.status for session in loaded.sessions} == LIVE


async def test_a_session_that_was_not_loaded_survives_the_next_commit(
    store: SessionStore,
) -> None:
    ended = make_session("1", status=Status.ENDED)
    await store.commit(Commit(client=make_client(ended, make_session("2"))))
    loaded = await store.load_client(CLIENT)
    assert loaded is not None
    assert await store.commit(Commit(client=loaded))
    assert await store.find_session(ended.id) == ended


async def test_a_session_that_time_has_ended_is_loaded_as_it_was_stored(
    store: SessionStore,
) -> None:
    overdue = make_session("1", expire_at=NOW - 1.0)
    await store.commit(Commit(client=make_client(overdue)))
    loaded = await store.load_client(CLIENT)
    assert loaded is not None
    assert loaded.sessions == (overdue,)


@pytest.mark.parametrize("version", [0, 2])
async def test_a_commit_on_another_version_is_refused(store: SessionStore, version: int) -> None:
    client = make_client(make_session("1"))
    await store.commit(Commit(client=client))
    assert not await store.commit(Commit(client=replace(client, version=version)))


async def test_a_client_that_is_not_there_cannot_be_changed(store: SessionStore) -> None:
    assert not await store.commit(Commit(client=make_client(version=1)))
    assert await store.load_client(CLIENT) is None


async def test_a_lost_race_stores_nothing(store: SessionStore) -> None:
    client, ticket = make_client(make_session("1")), make_ticket()
    await store.commit(Commit(client=client))
    await store.insert_ticket(ticket, ())
    late = make_client(make_session("1", status=Status.ENDED), make_session("2"))
    accepted = ticket.accept(SessionId("sess_2"), float(NOW))
    assert not await store.commit(Commit(client=late, events=(STARTED,), accepted=accepted))
    assert await store.load_client(CLIENT) == replace(client, version=1)
    assert await store.find_session(SessionId("sess_2")) is None
    assert await store.load_ticket(ticket.id) == ticket
    assert await store.list_events(0, 10) == ()


async def test_of_concurrent_commits_on_one_version_one_is_stored(store: SessionStore) -> None:
    commits = [
        Commit(client=make_client(make_session(str(i))), events=(STARTED,)) for i in range(20)
    ]
    outcomes = await asyncio.gather(*(store.commit(commit) for commit in commits))
    assert outcomes.count(True) == 1
    winner = commits[outcomes.index(True)].client
    assert await store.load_client(CLIENT) == replace(winner, version=1)
    assert len(await store.list_events(0, 100)) == 1


async def test_state_and_its_events_are_stored_together(store: SessionStore) -> None:
    await store.commit(Commit(client=make_client(make_session("1")), events=(STARTED, STARTED)))
    assert await store.list_events(0, 10) == ((1, STARTED), (2, STARTED))


async def test_an_accepted_ticket_is_stored_with_the_session_it_started(
    store: SessionStore,
) -> None:
    ticket = make_ticket()
    await store.insert_ticket(ticket, ())
    accepted = ticket.accept(SessionId("sess_1"), NOW + 1.0)
    commit = Commit(client=make_client(make_session("1")), accepted=accepted)
    assert await store.commit(commit)
    assert await store.load_ticket(ticket.id) == accepted


@pytest.mark.parametrize("status", [None, TicketStatus.ACCEPTED, TicketStatus.REVOKED])
async def test_a_ticket_that_is_not_pending_stores_nothing(
    store: SessionStore, status: TicketStatus | None
) -> None:
    if status is not None:
        await store.insert_ticket(make_ticket(status=status), ())
    accepted = make_ticket().accept(SessionId("sess_1"), float(NOW))
    commit = Commit(client=make_client(make_session("1")), events=(STARTED,), accepted=accepted)
    assert not await store.commit(commit)
    assert await store.load_client(CLIENT) is None
    assert await store.find_session(SessionId("sess_1")) is None
    assert await store.list_events(0, 10) == ()


async def test_of_concurrent_commits_with_one_ticket_one_is_stored(store: SessionStore) -> None:
    ticket = make_ticket()
    await store.insert_ticket(ticket, ())
    clients = [
        make_client(make_session(str(i), client_id=other_client(i)), id=other_client(i))
        for i in range(1, 21)
    ]
    outcomes = await asyncio.gather(
        *(
            store.commit(
                Commit(client=client, accepted=ticket.accept(client.sessions[0].id, float(NOW)))
            )
            for client in clients
        )
    )
    assert outcomes.count(True) == 1
    winner = clients[outcomes.index(True)].sessions[0]
    stored = await store.load_ticket(ticket.id)
    assert stored is not None
    assert stored.session_id == winner.id
    assert (await store.list_sessions(SessionQuery(), NOW)).items == (winner,)


async def test_a_ticket_is_accepted_or_revoked_but_never_both(store: SessionStore) -> None:
    for i in range(1, 21):
        ticket, client = make_ticket(str(i)), other_client(i)
        await store.insert_ticket(ticket, ())
        session = make_session(str(i), client_id=client)
        commit = Commit(
            client=make_client(session, id=client),
            accepted=ticket.accept(session.id, float(NOW)),
        )
        outcomes = await asyncio.gather(
            store.commit(commit), store.revoke_ticket(ticket.revoke(float(NOW)), ())
        )
        assert outcomes.count(True) == 1


async def test_a_touch_moves_a_session_s_time_and_not_its_client_s_version(
    store: SessionStore,
) -> None:
    session = make_session("1")
    await store.commit(Commit(client=make_client(session)))
    await store.touch([Touch(session.id, NOW + 61.0)])
    loaded = await store.load_client(CLIENT)
    assert loaded is not None
    assert loaded.version == 1
    assert loaded.sessions == (replace(session, last_active_at=NOW + 61.0),)


@pytest.mark.parametrize(("at", "stored"), [(99.0, 100.0), (100.0, 100.0), (101.0, 101.0)])
async def test_a_touch_never_moves_a_session_s_time_back(
    store: SessionStore, at: float, stored: float
) -> None:
    session = make_session("1", last_active_at=NOW + 100.0)
    await store.commit(Commit(client=make_client(session)))
    await store.touch([Touch(session.id, NOW + at)])
    touched = await store.find_session(session.id)
    assert touched is not None
    assert touched.last_active_at == NOW + stored


async def test_of_several_touches_of_a_session_the_latest_counts(store: SessionStore) -> None:
    session = make_session("1")
    await store.commit(Commit(client=make_client(session)))
    await store.touch([Touch(session.id, NOW + 9.0), Touch(session.id, NOW + 5.0)])
    assert await store.find_session(session.id) == replace(session, last_active_at=NOW + 9.0)


@pytest.mark.parametrize("status", sorted(set(Status) - LIVE))
async def test_a_touch_never_revives_a_session(store: SessionStore, status: Status) -> None:
    session = make_session("1", status=status)
    await store.commit(Commit(client=make_client(session)))
    await store.touch([Touch(session.id, NOW + 61.0)])
    assert await store.find_session(session.id) == session


async def test_a_touch_of_an_unknown_session_leaves_the_others_touched(
    store: SessionStore,
) -> None:
    session = make_session("1")
    await store.commit(Commit(client=make_client(session)))
    await store.touch([Touch(SessionId("sess_x"), NOW + 5.0), Touch(session.id, NOW + 5.0)])
    touched = await store.find_session(session.id)
    assert touched is not None
    assert touched.last_active_at == NOW + 5


async def test_no_touches_are_nothing_to_do(store: SessionStore) -> None:
    session = make_session("1")
    await store.commit(Commit(client=make_client(session)))
    await store.touch([])
    assert await store.find_session(session.id) == session


async def test_a_commit_that_was_decided_before_a_touch_does_not_undo_it(
    store: SessionStore,
) -> None:
    session = make_session("1", inactivity_timeout=300.0)
    await store.commit(Commit(client=make_client(session)))
    decided_on = await store.load_client(CLIENT)
    assert decided_on is not None
    await store.touch([Touch(session.id, NOW + 250.0)])
    await store.commit(Commit(client=decided_on))
    stored = await store.find_session(session.id)
    assert stored is not None
    assert stored.last_active_at == NOW + 250
