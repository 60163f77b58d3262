"""Revocations that are held: what they refuse, for how long, and what a flood of them costs."""

import sys

import pytest

from edgepass._auth import Claims
from edgepass._errors import ClaimsStale, RevocationsStale, SessionRevoked, TokenRefused
from edgepass._revocations import MAXIMUM_ENTRIES, Revocations
from tests.support.issuer import NOW, session_claims

UNTIL = NOW + 65.0


def claims_of(
    session: str = "sess_1",
    user: str = "user_1",
    issued_at: float = NOW,
    gathered_at: float | None = None,
) -> Claims:
    return Claims(session_claims(issued_at, sid=session, sub=user, iat=issued_at), gathered_at)


def refusal(revocations: Revocations, claims: Claims) -> str:
    try:
        revocations.validate(claims)
    except TokenRefused as refused:
        return refused.code
    return ""


def test_nothing_is_refused_where_nothing_is_known() -> None:
    revocations = Revocations()
    assert refusal(revocations, claims_of()) == ""
    assert (len(revocations), revocations.version) == (0, 0)


def test_a_session_that_ended_is_refused_whenever_its_token_was_issued() -> None:
    revocations = Revocations()
    revocations.end_session("sess_1", "user_1", NOW, UNTIL)
    for issued_at in (NOW - 60, NOW, NOW + 1):
        assert refusal(revocations, claims_of(issued_at=issued_at)) == "session_revoked"
    assert refusal(revocations, claims_of("sess_2")) == ""


@pytest.mark.parametrize(("issued_at", "code"), [(-1, "session_revoked"), (0, "session_revoked")])
def test_a_user_mark_refuses_what_was_issued_until_then(issued_at: float, code: str) -> None:
    revocations = Revocations()
    revocations.sign_out_user("user_1", NOW, UNTIL)
    assert refusal(revocations, claims_of(issued_at=NOW + issued_at)) == code
    assert refusal(revocations, claims_of(issued_at=NOW + 1)) == ""
    assert refusal(revocations, claims_of(user="user_2", issued_at=NOW + issued_at)) == ""


@pytest.mark.parametrize("name", ["sess_1", "user_1"])
def test_claims_are_judged_by_when_they_were_gathered(name: str) -> None:
    revocations = Revocations()
    revocations.outdate_claims(name, NOW, UNTIL)
    assert refusal(revocations, claims_of(issued_at=NOW + 9, gathered_at=NOW)) == "claims_stale"
    assert refusal(revocations, claims_of(issued_at=NOW + 9, gathered_at=NOW + 1)) == ""
    assert refusal(revocations, claims_of(issued_at=NOW)) == "claims_stale"
    assert refusal(revocations, claims_of(issued_at=NOW + 1)) == ""
    assert refusal(revocations, claims_of("sess_2", "user_2")) == ""


def test_each_refusal_is_of_its_own_kind() -> None:
    revocations = Revocations()
    revocations.outdate_claims("user_1", NOW, UNTIL)
    with pytest.raises(ClaimsStale):
        revocations.validate(claims_of())
    revocations.sign_out_user("user_1", NOW, UNTIL)
    with pytest.raises(SessionRevoked):
        revocations.validate(claims_of())
    revocations.refuse_all(True)
    with pytest.raises(RevocationsStale):
        revocations.validate(claims_of())


def test_the_later_mark_wins_in_either_order() -> None:
    for marks in ([(NOW, UNTIL), (NOW - 9, UNTIL - 9)], [(NOW - 9, UNTIL - 9), (NOW, UNTIL)]):
        revocations = Revocations()
        for before, until in marks:
            revocations.end_session("sess_2", "user_2", before, until)
            revocations.sign_out_user("user_1", before, until)
            revocations.outdate_claims("user_3", before, until)
        revocations.prune(UNTIL - 1)
        assert len(revocations) == 3
        assert refusal(revocations, claims_of()) == "session_revoked"
        assert refusal(revocations, claims_of(user="user_3")) == "claims_stale"
        revocations.prune(UNTIL)
        assert len(revocations) == 0


def test_refusing_all_can_be_taken_back_and_counts_as_a_change_once() -> None:
    revocations = Revocations()
    revocations.refuse_all(False)
    assert revocations.version == 0
    revocations.refuse_all(True)
    revocations.refuse_all(True)
    assert (refusal(revocations, claims_of()), revocations.version) == ("revocations_stale", 1)
    revocations.refuse_all(False)
    assert (refusal(revocations, claims_of()), revocations.version) == ("", 2)


def test_every_change_has_a_version() -> None:
    revocations = Revocations()
    revocations.end_session("sess_1", "user_1", NOW, UNTIL)
    revocations.sign_out_user("user_1", NOW, UNTIL)
    revocations.outdate_claims("user_1", NOW, UNTIL)
    assert revocations.version == 3


