"""Contestants timed in interleaved rounds of one process, and what is kept of each.

A round times every contestant once, in an order of its own, for a batch of a
few milliseconds. Arguments are made outside of the clock, a chunk at a time, so
that they are as warm in the processor's caches as a server's would be.
"""

import gc
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from time import perf_counter_ns
from typing import Any, Generic, TypeVar

from bench.machine import Usage, UsageMeter

CHUNK = 64
CALLS_CHECKED = 3
FEWEST_SAMPLES = 13  # in 80 rounds that is enough for a p99.9
# Fewer samples than these, and the percentile would be the maximum by another name.
FEWEST_FOR_P99, FEWEST_FOR_P999 = 100, 1000

Input = TypeVar("Input")
Output = TypeVar("Output")
Clock = Callable[[], int]


class AnswerWrong(Exception):
    """A contestant gave an answer that is not right, so its time means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant(Generic[Input, Output]):
    """One row: what is called, with which arguments, and which answer is right.

    `arguments` makes at most `CHUNK` arguments a call, outside of the clock;
    `read` says in a word what a result means. `also` are further arguments with
    their right answers: checked, never timed. `against` names the rows that this
    one is compared with.
    """

    name: str
    arguments: Callable[[int], list[Input]]
    call: Callable[[Input], Output]
    read: Callable[[Output], str]
    expected: str
    also: tuple[tuple[Callable[[int], list[Input]], str], ...] = ()
    against: tuple[str, ...] = ()


Contestants = Sequence[Contestant[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long to measure: `samples` is the most single calls that are timed in a round."""

    rounds: int = 80
    batch_ns: int = 2_000_000
    samples: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The net time of a row over that of the row `to`.

    `quiet` compares the quiet figures, `typical` is the median over rounds:
    where they part, noise had a say.
    """

    to: str
    quiet: float
    typical: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known of one contestant. Percentiles are over `n` single calls."""

    name: str
    quiet_ns: float
    net_ns: float
    p50_ns: float
    p99_ns: float | None
    p999_ns: float | None
    max_ns: float
    n: int
    batch: int
    rounds_ns: tuple[float, ...]
    ratios: tuple[Ratio, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One benchmark's rows, the bare one first, and what could put them in doubt."""

    benchmark: str
    title: str
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    usage: Usage


@dataclass(slots=True)
class _Record:
    contestant: Contestant[Any, Any]
    batch: int
    rounds: list[float] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)


def measure(
    contestants: Contestants,
    plan: Plan,
    *,
    benchmark: str,
    title: str,
    notes: tuple[str, ...] = (),
    clock: Clock = perf_counter_ns,
) -> Measurement:
    """Time `contestants`, the bare one first, or raise `AnswerWrong`.

    Raises `ValueError` for names that are not those of one row each. Answers are
    checked before and after: a token that expires on the way would otherwise
    turn into a fast refusal.
    """
    _validate_names(contestants)
    with _collector_off():
        check_answers(contestants)
        meter = UsageMeter()
        records = [_Record(one, _batch_size(one, plan, clock)) for one in contestants]
        clock_cost = _clock_cost(clock)
        for number in range(plan.rounds):
            # Each round in another order, so that nobody always follows the
            # contestant that leaves the caches cold.
            for record in random.Random(number).sample(records, len(records)):
                _time_round(record, plan, clock, clock_cost)
            gc.collect()
        usage = meter.read()
        check_answers(contestants)
    rows = _rows(records)
    return Measurement(benchmark=benchmark, title=title, notes=notes, rows=rows, usage=usage)


def _validate_names(contestants: Contestants) -> None:
    names = {one.name for one in contestants}
    if len(names) != len(contestants):
        raise ValueError("two contestants have one name")
    unknown = {name for one in contestants for name in one.against} - names
    if unknown:
        raise ValueError(f"compared with what is not there: {sorted(unknown)}")


def check_answers(contestants: Contestants) -> None:
    """Raise `AnswerWrong` unless every contestant answers what it should."""
    for one in contestants:
        for arguments, expected in ((one.arguments, one.expected), *one.also):
            for argument in arguments(CALLS_CHECKED):
                answer = one.read(one.call(argument))
                if answer != expected:
                    raise AnswerWrong(f"{one.name}: answered {answer!r} instead of {expected!r}")


