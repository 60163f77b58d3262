"""Reasons not to believe a measurement, as typed values that print next to its table."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import ClassVar

from bench.harness import Measurement, Row

FEWEST_ROUNDS = 20
WIDEST_SPREAD = 0.15
LARGEST_SHARE_OF_OTHERS = 0.1
SMALLEST_OWN_SHARE = 0.95
FARTHEST_RATIO = 0.1


@dataclass(frozen=True, slots=True)
class FewRounds:
    """Too few rounds for one of them to have been quiet."""

    rounds: int
    bound: ClassVar[int] = FEWEST_ROUNDS

    def __str__(self) -> str:
        return f"only {self.rounds} rounds: take {self.bound} or more before quoting a figure"


@dataclass(frozen=True, slots=True)
class NoisyRows:
    """The typical round of some rows was much slower than their best one."""

    names: tuple[str, ...]
    worst: str
    spread: float

    def __str__(self) -> str:
        return (
            f"noisy rows: {len(self.names)}; the typical round took over "
            f"{WIDEST_SPREAD:.0%} longer than the best ({self.worst}: {self.spread:.0%})"
        )


@dataclass(frozen=True, slots=True)
class BusyMachine:
    """Others used the processor, or a hypervisor took it."""

    cores: float

    def __str__(self) -> str:
        return f"other processes kept {self.cores:.1f} cores busy: figures are too high, tails most"


@dataclass(frozen=True, slots=True)
class Displaced:
    """This process did not have its core for itself."""

    share: float

    def __str__(self) -> str:
        return f"this process ran for {self.share:.0%} of the time: something displaced it"


@dataclass(frozen=True, slots=True)
class NetWithinNoise:
    """A net figure is smaller than the spread of the row it was taken from."""

    names: tuple[str, ...]
    spread_ns: float

    def __str__(self) -> str:
        return (
            f"net time within the noise of the bare row ({self.spread_ns / 1000:.3f} µs): "
            f"{', '.join(self.names)}"
        )


@dataclass(frozen=True, slots=True)
class UnsteadyRatio:
    """The ratio of the quiet figures is not the one that rounds typically had."""

    name: str
    to: str
    quiet: float
    typical: float

    def __str__(self) -> str:
        return (
            f"{self.name} over {self.to} is {self.quiet:.3g} by the quiet figures, "
            f"{self.typical:.3g} in the typical round"
        )


@dataclass(frozen=True, slots=True)
class Traced:
    """A tracer or profiler slowed Python code down, and C code not."""

    def __str__(self) -> str:
        return "a tracer or a profiler was on: no ratio between Python and C code means anything"


Doubt = FewRounds | NoisyRows | BusyMachine | Displaced | NetWithinNoise | UnsteadyRatio | Traced


def find_doubts(measured: Measurement) -> tuple[Doubt, ...]:
    """Return every doubt there is about `measured`, the gravest kind first."""
    return (*_about_usage(measured), *_about_rows(measured), *_about_ratios(measured))


def spread(row: Row) -> float:
    """Return by which share the typical round of `row` was slower than its best."""
    return median(row.rounds_ns) / row.quiet_ns - 1 if row.quiet_ns else 0.0


def _about_usage(measured: Measurement) -> Iterator[Doubt]:
    usage = measured.usage
    if usage.traced:
        yield Traced()
    if usage.others is not None and usage.others / usage.elapsed > LARGEST_SHARE_OF_OTHERS:
        yield BusyMachine(usage.others / usage.elapsed)
    if usage.own / usage.elapsed < SMALLEST_OWN_SHARE:
        yield Displaced(usage.own / usage.elapsed)


def _about_rows(measured: Measurement) -> Iterator[Doubt]:
    bare, *rows = measured.rows
    rounds = len(bare.rounds_ns)
    if rounds < FEWEST_ROUNDS:
        yield FewRounds(rounds)
    noisy = [row for row in measured.rows if spread(row) > WIDEST_SPREAD]
    if noisy:
        worst = max(noisy, key=spread)
        yield NoisyRows(tuple(row.name for row in noisy), worst.name, spread(worst))
    noise = median(bare.rounds_ns) - bare.quiet_ns
    within = tuple(row.name for row in rows if abs(row.net_ns) <= noise)
    if within:
        yield NetWithinNoise(within, noise)


def _about_ratios(measured: Measurement) -> Iterator[Doubt]:
    for row in measured.rows:
        for ratio in row.ratios:
            if abs(ratio.typical - ratio.quiet) > FARTHEST_RATIO * abs(ratio.quiet):
                yield UnsteadyRatio(row.name, ratio.to, ratio.quiet, ratio.typical)
