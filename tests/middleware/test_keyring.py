"""When keys are fetched and how long they last, at moments that the test chooses."""

import pytest

from edgepass import KeySet
from edgepass._keyring import USABLE_FOR, Keyring
from tests.support.issuer import jwks, make_key

KEYS, OTHER = KeySet.from_jwks(jwks()), KeySet.from_jwks(jwks(make_key("RS256", "key-2")))
DAY = 24 * 3600.0


def holding(fresh_for: float = 300, jitter: float = 0.0, moment: float = 1000.0) -> Keyring:
    keyring = Keyring()
    assert keyring.replace(KEYS, moment, fresh_for, jitter)
    return keyring


def test_a_new_keyring_holds_nothing_and_is_due_at_once() -> None:
    assert Keyring().find_keys(0.0) is None
    assert Keyring().due_in(0.0) == 0


@pytest.mark.parametrize(
    ("age", "usable"), [(0, True), (DAY - 0.001, True), (DAY, False), (DAY + 0.001, False)]
)
def test_the_last_good_keys_are_usable_for_24_hours_and_not_longer(age, usable: bool) -> None:
    assert USABLE_FOR == DAY
    assert (holding().find_keys(1000 + age) is KEYS) is usable


def test_no_number_of_failures_takes_the_keys_away_or_prolongs_them() -> None:
    keyring = holding()
    for minute in range(24 * 60):
        keyring.postpone(1000 + 60.0 * minute, 1.0)
        assert keyring.find_keys(1000 + 60.0 * minute) is KEYS
    assert keyring.find_keys(1000 + DAY) is None


def test_a_confirmation_prolongs_the_keys_and_changes_nothing() -> None:
    keyring = holding()
    assert keyring.replace(None, 1000 + DAY - 1, 300, 0.0) is False
    assert keyring.find_keys(1000 + 2 * DAY - 2) is KEYS
    assert keyring.find_keys(1000 + 2 * DAY - 1) is None


def test_equal_keys_are_no_change_and_keep_the_object_they_were() -> None:
    keyring = holding()
    assert keyring.replace(KeySet.from_jwks(jwks()), 1100, 300, 0.0) is False
    assert keyring.find_keys(1100) is KEYS


def test_other_keys_are_a_change() -> None:
    keyring = holding()
    assert keyring.replace(OTHER, 1100, 300, 0.0) is True
    assert keyring.find_keys(1100) is OTHER


@pytest.mark.parametrize(
    ("fresh_for", "jitter", "due_in"),
    [
        (300, 0.0, 150),
        (300, 1.0, 270),
        (300, 0.5, 210),
        (0, 0.0, 5),
        (9.9, 0.0, 5),
        (10, 0.0, 5),
        (10.1, 0.0, 5.05),
        (3599, 0.0, 1799.5),
        (3600, 0.0, 1800),
        (3601, 0.0, 1800),
        (10**9, 1.0, 3240),
    ],
)
def test_a_fetch_is_due_at_50_to_90_percent_of_what_is_fresh(fresh_for, jitter, due_in) -> None:
    assert holding(fresh_for, jitter).due_in(1000) == pytest.approx(due_in)


@pytest.mark.parametrize(("moment", "due_in"), [(1149, 1), (1150, 0), (1151, 0), (9999, 0)])
def test_it_stays_due_until_somebody_fetches(moment: float, due_in: float) -> None:
    assert holding().due_in(moment) == due_in


def test_failures_are_retried_after_a_growing_while_of_at_most_a_minute() -> None:
    keyring, waits = holding(), []
    for _ in range(100):
        keyring.postpone(2000, 1.0)
        waits.append(keyring.due_in(2000))
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert waits[-1] == 60


def test_jitter_never_makes_a_retry_immediate() -> None:
    keyring = Keyring()
    keyring.postpone(0, 0.0)
    assert keyring.due_in(0) >= 0.5


def test_a_success_forgets_the_failures() -> None:
    keyring = holding()
    for _ in range(10):
        keyring.postpone(2000, 1.0)
    keyring.replace(None, 2000, 300, 0.0)
    keyring.postpone(2000, 1.0)
    assert keyring.due_in(2000) == 1


def test_three_demands_at_once_are_granted_and_no_fourth() -> None:
    keyring = holding()
    assert [keyring.wants_fetch_on_demand(1000) for _ in range(6)] == [True] * 3 + [False] * 3


@pytest.mark.parametrize(("later", "granted"), [(9.99, False), (10.0, True), (10.01, True)])
def test_one_more_demand_is_earned_in_ten_seconds(later: float, granted: bool) -> None:
    keyring = holding()
    for _ in range(3):
        keyring.wants_fetch_on_demand(1000)
    assert keyring.wants_fetch_on_demand(1000 + later) is granted
    assert keyring.wants_fetch_on_demand(1000 + later) is False


def test_a_thousand_demands_a_second_for_an_hour_earn_one_fetch_in_ten_seconds() -> None:
    keyring = holding()
    granted = sum(keyring.wants_fetch_on_demand(1000 + n / 100) for n in range(360_000))
    assert 3 + 359 <= granted <= 3 + 360


def test_a_quiet_day_earns_three_demands_and_no_more() -> None:
    keyring = holding()
    keyring.wants_fetch_on_demand(1000)
    granted = [keyring.wants_fetch_on_demand(1000 + DAY) for _ in range(10)]
    assert sum(granted) == 3


def test_a_withdrawn_key_is_held_never_again_whatever_an_older_copy_says() -> None:
    keyring = holding()
    held = keyring.find_keys(1000)
    assert held is not None
    assert "key-1" in held
    assert [keyring.withdraw("key-1") for _ in range(2)] == [True, False]
    now_held = keyring.find_keys(1000)
    assert now_held is not None
    assert "key-1" not in now_held
    keyring.replace(held, 1001, 300, 0.0)
    left = keyring.find_keys(1001)
    assert left is not None
    assert "key-1" not in left


def test_a_key_may_be_withdrawn_before_there_are_any() -> None:
    keyring = Keyring()
    assert keyring.withdraw("key-1")
    keyring.replace(KEYS, 1000, 300, 0.0)
    left = keyring.find_keys(1000)
    assert left is not None
    assert "key-1" not in left
