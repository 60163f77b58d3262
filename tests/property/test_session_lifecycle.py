"""The life of sessions on several clients, as a state machine over each store."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.stores.memory import MemoryStore
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.property.lifecycle.browsers import Browsers
from tests.property.lifecycle.servers import Servers
from tests.property.lifecycle.sign_ins import SignIns
from tests.property.lifecycle.truths import Truths
from tests.support.standards import FULL

EXAMPLES, STEPS = (200, 50) if FULL else (12, 40)


class InMemory(SignIns, Browsers, Servers, Truths):
    def make_store(self) -> SessionStore:
        return MemoryStore()


class InSqlite(SignIns, Browsers, Servers, Truths):
    def make_store(self) -> SessionStore:
        self.folder = tempfile.mkdtemp()
        return SqliteStore(Path(self.folder) / "edgepass.db")

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


profile = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestInMemory = InMemory.TestCase
TestInMemory.settings = profile
TestInSqlite = InSqlite.TestCase
TestInSqlite.settings = profile
