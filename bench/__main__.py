"""`python -m bench [name …]`, `python -m bench compare OLD NEW`, `python -m bench readme FILE`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from bench.harness import AnswerWrong, Measurement, Plan
from bench.machine import describe_machine
from bench.readme import ReadmeRefused, fill_readme
from bench.results import (
    RESULTS,
    ResultUnreadable,
    Run,
    compare,
    newest_with,
    read_run,
    report,
    write_run,
)

# One module each. A name is imported when it is asked for, so that a benchmark
# without its peers or servers does not stand in the way of the others.
BENCHMARKS = ("verify", "request", "refresh", "revocation", "entries")


class Benchmark(Protocol):
    """What a module of `BENCHMARKS` has."""

    def run(self, plan: Plan) -> Measurement:
        """Check every answer, measure, and return the rows with the bare one first."""


def main(arguments: Sequence[str]) -> None:
    command = COMMANDS.get(arguments[0]) if arguments else None
    try:
        if command is None:
            measure_named(arguments)
        else:
            command(arguments[1:])
    except (AnswerWrong, ReadmeRefused, ResultUnreadable) as error:
        sys.exit(f"bench: {error}")


def measure_named(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", epilog=f"also: python -m bench {' | '.join(COMMANDS)}"
    )
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=_positive, default=Plan().rounds)
    parser.add_argument("--out", type=Path, help="where the JSON goes, bench/results/ by default")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}: {', '.join(BENCHMARKS)}")
    names = list(dict.fromkeys(options.names or BENCHMARKS))
    run = take_run(names, Plan(rounds=options.rounds), _command(options))
    path = options.out or RESULTS / f"{run.taken_at.replace(':', '')}.json"
    write_run(run, path)
    print(f"written: {os.path.relpath(path)}")


def take_run(names: Sequence[str], plan: Plan, command: str) -> Run:
    """Measure and print the benchmarks called `names`."""
    run = Run(
        command=command,
        taken_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        machine=describe_machine(),
        plan=plan,
        measured=(),
    )
    for name in names:
        benchmark = cast("Benchmark", import_module(f"bench.{name}"))
        measured = benchmark.run(plan)
        run = replace(run, measured=(*run.measured, measured))
        print(report(run, measured), end="\n\n", flush=True)
    return run


def _command(options: argparse.Namespace) -> str:
    """Return what measures the same again, wherever its result goes."""
    rounds = () if options.rounds == Plan().rounds else ("--rounds", str(options.rounds))
    return " ".join(("python -m bench", *options.names, *rounds))


def compare_results(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench compare")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    options = parser.parse_args(arguments)
    print(compare(read_run(options.old), read_run(options.new)))


def update_readme(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench readme")
    parser.add_argument("readme", type=Path)
    parser.add_argument("--result", type=Path, help="a result, the newest of its kind by default")
    options = parser.parse_args(arguments)
    chosen = read_run(options.result) if options.result else None
    text = fill_readme(options.readme.read_text("utf-8"), lambda name: chosen or newest_with(name))
    options.readme.write_text(text, "utf-8")


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "compare": compare_results,
    "readme": update_readme,
}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


if __name__ == "__main__":
    main(sys.argv[1:])
