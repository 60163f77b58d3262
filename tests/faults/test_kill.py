"""kill -9 in the middle of sign-ins: what was acknowledged is there afterwards."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgepass_sidecar.http_client import httpx
from tests.support.processes import PATIENCE, Browser, Sidecar

ORIGIN = "http://app.example.com"


class SignIns:
    """What was acknowledged to browsers that sign in over and over, each on a thread."""

    def __init__(self) -> None:
        self.acknowledged: list[tuple[str, str]] = []
        self._grew = threading.Condition()

    def go_on(self, browser: Browser, name: str) -> None:
        """Sign in as one user after another until the sidecar is gone."""
        for number in range(10_000):
            user_id = f"{name}-{number}"
            try:
                session_id = browser.sign_in(user_id)
            except httpx.TransportError:
                return
            with self._grew:
                self.acknowledged.append((user_id, session_id))
                self._grew.notify_all()

    def wait_for(self, number: int) -> None:
        """Return when `number` sign-ins were acknowledged; fail after 20 seconds."""
        with self._grew:
            are_there = self._grew.wait_for(lambda: len(self.acknowledged) >= number, PATIENCE)
        assert are_there, (
            f"{len(self.acknowledged)} of {number} sign-ins were acknowledged in {PATIENCE} seconds"
        )


@contextmanager
def signing_in(sidecar: Sidecar, browsers: int) -> Iterator[SignIns]:
    """Sign in from several browsers at once; the block kills the sidecar, which ends them."""
    sign_ins = SignIns()
    threads = [
        threading.Thread(target=sign_ins.go_on, args=(sidecar.browser(), f"u{i}"))
        for i in range(browsers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield sign_ins
    finally:
        sidecar.process.end(signal.SIGKILL)
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("number", [1, 5, 20])
def test_every_acknowledged_session_is_there_after_a_kill_amid_sign_ins(
    tmp_path: Path, number: int
) -> None:
    with Sidecar(tmp_path, ORIGIN) as sidecar:
        with signing_in(sidecar, browsers=4) as sign_ins:
            sign_ins.wait_for(number)
        sidecar.start()

        assert len(sign_ins.acknowledged) >= number
        with sidecar.backend() as backend:
            for user_id, session_id in sign_ins.acknowledged:
                session = backend.get(f"/v1/sessions/{session_id}").json()
                # A browser's next sign-in rotates on; only the user's session stays.
                assert session["user_id"] == user_id
                assert session["status"] == "active"
