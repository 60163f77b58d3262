"""When a delivery is tried again: later and later, for a day, and never by a reckless number."""

from dataclasses import replace

import pytest

from edgepass_sidecar.delivery import (
    TRIED_FOR,
    Delivery,
    DeliveryStatus,
    Failure,
    after_failure,
    delay_after,
    revive,
)
from tests.support.issuer import NOW

DOWN = Failure(problem="the receiver answers with status 503")
DELIVERY = Delivery(
    cursor=1,
    message_id="msg_1",
    type="session.created",
    sequence="sess_1",
    body=b"{}",
    created_at=float(NOW),
    give_up_at=NOW + TRIED_FOR,
    due_at=float(NOW),
    claimed_until=NOW + 45.0,
)


@pytest.mark.parametrize(
    ("attempts", "longest"),
    [(1, 5.0), (2, 10.0), (3, 20.0), (10, 2560.0), (11, 3600.0), (12, 3600.0), (10**6, 3600.0)],
)
def test_delays_double_up_to_an_hour_and_jitter_takes_up_to_half(
    attempts: int, longest: float
) -> None:
    assert delay_after(attempts, 1.0) == longest
    assert delay_after(attempts, 0.5) == longest * 0.75
    assert delay_after(attempts, 0.0) == longest / 2


def test_a_failure_is_remembered_and_tried_again_later() -> None:
    failed = after_failure(DELIVERY, DOWN, NOW + 3.0, 1.0)
    assert failed == replace(
        DELIVERY, attempts=1, problem=DOWN.problem, due_at=NOW + 8.0, claimed_until=0.0
    )


@pytest.mark.parametrize(
    ("elapsed", "status"),
    [
        (TRIED_FOR - 0.5, DeliveryStatus.PENDING),
        (TRIED_FOR, DeliveryStatus.DEAD),
        (TRIED_FOR + 0.5, DeliveryStatus.DEAD),
    ],
)
def test_what_fails_when_its_time_is_up_is_dead(elapsed: float, status: DeliveryStatus) -> None:
    failed = after_failure(DELIVERY, DOWN, NOW + elapsed, 0.0)
    assert failed.status is status
    assert failed.attempts == 1


def test_the_last_attempt_comes_exactly_when_the_time_is_up() -> None:
    failed = after_failure(replace(DELIVERY, attempts=20), DOWN, NOW + TRIED_FOR - 1.0, 1.0)
    assert failed.due_at == DELIVERY.give_up_at


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_a_receiver_that_stays_down_is_tried_some_dozens_of_times_in_a_day(jitter: float) -> None:
    delivery = DELIVERY
    while delivery.status is DeliveryStatus.PENDING:
        now = delivery.due_at
        delivery = after_failure(delivery, DOWN, now, jitter)
    assert now == NOW + TRIED_FOR
    assert 30 <= delivery.attempts <= 60


def test_who_wants_no_more_gets_no_more() -> None:
    failed = after_failure(DELIVERY, Failure(problem="gone", is_final=True), NOW, 0.0)
    assert failed.status is DeliveryStatus.DEAD


@pytest.mark.parametrize(
    ("asked", "waited"), [(0.0, 5.0), (4.0, 5.0), (120.0, 120.0), (1e9, 3600.0)]
)
def test_who_asks_to_be_left_alone_is_for_up_to_an_hour(asked: float, waited: float) -> None:
    failed = after_failure(DELIVERY, replace(DOWN, retry_after=asked), NOW, 1.0)
    assert failed.due_at == NOW + waited


def test_a_revived_delivery_is_the_same_message_with_a_day_before_it() -> None:
    dead = replace(DELIVERY, status=DeliveryStatus.DEAD, attempts=33, problem="down")
    later = NOW + 10 * TRIED_FOR
    assert revive(dead, later) == replace(
        DELIVERY, problem="down", due_at=later, give_up_at=later + TRIED_FOR, claimed_until=0.0
    )


def test_a_body_is_not_in_the_repr() -> None:
    assert "secret" not in repr(replace(DELIVERY, body=b"secret"))
