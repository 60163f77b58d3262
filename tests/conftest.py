"""Fixtures that every suite shares: a clock to advance, and an issuer that answers over HTTP."""

import gc
import signal
import sys
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from edgepass._signatures import STANDARD_LIBRARY, Backend, find_cryptography
from tests.support.issuer import NOW, FakeIssuer

# A shared machine pauses when it likes: how long one example takes says nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


# Nothing here runs on trio. Otherwise httpx looks on all of the path, at each request to an
# app in this process, for the package that would tell.
sys.modules.setdefault("sniffio", None)

# Where the files are that wait, for what they start or for a clock, longest first.
WAITING = (
    "tests/browser",
    "tests/interop",
    "tests/journeys",
    "tests/bench",
    "tests/faults",
    "tests/repo",
    "tests/fuzz",
)
# Where the files are that compute longest.
COMPUTING = ("tests/standards", "tests/property", "tests/sidecar")


def pytest_configure(config: pytest.Config) -> None:
    # A shell has what it runs in the background ignore Ctrl-C, and so would every process that
    # a test starts and ends by it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Of its own accord, pytest-xdist gives out first what has most tests: those are the quick ones.
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put by turns what waits and what computes, so that no processor is idle meanwhile.

    The longest come first: none of them is what the other workers wait for at the end.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting, computing = (
        sorted(
            (file for file in files if (_folder(config, file) in WAITING) == waits),
            key=lambda file: _turn(_folder(config, file)),
        )
        for waits in (True, False)
    )
    turns = chain.from_iterable(zip_longest(waiting, computing))
    items[:] = [item for file in turns if file for item in files[file]]


def _folder(config: pytest.Config, file: Path) -> str:
    return "/".join(file.relative_to(config.rootpath).parts[:2])


def _turn(folder: str) -> int:
    order = WAITING + COMPUTING
    return order.index(folder) if folder in order else len(order)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(report: object) -> Generator[None, Any, Any]:
    # What a worker tells of tests that passed is most of what it sends, and nobody reads it:
    # the terminal shows of them only what a failed test logged while it was cleared away. With
    # workers, -rP and a report's logs of what passed are empty for this; without, they are whole.
    data = yield
    if isinstance(report, pytest.TestReport) and report.passed:
        data["keywords"] = {}
        data["sections"] = [each for each in data["sections"] if "teardown" in each[0]]
    return data


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    # Thousands of tests are made and none goes away: to look for garbage among them, over
    # and over, took a quarter of the collection.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@dataclass
class Clock:
    """Seconds since the epoch that pass when a test says so."""

    now: float = float(NOW)

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def issuer() -> AsyncIterator[FakeIssuer]:
    async with FakeIssuer() as server:
        yield server


@pytest.fixture(params=["standard library", "cryptography"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each way to verify a signature in turn: both must give the same answers."""
    if request.param == STANDARD_LIBRARY.name:
        return STANDARD_LIBRARY
    found = find_cryptography()
    assert found is not None, "pip install 'edgepass[fast]'"
    return found
