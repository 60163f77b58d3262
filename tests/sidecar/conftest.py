"""A running sidecar, and a watch over every log line of every test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edgepass_sidecar.logs import JsonFormatter
from tests.conftest import Clock
from tests.support.sidecar import SECRETS, Browser, Server, Sidecar, make_settings, run_sidecar


@pytest.fixture(autouse=True)
def _no_log_line_holds_a_secret(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    formatter = JsonFormatter()
    for record in caplog.get_records("call"):
        line = formatter.format(record)
        assert not SECRETS.search(line), line


@pytest.fixture(params=["memory:", "sqlite"])
def store_setting(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory:" else f"sqlite:///{tmp_path / 'edgepass.db'}"


@pytest.fixture
async def sidecar(clock: Clock) -> AsyncIterator[Sidecar]:
    async with run_sidecar(clock) as running:
        yield running


@pytest.fixture
async def any_sidecar(clock: Clock, store_setting: str) -> AsyncIterator[Sidecar]:
    """Run a sidecar on each store in turn."""
    async with run_sidecar(clock, make_settings(STORE=store_setting)) as running:
        yield running


@pytest.fixture
def browser(sidecar: Sidecar) -> Browser:
    return sidecar.browser()


@pytest.fixture
def server(sidecar: Sidecar) -> Server:
    return sidecar.server
