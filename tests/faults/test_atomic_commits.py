"""State and its events are stored together or not at all, wherever a process dies or a disk ends.

A child process does one operation and meets a fault at its k-th SQL statement or
k-th piece of the write-ahead log, for one k after another until it gets through.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.faults.dying import OPERATIONS, Facts, Fault, Outcome, Trial, kept_and_told
from tests.support.processes import PATIENCE

MOST_STATEMENTS = 200
# Bytes: a fifth more than a page and its header take in the log, so that one after another
# is cut, each of them somewhere else.
STEP = 5_003
# A ban is a commit of its own, and one more for each client.
IN_SEVERAL_COMMITS = {"ban"}


class Children:
    """A process that forks a child for each trial, with a copy of one store."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._trials = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.dying", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"
        self.before = self.facts(directory / "made.db")

    def try_out(self, kind: str, fault: Fault, at: int) -> tuple[Outcome, Facts]:
        """Return the outcome of a trial, and what the store has after it."""
        self._trials += 1
        file = self.directory / f"{self._trials}.db"
        assert self._process.stdin is not None
        trial = Trial(file=str(file), kind=kind, fault=fault, at=at)
        print(msgspec.json.encode(trial).decode(), file=self._process.stdin, flush=True)
        outcome = msgspec.json.decode(self._answer(), type=Outcome)
        assert not outcome.error, outcome.error
        return outcome, self.facts(file)

    def facts(self, file: Path) -> Facts:
        """Return what a store has; of that its events must tell, and of nothing else."""
        kept, told = kept_and_told(file)
        assert kept == told
        return kept

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(PATIENCE) == 0

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    running = Children(tmp_path_factory.mktemp("children"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def sizes(children: Children) -> dict[str, tuple[int, int]]:
    """How long the write-ahead log is before and after each operation that meets no fault."""
    sizes = {}
    for kind in OPERATIONS:
        outcome, facts = children.try_out(kind, Fault.KILLED_AT_A_STATEMENT, MOST_STATEMENTS)
        assert outcome.acknowledged
        assert facts != children.before
        assert outcome.written[1] > outcome.written[0] + STEP, "it goes by without the log"
        sizes[kind] = outcome.written
    return sizes


def limits(size: tuple[int, int]) -> list[int]:
    """Return the lengths at which the log is to end before the operation has written all of it."""
    return list(range(size[0], size[1], STEP))


def assert_whole(kind: str, before: Facts, found: list[Facts]) -> None:
    """Each time nothing was stored, or all; what takes several commits, a part that is whole."""
    *amid, last = found
    assert last != before
    assert before in amid, "no fault came before the commit"
    if kind not in IN_SEVERAL_COMMITS:
        changed = {tuple(sorted(facts.values())) for facts in found if facts != before}
        assert len(changed) == 1


@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_kill_at_any_statement_leaves_all_or_nothing(children: Children, kind: str) -> None:
    found = []
    for number in range(1, MOST_STATEMENTS):
        outcome, facts = children.try_out(kind, Fault.KILLED_AT_A_STATEMENT, number)
        assert outcome.signal == signal.SIGKILL
        found.append(facts)
        if outcome.acknowledged:
            break
    assert outcome.acknowledged
    assert_whole(kind, children.before, found)


@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_kill_in_the_middle_of_a_write_leaves_all_or_nothing(
    children: Children, sizes: dict[str, tuple[int, int]], kind: str
) -> None:
    found = []
    for limit in limits(sizes[kind]):
        outcome, facts = children.try_out(kind, Fault.KILLED_IN_A_WRITE, limit)
        assert (outcome.signal, outcome.acknowledged) == (signal.SIGXFSZ, False)
        found.append(facts)
    outcome, facts = children.try_out(kind, Fault.KILLED_IN_A_WRITE, sizes[kind][1])
    assert outcome.acknowledged
    assert_whole(kind, children.before, [*found, facts])
    if kind not in IN_SEVERAL_COMMITS:
        assert found == [children.before] * len(found)


@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_write_that_fails_is_an_unavailable_store_that_keeps_nothing_of_it(
    children: Children, sizes: dict[str, tuple[int, int]], kind: str
) -> None:
    for limit in limits(sizes[kind]):
        outcome, facts = children.try_out(kind, Fault.WRITE_FAILS, limit)
        assert outcome.when_refused is not None, "it did not answer StoreUnavailable"
        kept, told = outcome.when_refused
        assert kept == told
        if kind not in IN_SEVERAL_COMMITS:
            assert kept == children.before
        assert outcome.acknowledged, "it did not work again once there was room"
        assert facts != children.before
