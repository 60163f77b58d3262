"""The first retry, at both ends of its jitter."""

import pytest

from edgepass._keyring import Keyring


@pytest.mark.parametrize(("jitter", "due_in"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_the_first_retry_is_due_in_half_a_second_to_a_second(jitter: float, due_in: float) -> None:
    keyring = Keyring()
    keyring.postpone(1000, jitter)
    assert keyring.due_in(1000) == due_in


@pytest.mark.parametrize(("jitter", "due_in"), [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)])
def test_the_second_retry_is_due_in_one_to_two_seconds(jitter: float, due_in: float) -> None:
    keyring = Keyring()
    keyring.postpone(1000, jitter)
    keyring.postpone(1000, jitter)
    assert keyring.due_in(1000) == due_in


def test_ten_thousand_failures_wait_no_longer_than_a_hundred() -> None:
    keyring = Keyring()
    for _ in range(10_000):
        keyring.postpone(1000, 1.0)
    assert keyring.due_in(1000) == 60