@contextmanager
def _collector_off() -> Iterator[None]:
    # As timeit does. A collection would bill one contestant for the garbage of
    # all, and for the arguments that are waiting.
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def _batch_size(one: Contestant[Any, Any], plan: Plan, clock: Clock) -> int:
    """Return how many calls take about `plan.batch_ns`."""
    count = 1
    while True:
        # The best of three: a single hiccup must not make the batch too short.
        elapsed = min(_time_batch(one, count, clock) for _ in range(3))
        if elapsed * 2 >= plan.batch_ns:
            return max(1, round(count * plan.batch_ns / elapsed))
        count *= 2


def _time_round(record: _Record, plan: Plan, clock: Clock, clock_cost: int) -> None:
    elapsed = _time_batch(record.contestant, record.batch, clock)
    record.rounds.append(elapsed / record.batch)
    if record.batch == 1:
        record.samples.append(elapsed)
        return
    for size in _chunk_sizes(min(max(record.batch, FEWEST_SAMPLES), plan.samples)):
        arguments = record.contestant.arguments(size)
        for sample in time_calls(record.contestant.call, arguments, clock):
            record.samples.append(max(0, sample - clock_cost))


def _time_batch(one: Contestant[Any, Any], count: int, clock: Clock) -> int:
    elapsed = 0
    for size in _chunk_sizes(count):
        arguments = one.arguments(size)
        elapsed += time_chunk(one.call, arguments, clock)
    return elapsed


def time_chunk(call: Callable[[Any], object], arguments: list[Any], clock: Clock) -> int:
    started = clock()
    for argument in arguments:
        call(argument)
    return clock() - started


def time_calls(call: Callable[[Any], object], arguments: list[Any], clock: Clock) -> list[int]:
    """Return what each call took, one reading of the clock included."""
    moments = [clock()]
    note = moments.append
    for argument in arguments:
        call(argument)
        note(clock())
    return _differences(moments)


def _clock_cost(clock: Clock) -> int:
    moments = [clock()]
    note = moments.append
    for _ in range(1000):
        note(clock())
    return int(median(_differences(moments)))


def _differences(moments: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(moments)]


def _chunk_sizes(count: int) -> Iterator[int]:
    whole, rest = divmod(count, CHUNK)
    for _ in range(whole):
        yield CHUNK
    if rest:
        yield rest


def _rows(records: Sequence[_Record]) -> tuple[Row, ...]:
    by_name = {record.contestant.name: record for record in records}
    bare = records[0]
    return tuple(
        _row(record, bare, [by_name[name] for name in record.contestant.against])
        for record in records
    )


def _row(record: _Record, bare: _Record, others: list[_Record]) -> Row:
    samples = sorted(record.samples)
    return Row(
        name=record.contestant.name,
        quiet_ns=min(record.rounds),
        net_ns=min(record.rounds) - min(bare.rounds),
        p50_ns=percentile(samples, 0.5),
        p99_ns=percentile(samples, 0.99) if len(samples) >= FEWEST_FOR_P99 else None,
        p999_ns=percentile(samples, 0.999) if len(samples) >= FEWEST_FOR_P999 else None,
        max_ns=samples[-1],
        n=len(samples),
        batch=record.batch,
        rounds_ns=tuple(record.rounds),
        ratios=tuple(_ratio(record, other, bare) for other in others),
    )


def _ratio(record: _Record, other: _Record, bare: _Record) -> Ratio:
    of_rounds = [
        _divide(mine - floor, theirs - floor)
        for mine, theirs, floor in zip(record.rounds, other.rounds, bare.rounds, strict=True)
    ]
    floor = min(bare.rounds)
    return Ratio(
        to=other.contestant.name,
        quiet=_divide(min(record.rounds) - floor, min(other.rounds) - floor),
        typical=median(of_rounds),
    )


def _divide(mine: float, theirs: float) -> float:
    return mine / theirs if theirs else 0.0


def percentile(ascending: Sequence[float], share: float) -> float:
    """Return the nearest rank: a value that was measured, never one in between."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]
