"""The limits of sessions: what may be set, when a session ends, when activity is news."""

import pytest

from edgepass_sidecar.policy import SessionPolicy, wants_touch
from edgepass_sidecar.session import POLICY_TERMS
from tests.support.issuer import NOW

MINUTE, YEAR = 60.0, 365 * 86_400.0


def test_a_session_lives_a_week_by_default_however_active() -> None:
    policy = SessionPolicy()
    assert policy.expire_at(POLICY_TERMS, NOW) == NOW + 7 * 86_400
    assert policy.inactivity_timeout is None
    assert policy.multi_session


def test_a_session_without_a_maximum_lifetime_lasts_ten_years() -> None:
    policy = SessionPolicy(maximum_lifetime=None, inactivity_timeout=600.0)
    assert policy.expire_at(POLICY_TERMS, NOW) == NOW + 10 * YEAR


@pytest.mark.parametrize("limit", ["maximum_lifetime", "inactivity_timeout"])
@pytest.mark.parametrize("seconds", [5 * MINUTE, 5 * MINUTE + 1, 10 * YEAR - 1, 10 * YEAR])
def test_a_limit_may_be_5_minutes_to_10_years(limit: str, seconds: float) -> None:
    assert getattr(SessionPolicy(**{limit: seconds}), limit) == seconds


@pytest.mark.parametrize("limit", ["maximum_lifetime", "inactivity_timeout"])
@pytest.mark.parametrize("seconds", [-1.0, 0.0, 5 * MINUTE - 1, 10 * YEAR + 1, float("inf")])
def test_a_limit_outside_that_is_refused_by_name(limit: str, seconds: float) -> None:
    with pytest.raises(ValueError, match=limit.replace("_", " ")):
        SessionPolicy(**{limit: seconds})


def test_a_limit_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="maximum lifetime"):
        SessionPolicy(maximum_lifetime=float("nan"))


def test_both_limits_cannot_be_off() -> None:
    with pytest.raises(ValueError, match="both off"):
        SessionPolicy(maximum_lifetime=None)


@pytest.mark.parametrize(
    ("timeout", "interval"),
    [(None, 60), (300.0, 60), (1200.0, 60), (1201.0, 60.05), (86_400.0, 4320)],
)
def test_activity_is_news_once_per_minute_or_twentieth_of_the_inactivity_timeout(
    timeout: float | None, interval: float
) -> None:
    news = [wants_touch(0.0, timeout, interval + step) for step in (-0.01, 0.0, 0.01)]
    assert news == [False, True, True]
