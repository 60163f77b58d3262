"""Measured tables in a README, between `<!-- bench: name -->` and `<!-- /bench -->`.

A marker names a benchmark, or some of its rows as well, and then has a short table:
`<!-- bench: request: bare app; edgepass, warm bearer -->`.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from bench.doubts import find_doubts
from bench.harness import Row
from bench.results import Run, Table, as_markdown, find_measurement, table_of

_OPENING, _CLOSING = "<!-- bench:", "<!-- /bench -->"
_BLOCK = re.compile(
    r"(?P<marker><!-- bench: *(?P<name>[\w-]+) *(?:: *(?P<rows>[^>]*?) *)?-->\n)"
    r"(?P<body>(?:(?!<!-- bench:).)*?)"
    r"(?P<closing><!-- /bench -->)",
    re.DOTALL,
)

FindRun = Callable[[str], Run]


class ReadmeRefused(Exception):
    """A README's markers are missing, unpaired or name what was not measured."""


def fill_readme(text: str, find_run: FindRun) -> str:
    """Return `text` with what stands between each pair of markers measured anew."""
    blocks = len(_BLOCK.findall(text))
    if blocks == 0:
        raise ReadmeRefused(f"no {_OPENING} name --> … {_CLOSING} to fill")
    if not text.count(_OPENING) == text.count(_CLOSING) == blocks:
        raise ReadmeRefused(f"a {_OPENING} … --> has no {_CLOSING} of its own, or the other way")
    return _BLOCK.sub(lambda block: _fill(block, find_run), text)


def _fill(block: re.Match[str], find_run: FindRun) -> str:
    run = find_run(block["name"])
    body = generate(run, block["name"], block["rows"])
    return f"{block['marker']}{body}\n{block['closing']}"


def generate(run: Run, benchmark: str, wanted: str | None) -> str:
    """Return the table, the command that made it, the machine, and the doubts about these rows."""
    measured = find_measurement(run, benchmark)
    if measured is None:
        raise ReadmeRefused(f"the result has no {benchmark}")
    bare, rows = measured.rows[0], _choose(measured.rows, wanted)
    table = table_of(rows, bare)
    lines = [
        as_markdown(shorten(table) if wanted else table),
        "",
        f"`{run.command}`, {run.taken_at[:10]}. {run.machine.line()}.",
    ]
    others = (row for row in rows if row is not bare)
    doubts = find_doubts(replace(measured, rows=(bare, *others)))
    if doubts:
        # Noise is part of the result: a reader has to see it too.
        lines += ["", *(f"- Doubt: {doubt}" for doubt in doubts)]
    return "\n".join(lines)


def shorten(table: Table) -> Table:
    """Keep of each line the name, the net time, its p99 and the ratios."""
    kept = [table[0].index(head) for head in (*table[0][:1], "net", "p99", table[0][-1])]
    return [tuple(line[column] for column in kept) for line in table]


def _choose(rows: tuple[Row, ...], wanted: str | None) -> list[Row]:
    if not wanted:
        return list(rows)
    by_name = {row.name: row for row in rows}
    names = [name.strip() for name in wanted.split(";") if name.strip()]
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ReadmeRefused(f"no row {unknown[0]!r}; there are: {'; '.join(by_name)}")
    return [by_name[name] for name in names]
