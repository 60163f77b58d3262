"""Tables of a point's multiples (Handbook of Applied Cryptography 14.6.3) that widen while used."""

from collections.abc import Callable, Iterator
from threading import Lock
from typing import NamedTuple

NARROW_WIDTH = 4

# Entries made in one step: about 1 ms of an event loop's time.
STEP = 128

# Entry j is j times the first point of the row. The coordinates share one integer, for that takes a
# third of the memory of a tuple of integers, and gives the garbage collector nothing to visit.
Row = list[int]


class Table(NamedTuple):
    """Row i holds multiples of 2**(width * i) times the point."""

    width: int
    bias: int
    rows: list[Row]

    def digits(self, scalar: int) -> list[int]:
        """Split `scalar` into a digit for each row; all but the last are signed."""
        width, half = self.width, 1 << (self.width - 1)
        mask = 2 * half - 1
        digits = []
        scalar += self.bias
        for _ in range(len(self.rows) - 1):
            digits.append((scalar & mask) - half)
            scalar >>= width
        digits.append(scalar)
        return digits


class Multiples:
    """The multiples of one point by numbers below `order`; threads may share them.

    `start(width, count)` makes that many rows with their first entries, and
    `extend(rows, last)` adds some to rows that are equally long, at least one
    to each and none past entry `last`.
    """

    def __init__(
        self,
        order: int,
        wide: int,
        start: Callable[[int, int], list[Row]],
        extend: Callable[[list[Row], int], None],
    ) -> None:
        self._order, self._wide, self._start, self._extend = order, wide, start, extend
        self._growing: list[Row] = []
        self._lock = Lock()
        self.table = Table(0, 0, [])

    def load(self) -> None:
        """Build the narrow table, unless there is a table."""
        with self._lock:
            if self.table.width:
                return
            bias, lasts = self._shape(NARROW_WIDTH)
            rows = self._start(NARROW_WIDTH, len(lasts))
            # Rows grow side by side here, since whatever grows at once shares one inversion.
            for alike, last in ((rows[:-1], lasts[0]), (rows[-1:], lasts[-1])):
                while len(alike[0]) <= last:
                    self._extend(alike, last)
            self.table = Table(NARROW_WIDTH, bias, rows)

    def widen(self) -> Iterator[None]:
        """Build the wide table step by step, going on from where others are or have stopped."""
        while self._grow():
            yield

    def _grow(self) -> bool:
        # What has been built is kept here rather than in an iterator, which may be abandoned.
        with self._lock:
            if self.table.width == self._wide:
                return False
            bias, lasts = self._shape(self._wide)
            if not self._growing:
                self._growing = self._start(self._wide, len(lasts))
                return True
            for row, last in zip(self._growing, lasts, strict=True):
                if len(row) <= last:
                    last_of_step = min(last, len(row) - 1 + STEP)
                    while len(row) <= last_of_step:
                        self._extend([row], last_of_step)
                    return True
            self.table, self._growing = Table(self._wide, bias, self._growing), []
            return False

    def _shape(self, width: int) -> tuple[int, list[int]]:
        """Return the bias that makes digits signed, and each row's last entry."""
        top = -(-(self._order.bit_length() - 1) // width) - 1
        bias = sum(1 << (width * (i + 1) - 1) for i in range(top))
        return bias, [1 << (width - 1)] * top + [(self._order - 1 + bias) >> width * top]


def invert_all(values: list[int], prime: int) -> list[int]:
    """Invert with one inversion (Montgomery's trick); raises ValueError if one value is 0."""
    product, results = 1, []
    for value in values:
        results.append(product)
        product = product * value % prime
    inverse = pow(product, -1, prime)
    for i in range(len(values) - 1, -1, -1):
        results[i] = results[i] * inverse % prime
        inverse = inverse * values[i] % prime
    return results
