"""How long a revoked session is still taken: from the store's commit to each edge's refusal."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import uvloop

from bench.harness import AnswerWrong, Measurement, Plan, percentile
from bench.machine import Usage
from bench.revocation_load import PATIENCE, PROBE_EVERY, Seen, watch
from bench.revocation_servers import EDGES, Load, LoadMeter, Servers, sign_in, started_servers
from bench.revocation_verdict import Outcome, Refusals, judge, missing
from bench.turns import Track, rows_of

CROWD_RATE, REVOCATION_RATE = 1_000, 50  # a second
TITLE = (
    f"revocation: until {EDGES} edges refuse a session, under {CROWD_RATE:,} requests a second, "
    "on loopback"
)
BARE = "a request arrives at an edge"
COMMITTED = "commit to refusal"
BEGUN = "commit to refusal, fsync included"
ANSWERED = "answer to refusal, seen by the caller"
RESTARTED = "sidecar killed half-way"
REQUEST = "a request of the crowd"
NOTES = (
    f"edgepass serve on SQLite, synchronous=FULL; {EDGES} edges under uvicorn, a process each; all "
    "processes read the same monotonic clock",
    "commit: the moment at which COMMIT had returned in the sidecar, or with fsync at which it "
    "began; refusal: an edge has answered a request of that session with 401 session_revoked, "
    "which it puts to itself as soon as the feed's message was applied; each edge counts",
    f"{REVOCATION_RATE} revocations a second, one after the other, through the backend API; its "
    f"caller then asks one edge, and again {PROBE_EVERY * 1000:.0f} ms after each answer, until it "
    "is refused: the last answer's way back is part of the figure",
    f"{RESTARTED}: kill -9, and start again; its caller repeats what was not answered",
    f"{REQUEST}: from when it was due to its answer; it is sent when it is due, whatever is late",
    "checked of every request of the crowd: no session is refused before it was revoked, none is "
    "let through by an edge that began to refuse it",
    f"net is over the bare row: a request of the caller, one way; of {REQUEST} nothing is taken "
    "off; rounds are turns of consecutive revocations",
    "in a warning, this process is the edge that waited longest for a processor, and it runs "
    "while it does not wait",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many revocations a run has: `rounds` turns of `revocations` each."""

    rounds: int
    revocations: int


def pace_of(plan: Plan) -> Pace:
    """Make fewer and longer rounds of a plan for calls of microseconds: 1,000 revocations."""
    return Pace(rounds=max(1, plan.rounds // 4), revocations=min(50, plan.samples))


def run(plan: Plan) -> Measurement:
    pace = pace_of(plan)
    with (
        tempfile.TemporaryDirectory(prefix="edgepass-bench-") as directory,
        started_servers(Path(directory)) as servers,
    ):
        steady, load = take_run(servers, pace, lambda: None)
        if steady.unnoted:
            raise AnswerWrong(f"{steady.unnoted} revocations were never committed")
        restarted, load_too = take_run(servers, pace, servers.sidecar.restart)
    tracks = _tracks(steady, restarted, pace)
    unnoted = f"{RESTARTED}: {restarted.unnoted} commits without a note, from when they were asked"
    return Measurement(
        benchmark="revocation",
        title=TITLE,
        notes=(*NOTES, *map(_finding, tracks), unnoted),
        rows=rows_of(tracks),
        usage=_usage(load, load_too),
    )


def take_run(servers: Servers, pace: Pace, meanwhile: Callable[[], None]) -> tuple[Outcome, Load]:
    """Revoke sessions that were started for it; `meanwhile` is called half-way."""
    tokens = sign_in(servers, pace.rounds * pace.revocations)
    meter = LoadMeter(servers)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(
            watch(
                servers,
                tokens,
                crowd_rate=CROWD_RATE,
                revocation_rate=REVOCATION_RATE,
                meanwhile=meanwhile,
            )
        )
    load = meter.read()
    refusals = _wait_for_refusals(servers, seen)
    return judge(seen, servers.sidecar.read_commits(), refusals), load


def _wait_for_refusals(servers: Servers, seen: Seen) -> Refusals:
    """Return them once they are complete, or when no token can be alive any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        refusals = servers.read_refusals()
        if not any(missing(seen, refusals)) or time.monotonic() > deadline:
            return refusals
        time.sleep(0.1)


def _tracks(steady: Outcome, restarted: Outcome, pace: Pace) -> list[Track]:
    named = {
        BARE: steady.one_way,
        COMMITTED: steady.commit_to_refusal,
        BEGUN: steady.commit_begun_to_refusal,
        ANSWERED: steady.answer_to_refusal,
        f"{RESTARTED}: {COMMITTED}": restarted.commit_to_refusal,
        f"{RESTARTED}: {ANSWERED}": restarted.answer_to_refusal,
    }
    tracks = [_track(name, times, pace) for name, times in named.items()]
    for track in tracks:
        track.floor = tracks[0]
    return [*tracks, _track(REQUEST, steady.requests, pace)]


def _track(name: str, times: Sequence[int], pace: Pace) -> Track:
    bounds = [number * len(times) // pace.rounds for number in range(pace.rounds + 1)]
    turns = [fmean(times[a:b]) for a, b in pairwise(bounds)]
    return Track(name=name, batch=len(times) // pace.rounds, turns=turns, samples=list(times))


def _finding(track: Track) -> str:
    samples = sorted(track.samples)
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    parts = [f"{name} {percentile(samples, share) / 1e6:.2f}" for name, share in shares.items()]
    lost = "" if track.name in (BARE, REQUEST) else ", 0 lost"
    return f"{track.name}, ms: {', '.join(parts)}, max {samples[-1] / 1e6:.2f}{lost}"


def _usage(*loads: Load) -> Usage:
    """Say of both runs how long no edge had to wait for a processor, and what others took."""
    elapsed = sum(load.elapsed for load in loads)
    others = [load.others for load in loads if load.others is not None]
    return Usage(
        elapsed=elapsed,
        own=elapsed - sum(load.waited for load in loads),
        others=sum(others) if others else None,
        traced=False,
    )