@pytest.mark.parametrize(("now", "held"), [(UNTIL - 0.001, 3), (UNTIL, 0), (UNTIL + 1, 0)])
def test_an_entry_is_forgotten_when_its_time_has_come(now: float, held: int) -> None:
    revocations = Revocations()
    revocations.end_session("sess_1", "user_1", NOW, UNTIL)
    revocations.sign_out_user("user_1", NOW, UNTIL)
    revocations.outdate_claims("user_1", NOW, UNTIL)
    revocations.prune(now)
    assert len(revocations) == held


def test_pruning_is_done_in_parts_and_not_more_than_ten_times_a_second() -> None:
    revocations = Revocations()
    for number in range(10):
        revocations.end_session(f"sess_{number}", "user_1", NOW, UNTIL)
    revocations.prune(UNTIL, at_once=4)
    assert len(revocations) == 6
    revocations.prune(UNTIL + 0.0625, at_once=4)
    assert len(revocations) == 6
    revocations.prune(UNTIL + 0.125, at_once=4)
    assert len(revocations) == 2


def test_a_clock_that_is_set_back_does_not_end_the_pruning() -> None:
    revocations = Revocations()
    revocations.prune(UNTIL + 1000)
    revocations.end_session("sess_1", "user_1", NOW, UNTIL)
    revocations.prune(UNTIL)
    assert len(revocations) == 0


def test_sessions_beyond_the_cap_become_marks_on_their_users() -> None:
    revocations = Revocations(2)
    for number in (1, 2, 3):
        revocations.end_session(f"sess_{number}", f"user_{number}", NOW, UNTIL)
    assert refusal(revocations, claims_of("sess_3", "user_3")) == "session_revoked"
    assert refusal(revocations, claims_of("other", "user_3")) == "session_revoked"
    assert refusal(revocations, claims_of("other", "user_3", NOW + 1)) == ""
    assert refusal(revocations, claims_of("other", "user_1")) == ""


def test_a_session_that_is_known_needs_no_room() -> None:
    revocations = Revocations(1)
    revocations.end_session("sess_1", "user_1", NOW, UNTIL)
    revocations.end_session("sess_1", "user_1", NOW, UNTIL + 9)
    assert len(revocations) == 1
    assert refusal(revocations, claims_of("sess_2", "user_1")) == ""


@pytest.mark.parametrize(
    ("kind", "code"), [("sign_out_user", "session_revoked"), ("outdate_claims", "claims_stale")]
)
def test_marks_beyond_the_cap_become_one_on_everybody(kind: str, code: str) -> None:
    revocations = Revocations(1)
    mark = getattr(revocations, kind)
    mark("user_1", NOW, UNTIL)
    mark("user_1", NOW + 1, UNTIL)
    assert refusal(revocations, claims_of(user="user_9")) == ""
    mark("user_2", NOW - 1, UNTIL)
    assert len(revocations) == 1
    assert refusal(revocations, claims_of("s", "user_9", NOW - 1)) == code
    assert refusal(revocations, claims_of("s", "user_9", NOW)) == ""


def test_everybodys_claims_are_judged_by_when_they_were_gathered() -> None:
    revocations = Revocations(0)
    revocations.outdate_claims("user_1", NOW, UNTIL)
    assert refusal(revocations, claims_of(issued_at=NOW + 9, gathered_at=NOW)) == "claims_stale"
    assert refusal(revocations, claims_of(issued_at=NOW + 9, gathered_at=NOW + 1)) == ""


def test_memory_is_bounded_whatever_comes() -> None:
    revocations = Revocations(100)
    for number in range(1_000):
        revocations.end_session(f"sess_{number}", f"user_{number}", NOW, UNTIL)
        revocations.outdate_claims(f"sess_{number}", NOW, UNTIL)
        revocations.sign_out_user(f"user_{number}", NOW, UNTIL)
    assert len(revocations) == 300


def test_so_many_a_second_are_so_many_times_65_held() -> None:
    revocations = Revocations()
    rate = 20
    most = 0
    for second in range(300):
        for number in range(rate):
            at = NOW + second + number / rate
            revocations.end_session(f"sess_{second}_{number}", "user_1", at, at + 65)
            revocations.prune(at)
        most = max(most, len(revocations))
    assert rate * 64 < most <= rate * 66


def test_a_full_set_is_a_matter_of_tens_of_megabytes() -> None:
    revocations = Revocations()
    names = [f"sess_{number:025d}" for number in range(MAXIMUM_ENTRIES)]
    for name in names:
        revocations.end_session(name, "user_1", NOW, UNTIL)
    held = sys.getsizeof(revocations._sessions) + sum(map(sys.getsizeof, names))
    assert held < 50_000_000


def test_a_full_set_is_forgotten_within_seconds_of_heartbeats() -> None:
    revocations = Revocations()
    for number in range(MAXIMUM_ENTRIES):
        revocations.end_session(f"sess_{number}", "user_1", NOW, UNTIL)
    for second in range(MAXIMUM_ENTRIES // 5_000):
        revocations.prune(UNTIL + second)
    assert len(revocations) == 0
