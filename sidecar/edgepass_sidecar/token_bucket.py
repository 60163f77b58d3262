"""Token buckets: how often something may be done, and a bounded collection of them by key.

Every `now` is a reading of a monotonic clock in seconds, and the caller's, so
that this stays a rule. A bucket is one number: the time at which it is full,
counted in takes (seconds times rate), so that adding one to it is exact.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

# What all keys that no room is left for may take together, as a share of what those
# that are remembered may.
STRANGERS_SHARE = 0.01
# Seconds. Sums of large floats are off by less; whoever waited as told shall not be
# told to wait another nanosecond.
_TOLERANCE = 1e-6
# Two for the one that a take may add, so that what is full goes faster than it comes.
_FORGOTTEN_PER_TAKE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """`burst` takes at once, and `rate` more with every second, up to `burst` again."""

    rate: float
    burst: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ValueError(f"rate {self.rate} must be a positive number of takes a second")
        if not (math.isfinite(self.burst) and self.burst >= 1):
            raise ValueError(f"burst {self.burst} must be a number of takes, 1 or more")

    def scaled(self, factor: float) -> "Budget":
        return Budget(rate=self.rate * factor, burst=max(1.0, self.burst * factor))

    def spend(self, full_at: float, now: float) -> tuple[float, float]:
        """Take one from a bucket that is full at `full_at`, in takes.

        Returns when it is full after that, and 0.0; or, if nothing is left,
        `full_at` as it was, and the seconds until one is there to take.
        """
        at = now * self.rate
        full_then = max(full_at, at) + 1
        wait = (full_then - at - self.burst) / self.rate
        return (full_at, wait) if wait > _TOLERANCE else (full_then, 0.0)


class TokenBucket:
    """One bucket, full at first."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._full_at = -math.inf

    def take(self, now: float) -> float:
        """Take one and return 0.0, or take nothing and return the seconds to wait."""
        self._full_at, wait = self._budget.spend(self._full_at, now)
        return wait


class TokenBuckets:
    """A bucket for each key, `maximum` of them at most; each call is O(1).

    A bucket that is full again says no more than one that never was, and is
    forgotten. Nobody is reset by the keys of others: a bucket that is more than
    half empty is kept until it is full, whatever comes.
    """

    def __init__(self, maximum: int, budget: Budget) -> None:
        if maximum < 1:
            raise ValueError(f"maximum {maximum} must be 1 or more")
        self._maximum = maximum
        self._budget = budget
        self._strangers = TokenBucket(budget.scaled(max(1.0, maximum * STRANGERS_SHARE)))
        # Each in the order of last takes. Not plain dicts: the first item of one whose
        # first items were deleted is found by walking past the gaps.
        self._fuller: OrderedDict[Hashable, float] = OrderedDict()
        self._emptier: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._fuller) + len(self._emptier)

    def take(self, key: Hashable, now: float) -> float:
        """Take one from the bucket of `key`: 0.0, or else the seconds to wait."""
        at = now * self._budget.rate
        if self._fuller:
            _forget_full(self._fuller, at)
        if self._emptier:
            _forget_full(self._emptier, at)
        full_at = self._fuller.get(key)
        if full_at is None:
            full_at = self._emptier.get(key)
        if full_at is None:
            # When all that are held are more than half empty, to forget one would undo
            # a limit, and to admit newcomers unseen would be none: they share a bucket.
            if not self._has_room():
                return self._strangers.take(now)
            full_at = at
        full_at, wait = self._budget.spend(full_at, now)
        if wait == 0.0:
            self._keep(key, full_at, at)
        return wait

    def _has_room(self) -> bool:
        if len(self) < self._maximum:
            return True
        # Senders can choose many keys. The owner of a bucket that is at least half
        # full is not being limited, and gains less than half a burst by being
        # forgotten, for `maximum` takes by other keys.
        if self._fuller:
            self._fuller.popitem(last=False)
            return True
        return False

    def _keep(self, key: Hashable, full_at: float, at: float) -> None:
        self._fuller.pop(key, None)
        self._emptier.pop(key, None)
        is_fuller = full_at - at <= self._budget.burst / 2
        (self._fuller if is_fuller else self._emptier)[key] = full_at


def _forget_full(buckets: OrderedDict[Hashable, float], at: float) -> None:
    # The one that was taken from first can be full later than the next, but never
    # later than an empty bucket takes to fill: nothing stays for good.
    for _ in range(_FORGOTTEN_PER_TAKE):
        if not buckets:
            return
        key, full_at = next(iter(buckets.items()))
        if full_at > at:
            return
        del buckets[key]
