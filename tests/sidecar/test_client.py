"""The decisions about a client: pure functions from a client and a time to a client and events."""

from dataclasses import replace

import pytest

from edgepass_sidecar.client import (
    finish_sessions,
    revoke_stolen,
    rotate_token,
    start_session,
    touch_session,
)
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.session import Status
from tests.support.issuer import NOW
from tests.support.sidecar import CLIENT, make_client, make_session

LATER = NOW + 60.0


def test_a_started_session_is_the_active_one_and_is_announced() -> None:
    first, second = make_session("1"), make_session("2", created_at=LATER)
    client, events = start_session(make_client(first), second, LATER)
    assert client.sessions == (first, second)
    assert client.last_active_session_id == second.id
    assert client.updated_at == LATER
    assert [(event.type, event.session_id, event.at) for event in events] == [
        ("session.created", second.id, LATER)
    ]


def test_a_decision_leaves_the_version_to_the_store() -> None:
    client = make_client(make_session("1"), version=7)
    decided = (
        start_session(client, make_session("2"), LATER),
        touch_session(client, SessionId("sess_1"), LATER),
        finish_sessions(client, Status.ENDED, LATER),
        rotate_token(client, b"n", LATER),
        revoke_stolen(client, LATER),
    )
    assert {changed.version for changed, _ in decided} == {7}


def test_a_touched_session_is_active_now_and_the_active_one() -> None:
    first, second = make_session("1"), make_session("2")
    client, events = touch_session(make_client(first, second), first.id, LATER)
    assert client.sessions == (replace(first, last_active_at=LATER, updated_at=LATER), second)
    assert client.last_active_session_id == first.id
    assert events == ()


def test_a_touch_by_a_clock_that_is_behind_moves_no_activity_back() -> None:
    session = make_session("1", last_active_at=LATER)
    client, _ = touch_session(make_client(session), session.id, NOW)
    assert client.sessions[0].last_active_at == LATER


@pytest.mark.parametrize("status", [Status.ENDED, Status.REMOVED, Status.REVOKED])
def test_finishing_all_sessions_leaves_no_active_one(status: Status) -> None:
    client = make_client(make_session("1"), make_session("2", status=Status.PENDING))
    client, events = finish_sessions(client, status, LATER)
    assert {session.status for session in client.sessions} == {status}
    assert client.last_active_session_id is None
    assert [event.type for event in events] == [f"session.{status}"] * 2


def test_finishing_one_session_leaves_the_others_as_they_are() -> None:
    first, second = make_session("1"), make_session("2")
    client, events = finish_sessions(
        make_client(first, second), Status.ENDED, LATER, lambda s: s.id == first.id, reason="test"
    )
    assert client.sessions == (first.become(Status.ENDED, LATER), second)
    assert client.last_active_session_id == second.id
    assert [(event.session_id, event.data) for event in events] == [(first.id, {"reason": "test"})]


def test_the_most_recently_active_session_succeeds_the_active_one() -> None:
    sessions = (
        make_session("1", last_active_at=NOW + 5.0),
        make_session("2", last_active_at=NOW + 9.0),
        make_session("3", last_active_at=NOW + 20.0, status=Status.ENDED),
        make_session("4"),
    )
    client, _ = finish_sessions(
        make_client(*sessions), Status.ENDED, LATER, lambda s: s.id == "sess_4"
    )
    assert client.last_active_session_id == "sess_2"


def test_a_session_that_time_has_ended_is_recorded_as_that_whatever_was_asked() -> None:
    client = make_client(
        make_session("1", expire_at=LATER),
        make_session("2", inactivity_timeout=60.0),
        make_session("3"),
    )
    client, events = finish_sessions(client, Status.REVOKED, LATER)
    assert [session.status for session in client.sessions] == ["expired", "abandoned", "revoked"]
    assert [event.type for event in events] == [
        "session.expired",
        "session.abandoned",
        "session.revoked",
    ]


def test_a_session_that_time_has_ended_is_recorded_even_if_another_was_chosen() -> None:
    client = make_client(make_session("1", expire_at=LATER), make_session("2"))
    client, events = finish_sessions(client, Status.ENDED, LATER, lambda s: s.id == "sess_2")
    assert [event.type for event in events] == ["session.expired", "session.ended"]
    assert client.last_active_session_id is None


def test_a_session_that_is_over_is_not_finished_again() -> None:
    over = make_session("1", status=Status.REVOKED)
    client, events = finish_sessions(make_client(over), Status.ENDED, LATER)
    assert client.sessions == (over,)
    assert events == ()


@pytest.mark.parametrize(("seconds", "live"), [(59.9, 1), (60, 0), (60.1, 0)])
def test_live_sessions_are_those_that_time_has_not_ended(seconds: float, live: int) -> None:
    client = make_client(
        make_session("1", expire_at=NOW + 60.0), make_session("2", status=Status.ENDED)
    )
    assert len(client.live_sessions(NOW + seconds)) == live


def test_a_session_is_found_by_its_id_or_not_at_all() -> None:
    client = make_client(make_session("1"))
    assert client.find_session(SessionId("sess_1")) == client.sessions[0]
    assert client.find_session(SessionId("sess_2")) is None


def test_a_rotated_token_becomes_the_previous_one() -> None:
    client = make_client()
    rotated, events = rotate_token(client, b"new", LATER)
    assert rotated.token_hash == b"new"
    assert rotated.previous_token_hash == client.token_hash
    assert rotated.rotated_at == LATER
    assert [(event.type, event.client_id) for event in events] == [("client.rotated", CLIENT)]


def test_theft_revokes_every_session_and_is_announced_first() -> None:
    client, events = revoke_stolen(make_client(make_session("1"), make_session("2")), LATER)
    assert {session.status for session in client.sessions} == {Status.REVOKED}
    assert [event.type for event in events] == [
        "client.theft",
        "session.revoked",
        "session.revoked",
    ]
    assert events[1].data == {"reason": "client token reused"}
