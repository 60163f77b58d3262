"""Fixtures that every suite shares: a clock to advance, and an issuer that answers over HTTP."""

import gc
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass

import pytest
from hypothesis import settings

from edgepass._signatures import STANDARD_LIBRARY, Backend, find_cryptography
from tests.support.issuer import NOW, FakeIssuer

# A shared machine pauses when it likes: how long one example takes says nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


# Where the files are that take longest, for what they start or wait for, longest first: begun
# early, none of them is what the other workers wait for at the end.
LONGEST = (
    "tests/browser",
    "tests/interop",
    "tests/journeys",
    "tests/bench",
    "tests/faults",
    "tests/repo",
    "tests/fuzz",
    "tests/property",
    "tests/standards",
    "tests/contract",
)


def pytest_configure(config: pytest.Config) -> None:
    # Of its own accord, pytest-xdist gives out first what has most tests: those are the quick ones.
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        folder = "/".join(item.path.relative_to(config.rootpath).parts[:2])
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=turn)


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
