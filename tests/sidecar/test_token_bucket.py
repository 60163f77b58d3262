"""Token buckets: what one lets through, and what many keys cannot do to each other."""

import random
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepass_sidecar.token_bucket import STRANGERS_SHARE, Budget, TokenBucket, TokenBuckets
from tests.support.standards import FULL

BUDGET = Budget(rate=2.0, burst=4)
MANY = 1_000_000 if FULL else 100_000  # ten times what is remembered


def takes(buckets: TokenBuckets, key: str, now: float) -> int:
    """Take until refused, and return how many takes there were."""
    return next(number for number in count() if buckets.take(key, now) > 0)


def names(prefix: str, number: int) -> Iterator[str]:
    return (f"{prefix}{index}" for index in range(number))


def test_a_full_bucket_gives_its_burst_and_then_says_how_long_to_wait() -> None:
    bucket = TokenBucket(BUDGET)
    assert [bucket.take(100.0) for _ in range(6)] == [0, 0, 0, 0, 0.5, 0.5]


@pytest.mark.parametrize(("seconds", "wait"), [(0.499, 0.001), (0.5, 0.0), (0.501, 0.0)])
def test_one_more_is_there_exactly_when_it_was_said_to_be(seconds: float, wait: float) -> None:
    bucket = TokenBucket(BUDGET)
    for _ in range(4):
        bucket.take(100.0)
    assert bucket.take(100.0 + seconds) == pytest.approx(wait)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(BUDGET)
    bucket.take(0.0)
    assert [bucket.take(1e6) for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_being_refused_costs_nothing() -> None:
    bucket = TokenBucket(BUDGET)
    for _ in range(1000):
        bucket.take(100.0)
    assert bucket.take(100.5) == 0.0


@given(
    rate=st.floats(1e-3, 1e4),
    burst=st.floats(1, 1e4),
    start=st.floats(0, 1e9),
    steps=st.lists(st.floats(0, 10), max_size=30),
)
def test_whoever_waits_as_told_is_let_through(
    rate: float, burst: float, start: float, steps: list[float]
) -> None:
    bucket, now = TokenBucket(Budget(rate=rate, burst=burst)), start
    for step in steps:
        now += step
        wait = bucket.take(now)
        assert 0 <= wait <= 1 / rate + 1e-6
        if wait:
            now += wait
            assert bucket.take(now) == 0.0


def test_no_rounding_makes_whoever_waited_wait_again() -> None:
    numbers = random.Random(3)
    for _ in range(2000):
        bucket = TokenBucket(Budget(rate=numbers.uniform(0.1, 300), burst=3))
        now = numbers.uniform(0, 1e8)  # what a monotonic clock says after three years
        while not (wait := bucket.take(now)):
            pass
        assert bucket.take(now + wait) == 0.0


@given(st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_no_pattern_of_takes_gets_more_than_burst_and_rate(steps: list[float]) -> None:
    bucket, now, taken = TokenBucket(BUDGET), 100.0, 0
    for step in steps:
        now += step
        taken += bucket.take(now) == 0.0
    assert taken <= BUDGET.burst + (now - 100.0) * BUDGET.rate + 1e-4


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Budget(rate=rate, burst=1)


@pytest.mark.parametrize("burst", [0.0, 0.999, -1.0, float("inf"), float("nan")])
def test_a_burst_that_lets_nothing_through_is_refused(burst: float) -> None:
    with pytest.raises(ValueError, match="burst"):
        Budget(rate=1, burst=burst)


def test_a_collection_without_room_for_one_is_refused() -> None:
    with pytest.raises(ValueError, match="maximum"):
        TokenBuckets(0, BUDGET)


def test_a_scaled_budget_still_lets_one_through() -> None:
    assert BUDGET.scaled(10) == Budget(rate=20, burst=40)
    assert BUDGET.scaled(0.01) == Budget(rate=0.02, burst=1)


def test_each_key_has_its_own_bucket() -> None:
    buckets = TokenBuckets(10, BUDGET)
    assert [takes(buckets, key, 100.0) for key in ("one", "other")] == [4, 4]


def test_keys_do_as_buckets_of_their_own_would() -> None:
    numbers = random.Random(7)
    buckets, alone, now = TokenBuckets(100, BUDGET), {}, 100.0
    for _ in range(20_000):
        now += numbers.expovariate(20)
        key = f"key {numbers.randrange(12)}"
        expected = alone.setdefault(key, TokenBucket(BUDGET)).take(now)
        assert buckets.take(key, now) == pytest.approx(expected)


@pytest.mark.parametrize(("seconds", "kept"), [(0.499, 2), (0.5, 1), (0.501, 1)])
def test_a_bucket_is_forgotten_when_it_is_full(seconds: float, kept: int) -> None:
    buckets = TokenBuckets(10, BUDGET)
    buckets.take("one", 100.0)
    buckets.take("other", 100.0 + seconds)
    assert len(buckets) == kept


def test_what_no_longer_comes_does_not_stay() -> None:
    buckets = TokenBuckets(10_000, BUDGET)
    for key in names("k", 1000):
        takes(buckets, key, 100.0)
    assert len(buckets) == 1000
    for key in names("n", 600):
        buckets.take(key, 102.0)
    assert len(buckets) == 600


def test_there_are_never_more_than_the_maximum() -> None:
    buckets = TokenBuckets(50, BUDGET)
    for key in names("k", 1000):
        buckets.take(key, 100.0)
        assert len(buckets) <= 50


def test_without_room_it_is_the_oldest_of_the_fuller_that_goes() -> None:
    buckets = TokenBuckets(2, BUDGET)
    for key in ("old", "young", "newcomer"):
        buckets.take(key, 100.0)
    assert takes(buckets, "young", 100.0) == 3
    assert takes(buckets, "old", 100.0) == 4


def test_taking_again_makes_a_bucket_young() -> None:
    buckets = TokenBuckets(2, BUDGET)
    for key in ("one", "other", "one", "newcomer"):
        buckets.take(key, 100.0)
    assert takes(buckets, "one", 100.0) == 2


def test_however_many_keys_come_none_that_is_limited_is_reset() -> None:
    buckets = TokenBuckets(10_000, Budget(rate=0.1, burst=10))
    limited = list(names("limited", 100))
    for key in limited:
        assert takes(buckets, key, 100.0) == 10
    let_through = sum(buckets.take(key, 100.0) == 0.0 for key in names("k", MANY))
    assert let_through == MANY
    assert len(buckets) == 10_000
    assert all(buckets.take(key, 100.0) > 0 for key in limited)


def test_however_many_keys_are_limited_they_do_not_reset_each_other() -> None:
    maximum, budget = 10_000, Budget(rate=0.1, burst=2)
    buckets = TokenBuckets(maximum, budget)
    first = list(names("first", maximum))
    for key in first:
        assert takes(buckets, key, 100.0) == 2
    let_through = sum(buckets.take(key, 100.0) == 0.0 for key in names("k", MANY))
    assert let_through == maximum * STRANGERS_SHARE * budget.burst
    assert len(buckets) == maximum
    assert all(buckets.take(key, 100.0) > 0 for key in first)


def test_once_the_limited_are_full_again_there_is_room_for_newcomers() -> None:
    buckets = TokenBuckets(3, BUDGET)
    for key in names("k", 3):
        takes(buckets, key, 100.0)
    assert takes(buckets, "newcomer", 100.0) == 4  # the strangers' bucket
    assert takes(buckets, "another", 100.0) == 0
    assert takes(buckets, "another", 102.0) == 4
    assert len(buckets) == 1


def test_refilling_past_half_does_not_make_a_bucket_go_early() -> None:
    buckets = TokenBuckets(2, BUDGET)
    takes(buckets, "limited", 100.0)
    for key in names("k", 100):
        buckets.take(key, 101.5)
    assert takes(buckets, "limited", 101.5) == 3
