"""Results are read, compared and put into a README as they were measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.harness import Ratio
from bench.readme import ReadmeRefused, fill_readme
from bench.results import ResultUnreadable, compare, micro, newest_with, read_run, write_run
from tests.bench.known import BARE, MACHINE, QUIET, README, STEADY, known, row, run_of


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0}', '{"format": 1}'])
def test_another_file_is_no_result(text: str, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(text, "utf-8")
    with pytest.raises(ResultUnreadable):
        read_run(path)


def test_the_newest_result_of_a_benchmark_is_found(tmp_path: Path) -> None:
    mine, other = known(BARE), known(BARE, benchmark="other")
    write_run(run_of(mine, taken_at="2026-01-01T00:00:00Z"), tmp_path / "c.json")
    write_run(run_of(mine, taken_at="2026-01-02T00:00:00Z"), tmp_path / "b.json")
    write_run(run_of(other, taken_at="2026-01-03T00:00:00Z"), tmp_path / "a.json")
    (tmp_path / "d.json").write_text("{}", "utf-8")
    assert newest_with("known", tmp_path).taken_at == "2026-01-02T00:00:00Z"
    with pytest.raises(ResultUnreadable, match="run python -m bench gone"):
        newest_with("gone", tmp_path)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (224.4, "0.224"),
        (-12.0, "-0.012"),
        (1_234.0, "1.23"),
        (99_960.0, "100.0"),
        (123_456_789.0, "123,457"),
        (None, "-"),
    ],
)
def test_microseconds_have_the_digits_that_mean_something(
    nanoseconds: float | None, text: str
) -> None:
    assert micro(nanoseconds) == text


def test_compare_says_the_ratio_of_each_row() -> None:
    old = run_of(known(BARE, row("one", *STEADY, net=2_000.0), row("gone", *STEADY)))
    new = run_of(known(BARE, row("one", *STEADY, net=500.0), row("come", *STEADY)))
    lines = [line.split() for line in compare(old, new).splitlines()]
    assert ["bare", "1.00", "1.00", "1.00"] in lines
    assert ["one", "2.00", "0.500", "0.25"] in lines
    assert ["gone", "1.00", "-", "-"] in lines
    assert ["come", "-", "1.00", "-"] in lines
    assert "warning" not in compare(old, new)


def test_compare_warns_of_another_machine_of_drift_and_of_doubts() -> None:
    old = run_of(known(BARE))
    new = run_of(known(row("bare", *(1_200.0,) * 19, net=0.0)))
    text = compare(old, replace(new, machine=replace(MACHINE, processor="Abacus 2")))
    assert "the bare row itself is 1.20 of the old" in text
    assert "new: only 19 rounds" in text
    assert "not the same machine" in text


def test_compare_wants_a_benchmark_in_common() -> None:
    with pytest.raises(ResultUnreadable, match="in common"):
        compare(run_of(known(BARE)), run_of(known(BARE, benchmark="other")))


def test_readme_replaces_what_stands_between_the_markers() -> None:
    ratio = Ratio(to="bare", quiet=0.375, typical=0.375)
    run = run_of(known(BARE, row("one", *STEADY, ratios=(ratio,))))
    text = fill_readme(README, lambda _: run)
    head, _, rest = text.partition("<!-- bench: known -->\n")
    body, _, tail = rest.partition("\n<!-- /bench -->")
    assert (head, tail) == ("# Title\n\n", "\n\nmore\n")
    assert "old table" not in text
    assert "| bare | 1.00 | - | 1.23 | 12.3 | - | 123 | 200 |  |" in body
    assert (
        "| one | 1.00 | 1.00 | 1.23 | 12.3 | - | 123 | 200 | 0.38 \N{MULTIPLICATION SIGN} bare |"
        in body
    )
    assert "`python -m bench known`, 2026-01-02. Abacus 1, 2 cores" in body
    assert fill_readme(text, lambda _: run) == text


def test_readme_shows_the_rows_that_the_marker_names() -> None:
    run = run_of(known(BARE, row("one, warm", *STEADY), row("two", *STEADY)))
    text = fill_readme(README.replace("known -->", "known: two; one, warm -->"), lambda _: run)
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    assert rows == ["| µs per call", "| ---", "| two", "| one, warm"]
    with pytest.raises(ReadmeRefused, match="no row 'three'"):
        fill_readme(README.replace("known -->", "known: three -->"), lambda _: run)


def test_readme_doubts_only_the_rows_that_it_shows() -> None:
    noisy = row("noisy", 1_000.0, *(1_500.0,) * 30)
    run = run_of(known(BARE, row("one", *STEADY), noisy))
    assert "- Doubt: noisy rows: 1;" in fill_readme(README, lambda _: run)
    marked = README.replace("known -->", "known: bare; one -->")
    assert "Doubt" not in fill_readme(marked, lambda _: run)


def test_readme_keeps_the_doubts_in_sight() -> None:
    run = run_of(known(BARE, usage=replace(QUIET, others=20.0)))
    assert "- Doubt: other processes kept 2.0 cores busy" in fill_readme(README, lambda _: run)


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        "<!-- bench: known -->\n",
        "<!-- bench: known -->\n<!-- bench: known -->\n<!-- /bench -->\n",
        README + "<!-- /bench -->\n",
        README + "<!-- bench: known --> on one line <!-- /bench -->\n",
    ],
)
def test_readme_refuses_markers_that_do_not_pair(text: str) -> None:
    with pytest.raises(ReadmeRefused):
        fill_readme(text, lambda _: run_of(known(BARE)))
