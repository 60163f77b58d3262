"""What is kept of each turn, and the rows of a table that turns come to.

The harness makes its rows of calls in one process. Here a turn is a crowd that a
server answers, and a row may be about its processor instead of the clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.harness import FEWEST_FOR_P99, FEWEST_FOR_P999, Ratio, Row, percentile


@dataclass(slots=True, kw_only=True)
class Track:
    """The turns of one row: a mean for each of them, and single times in between.

    `floor` is the row whose cost is taken off for the net time, which for the bare
    row is itself; `None` where nothing is. Without `samples` the turns stand for them.
    """

    name: str
    floor: "Track | None" = None
    against: tuple[str, ...] = ()
    batch: int = 1
    turns: list[float] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)

    def net_turns(self) -> list[float]:
        if self.floor is None:
            return list(self.turns)
        return [mine - bare for mine, bare in zip(self.turns, self.floor.turns, strict=True)]

    def net(self) -> float:
        return min(self.turns) - (min(self.floor.turns) if self.floor else 0.0)


def rows_of(tracks: Sequence[Track]) -> tuple[Row, ...]:
    by_name = {track.name: track for track in tracks}
    return tuple(_row(track, [by_name[name] for name in track.against]) for track in tracks)


def _row(track: Track, others: list[Track]) -> Row:
    samples = sorted(track.samples or track.turns)
    return Row(
        name=track.name,
        quiet_ns=min(track.turns),
        net_ns=track.net(),
        p50_ns=percentile(samples, 0.5),
        p99_ns=percentile(samples, 0.99) if len(samples) >= FEWEST_FOR_P99 else None,
        p999_ns=percentile(samples, 0.999) if len(samples) >= FEWEST_FOR_P999 else None,
        max_ns=samples[-1],
        n=len(samples),
        batch=track.batch,
        rounds_ns=tuple(track.turns),
        ratios=tuple(_ratio(track, other) for other in others),
    )


def _ratio(track: Track, other: Track) -> Ratio:
    of_turns = [
        _divide(mine, theirs)
        for mine, theirs in zip(track.net_turns(), other.net_turns(), strict=True)
    ]
    return Ratio(to=other.name, quiet=_divide(track.net(), other.net()), typical=median(of_turns))


def _divide(mine: float, theirs: float) -> float:
    return mine / theirs if theirs else 0.0
