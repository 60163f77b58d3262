"""A run as a value: written as JSON, read again, shown as a table, compared with another."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.doubts import find_doubts
from bench.harness import Measurement, Plan, Ratio, Row
from bench.machine import Machine, Usage

RESULTS = Path(__file__).parent / "results"
FORMAT = 1
COLUMNS = ("µs per call", "quiet", "net", "p50", "p99", "p99.9", "max", "n", "net, as a ratio")
COMPARED = ("µs per call, net", "old", "new", "new / old")
DRIFT = 0.1
ABSENT, TIMES = "-", "\N{MULTIPLICATION SIGN}"

Table = list[tuple[str, ...]]


class ResultUnreadable(Exception):
    """A file is not a result of this version of `python -m bench`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that one command measured. `taken_at` is UTC, in ISO 8601."""

    command: str
    taken_at: str
    machine: Machine
    plan: Plan
    measured: tuple[Measurement, ...]


def write_run(run: Run, path: Path) -> None:
    document = {"format": FORMAT, "unit": "ns", **asdict(run)}
    for measured, value in zip(run.measured, document["measured"], strict=True):
        value["doubts"] = [
            {"kind": type(doubt).__name__, "text": str(doubt), **asdict(doubt)}
            for doubt in find_doubts(measured)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


def read_run(path: Path) -> Run:
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["format"] != FORMAT:
            raise ResultUnreadable(f"{path} has format {document['format']}, not {FORMAT}")
        return _parse_run(document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultUnreadable(f"{path} is not a result of python -m bench: {error}") from None


def newest_with(benchmark: str, folder: Path = RESULTS) -> Run:
    """Return the last run in `folder` that measured `benchmark`; what is unreadable is left out."""
    runs = [_find_run(path) for path in folder.glob("*.json")]
    fitting = [run for run in runs if run and find_measurement(run, benchmark)]
    if not fitting:
        raise ResultUnreadable(f"no result of {benchmark} yet: run python -m bench {benchmark}")
    return max(fitting, key=lambda run: run.taken_at)


def _find_run(path: Path) -> Run | None:
    try:
        return read_run(path)
    except ResultUnreadable:
        return None


def find_measurement(run: Run, benchmark: str) -> Measurement | None:
    return next((one for one in run.measured if one.benchmark == benchmark), None)


def table_of(rows: Sequence[Row], bare: Row) -> Table:
    return [COLUMNS, *(_cells(row, is_bare=row is bare) for row in rows)]


def as_text(table: Table) -> str:
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    last = len(widths) - 1
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    return "\n".join((lines[0], "-" * max(map(len, lines)), *lines[1:]))


def as_markdown(table: Table) -> str:
    head, *body = table
    rule = ("---", *("---:" for _ in head[1:-1]), "---")
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *body))


def report(run: Run, measured: Measurement) -> str:
    """Return what is printed of one benchmark: table, notes and doubts."""
    return "\n".join(
        (
            measured.title,
            "",
            as_text(table_of(measured.rows, measured.rows[0])),
            "",
            *(f"note: {note}" for note in measured.notes),
            *(f"warning: {doubt}" for doubt in find_doubts(measured)),
            f"machine: {run.machine.line()}",
        )
    )


def compare(old: Run, new: Run) -> str:
    """Return one table a benchmark that both runs have, with the ratio new / old of each row."""
    parts = []
    for measured in new.measured:
        before = find_measurement(old, measured.benchmark)
        if before is not None:
            parts.append(_compare_measured(before, measured))
    if not parts:
        raise ResultUnreadable("the two results have no benchmark in common")
    if old.machine != new.machine:
        parts.append(
            "warning: not the same machine or versions\n"
            f"  old: {old.machine.line()}\n  new: {new.machine.line()}"
        )
    return "\n\n".join(parts)


def _compare_measured(old: Measurement, new: Measurement) -> str:
    before = {row.name: row for row in old.rows}
    after = {row.name: row for row in new.rows}
    names = [*before, *(name for name in after if name not in before)]
    table = [COMPARED, *(_compare_rows(name, before.get(name), after.get(name)) for name in names)]
    drift = new.rows[0].quiet_ns / old.rows[0].quiet_ns if old.rows[0].quiet_ns else 1.0
    warnings = [f"warning: old: {doubt}" for doubt in find_doubts(old)]
    warnings += [f"warning: new: {doubt}" for doubt in find_doubts(new)]
    if abs(drift - 1) > DRIFT:
        warnings.append(f"warning: the bare row itself is {drift:.2f} of the old: machine or load")
    return "\n".join((new.title, "", as_text(table), *warnings))


def _compare_rows(name: str, old: Row | None, new: Row | None) -> tuple[str, ...]:
    both = old is not None and new is not None
    before, after = _claim(old), _claim(new)
    ratio = f"{after / before:.2f}" if both and before else ABSENT
    return (name, micro(before) if old else ABSENT, micro(after) if new else ABSENT, ratio)


def _claim(row: Row | None) -> float:
    # The bare row has nothing to be net of: it shows what the machine itself did.
    return 0.0 if row is None else row.net_ns or row.quiet_ns


def _cells(row: Row, *, is_bare: bool) -> tuple[str, ...]:
    net = ABSENT if is_bare else micro(row.net_ns)
    times = [micro(value) for value in (row.p50_ns, row.p99_ns, row.p999_ns, row.max_ns)]
    ratios = "; ".join(f"{_ratio(ratio.quiet)} {TIMES} {ratio.to}" for ratio in row.ratios)
    return (row.name, micro(row.quiet_ns), net, *times, f"{row.n:,}", ratios)


def _ratio(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.05 else f"{value:.1g}"


def micro(nanoseconds: float | None) -> str:
    """Return a time in microseconds, with the digits that mean something."""
    if nanoseconds is None:
        return ABSENT
    value = nanoseconds / 1000
    digits = next(
        (digits for bound, digits in ((1, 3), (10, 2), (100, 1)) if abs(value) < bound), 0
    )
    return f"{value:,.{digits}f}"


def _parse_run(document: dict[str, Any]) -> Run:
    return Run(
        command=document["command"],
        taken_at=document["taken_at"],
        machine=Machine(**document["machine"]),
        plan=Plan(**document["plan"]),
        measured=tuple(_parse_measurement(value) for value in document["measured"]),
    )


def _parse_measurement(value: dict[str, Any]) -> Measurement:
    return Measurement(
        benchmark=value["benchmark"],
        title=value["title"],
        notes=tuple(value["notes"]),
        rows=tuple(_parse_rows(value["rows"])),
        usage=Usage(**value["usage"]),
    )


def _parse_rows(values: Iterable[dict[str, Any]]) -> Iterable[Row]:
    for value in values:
        ratios = tuple(Ratio(**ratio) for ratio in value["ratios"])
        yield Row(**{**value, "ratios": ratios, "rounds_ns": tuple(value["rounds_ns"])})
