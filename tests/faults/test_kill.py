"""kill -9 in the middle of sign-ins: what was acknowledged is there afterwards."""

import signal
import threading
from pathlib import Path

import pytest

from edgepass_sidecar.http_client import httpx
from tests.support.processes import Browser, Sidecar

ORIGIN = "http://app.example.com"


def sign_in_until_the_sidecar_is_gone(
    browser: Browser, name: str, acknowledged: list[tuple[str, str]]
) -> None:
    for number in range(10_000):
        user_id = f"{name}-{number}"
        try:
            acknowledged.append((user_id, browser.sign_in(user_id)))
        except httpx.TransportError:
            return


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.8])
def test_every_acknowledged_session_is_there_after_a_restart(
    tmp_path: Path, seconds: float
) -> None:
    with Sidecar(tmp_path, ORIGIN) as sidecar:
        acknowledged: list[tuple[str, str]] = []
        browsers = [sidecar.browser() for _ in range(4)]
        threads = [
            threading.Thread(
                target=sign_in_until_the_sidecar_is_gone, args=(browser, f"u{i}", acknowledged)
            )
            for i, browser in enumerate(browsers)
        ]
        for thread in threads:
            thread.start()
        threads[0].join(seconds)
        sidecar.process.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
        sidecar.start()

        assert acknowledged, "nothing was signed in before the kill: the test shows nothing"
        with sidecar.backend() as backend:
            for user_id, session_id in acknowledged:
                session = backend.get(f"/v1/sessions/{session_id}").json()
                # A browser's next sign-in rotates on; only the user's session stays.
                assert session["user_id"] == user_id
                assert session["status"] == "active"
