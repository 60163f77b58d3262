"""Contestants that take a known time on a clock of ours, and measurements that are made up."""

from dataclasses import dataclass
from itertools import cycle

from bench.harness import Contestant, Measurement, Plan, Ratio, Row, measure
from bench.machine import Machine, Usage
from bench.results import Run

MACHINE = Machine(
    processor="Abacus 1",
    cores=2,
    system="Linux x86_64",
    python="CPython 3.11.7",
    openssl="OpenSSL 3.0",
    signature_path="cryptography",
    packages={"edgepass": "0.1.0"},
)
QUIET = Usage(elapsed=10.0, own=10.0, others=0.0, traced=False)


@dataclass
class Clock:
    """Nanoseconds that pass when a contestant says that it worked."""

    now: int = 0

    def __call__(self) -> int:
        return self.now

    def work(self, cost: int) -> None:
        self.now += cost


def contestant(name: str, clock: Clock, *costs: int, against: tuple[str, ...] = ()) -> Contestant:
    """Return one whose calls take `costs` in turn."""
    turns = cycle(costs)
    return Contestant(
        name=name,
        arguments=lambda number: [name] * number,
        call=lambda argument: clock.work(next(turns)) or argument,
        read=str,
        expected=name,
        against=against,
    )


def measured(*contestants: Contestant, clock: Clock, plan: Plan | None = None) -> Measurement:
    plan = plan or Plan(rounds=20, batch_ns=100_000, samples=50)
    return measure(contestants, plan, benchmark="known", title="Known", clock=clock)


def row(name: str, *rounds: float, net: float = 1_000.0, ratios: tuple[Ratio, ...] = ()) -> Row:
    return Row(
        name=name,
        quiet_ns=min(rounds),
        net_ns=net,
        p50_ns=1_234.0,
        p99_ns=12_345.0,
        p999_ns=None,
        max_ns=123_456.0,
        n=200,
        batch=10,
        rounds_ns=rounds,
        ratios=ratios,
    )


STEADY = (1_000.0,) * 30
BARE = row("bare", *STEADY, net=0.0)


def known(*rows: Row, usage: Usage = QUIET, benchmark: str = "known") -> Measurement:
    return Measurement(
        benchmark=benchmark, title="Known", notes=("a note",), rows=rows, usage=usage
    )


def run_of(*measurements: Measurement, taken_at: str = "2026-01-02T03:04:05Z") -> Run:
    return Run(
        command="python -m bench known",
        taken_at=taken_at,
        machine=MACHINE,
        plan=Plan(),
        measured=measurements,
    )


README = "# Title\n\n<!-- bench: known -->\nold table\n<!-- /bench -->\n\nmore\n"
