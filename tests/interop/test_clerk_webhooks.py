"""Webhooks of a real sidecar, verified by Clerk's own verifyWebhook, unmodified from npm."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import ORIGIN, SCRIPTS
from tests.sidecar.webhook_receiver import OLD_SECRET, SECRET
from tests.support.processes import PATIENCE, Sidecar

TIME_LIMIT = 60.0  # seconds


class Recorder(ThreadingHTTPServer):
    """A receiver in a thread of its own that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Record)
        self.sent: list[dict[str, Any]] = []

    def wait_for(self, number: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + PATIENCE
        while len(self.sent) < number:
            assert time.monotonic() < deadline, f"{len(self.sent)} webhooks came"
            time.sleep(0.02)
        return self.sent


class _Record(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        names = [
            name for name in self.headers if name.lower().startswith(("svix-", "content-type"))
        ]
        headers = {name: self.headers[name] for name in names}
        self.server.sent.append({"headers": headers, "body": body})
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_clerks_verifier_takes_our_webhooks_and_nothing_altered(
    node: str, recorder: Recorder, tmp_path: Path
) -> None:
    settings = {
        "EDGEPASS_WEBHOOK_URL": f"http://127.0.0.1:{recorder.server_port}/hook",
        "EDGEPASS_WEBHOOK_SECRET": f"{SECRET},{OLD_SECRET}",
    }
    with Sidecar(tmp_path, ORIGIN, **settings) as sidecar:
        browser = sidecar.browser()
        session_id = browser.sign_in("ada")
        assert browser.http.post(f"/v1/client/sessions/{session_id}/end").status_code == 200
        sent = recorder.wait_for(2)

    more = {"WEBHOOKS": json.dumps(sent), "WEBHOOK_SECRETS": f"{SECRET},{OLD_SECRET}"}
    done = subprocess.run(
        [node, "webhooks.mjs"],
        cwd=SCRIPTS,
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["client"], summary["version"]) == ("@clerk/backend", "3.25.0")
    assert summary["failed"] == {}
    assert summary["passed"] == summary["checks"] == 7
    assert SECRET.removeprefix("whsec_") not in sidecar.process.log
