"""The table of what can happen to a session, and where its two limits fall."""

import pytest

from edgepass_sidecar.session import (
    LIVE,
    TRANSITIONS,
    ImpossibleTransition,
    Status,
    standing,
)
from tests.support.issuer import NOW
from tests.support.sidecar import make_session

ENDINGS = sorted(set(Status) - LIVE)
POSSIBLE = {(Status.PENDING, Status.ACTIVE), (Status.ACTIVE, Status.PENDING)} | {
    (live, ending) for live in LIVE for ending in ENDINGS
}


def test_every_status_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)


@pytest.mark.parametrize("before", list(Status))
@pytest.mark.parametrize("after", list(Status))
def test_a_session_moves_as_the_table_says_and_no_other_way(before: Status, after: Status) -> None:
    session = make_session(status=before)
    if (before, after) in POSSIBLE:
        assert session.become(after, NOW + 5).status is after
    else:
        with pytest.raises(ImpossibleTransition, match=f"{before} cannot become {after}"):
            session.become(after, NOW + 5)


def test_a_session_that_moves_was_updated_then_and_keeps_the_rest() -> None:
    session = make_session()
    moved = session.become(Status.ENDED, NOW + 5.0)
    assert moved.updated_at == NOW + 5
    assert (moved.id, moved.last_active_at, moved.expire_at) == (
        session.id,
        session.last_active_at,
        session.expire_at,
    )


@pytest.mark.parametrize("status", sorted(LIVE))
@pytest.mark.parametrize(("seconds", "over"), [(3599.9, False), (3600, True), (3600.1, True)])
def test_a_session_lasts_exactly_its_maximum_lifetime(
    status: Status, seconds: float, over: bool
) -> None:
    session = make_session(status=status, expire_at=NOW + 3600.0)
    assert standing(session, NOW + seconds) is (Status.EXPIRED if over else status)


@pytest.mark.parametrize("status", sorted(LIVE))
@pytest.mark.parametrize(("seconds", "over"), [(699.9, False), (700, True), (700.1, True)])
def test_a_session_outlasts_its_last_activity_by_exactly_the_inactivity_timeout(
    status: Status, seconds: float, over: bool
) -> None:
    session = make_session(status=status, last_active_at=NOW + 100.0, inactivity_timeout=600.0)
    assert standing(session, NOW + seconds) is (Status.ABANDONED if over else status)


def test_a_session_without_an_inactivity_timeout_is_never_abandoned() -> None:
    session = make_session(last_active_at=NOW - 1e9, expire_at=NOW + 1.0)
    assert standing(session, NOW) is Status.ACTIVE
    assert session.abandon_at == session.expire_at


def test_where_both_limits_fall_together_the_maximum_lifetime_counts() -> None:
    session = make_session(expire_at=NOW + 600.0, inactivity_timeout=600.0)
    assert standing(session, NOW + 600) is Status.EXPIRED


@pytest.mark.parametrize("seconds", [700, 3599, 3600, 3601, 1e9])
def test_a_session_that_inactivity_ended_does_not_turn_into_an_expired_one_later(
    seconds: float,
) -> None:
    session = make_session(expire_at=NOW + 3600.0, inactivity_timeout=600.0)
    assert standing(session, NOW + seconds) is Status.ABANDONED


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_done_to_a_session_outranks_time(ending: Status) -> None:
    session = make_session(status=ending, inactivity_timeout=300.0)
    assert standing(session, NOW + 1e9) is ending


@pytest.mark.parametrize("status", list(Status))
def test_only_an_active_or_pending_session_is_live(status: Status) -> None:
    assert make_session(status=status).is_live is (status in ("active", "pending"))
