"""One event on its way to a webhook receiver, and when to try again. Times are epoch seconds."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

FIRST_DELAY, LONGEST_DELAY = 5.0, 3600.0
TRIED_FOR = 86_400.0


class DeliveryStatus(StrEnum):
    """What is delivered is deleted, so there is no word for that."""

    PENDING = "pending"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the receiver gets, the same bytes under the same id in each attempt.

    `cursor` is that of its event. Deliveries of one `sequence` go out one after the
    other, in the order of their cursors. `attempts` are those that failed, `problem`
    is what the last of them met. It dies by a failure at `give_up_at` or later. Until
    `claimed_until` it is in the hands of one sidecar.
    """

    cursor: int
    message_id: str
    type: str
    sequence: str
    body: bytes = field(repr=False)
    created_at: float
    give_up_at: float
    due_at: float
    attempts: int = 0
    status: DeliveryStatus = DeliveryStatus.PENDING
    problem: str = ""
    claimed_until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an attempt failed, in words that hold no secret.

    `is_final` says that the receiver wants no more of it; `retry_after` are the
    seconds for which it asked to be left alone.
    """

    problem: str
    is_final: bool = False
    retry_after: float = 0.0


def delay_after(attempts: int, jitter: float) -> float:
    """Return the seconds to wait after so many failures, 1 or more.

    They double from 5 seconds on, up to an hour; `jitter`, 0 to 1, takes them from half of
    that to the whole, so that what failed together does not come back together.
    """
    # Bounded before it is a power: 2.0 ** 1024 is an OverflowError.
    longest = min(FIRST_DELAY * 2.0 ** min(attempts - 1, 16), LONGEST_DELAY)
    return longest * (1.0 + jitter) / 2.0


def after_failure(delivery: Delivery, failure: Failure, now: float, jitter: float) -> Delivery:
    """Return the delivery as it is after an attempt that failed at `now`: due later, or dead.

    The last attempt comes when its time is up, and not before.
    """
    failed = replace(
        delivery, attempts=delivery.attempts + 1, problem=failure.problem, claimed_until=0.0
    )
    if failure.is_final or now >= delivery.give_up_at:
        return replace(failed, status=DeliveryStatus.DEAD)
    delay = max(delay_after(failed.attempts, jitter), min(failure.retry_after, LONGEST_DELAY))
    return replace(failed, due_at=min(now + delay, delivery.give_up_at))


def revive(delivery: Delivery, now: float) -> Delivery:
    """Return a dead delivery as one that is due at once, with all its time before it."""
    return replace(
        delivery,
        status=DeliveryStatus.PENDING,
        attempts=0,
        due_at=now,
        give_up_at=now + TRIED_FOR,
        claimed_until=0.0,
    )
