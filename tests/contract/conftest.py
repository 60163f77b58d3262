"""Every adapter of the store's port, opened and empty."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.stores.memory import MemoryStore
from edgepass_sidecar.stores.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SessionStore]:
    opened: SessionStore = (
        MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "edgepass.db")
    )
    await opened.open()
    yield opened
    await opened.close()
