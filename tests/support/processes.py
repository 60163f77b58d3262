"""Real processes on loopback: a sidecar on SQLite, and an app behind the middleware."""

import contextlib
import io
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self
from unittest.mock import patch

from edgepass_sidecar import cli
from edgepass_sidecar.http_client import httpx

SECRET_KEY = "sk_test_" + "0123456789abcdef" * 4
PATIENCE = 20.0
# All is plain HTTP on loopback: a client that reads the machine's certificates first takes
# fifty milliseconds, more than what is then asked.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(
    url: str, process: subprocess.Popen[bytes], within: float = PATIENCE
) -> None:
    """Poll `url` until it answers 200; fail when the process ends or `within` seconds passed."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the process ended with {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"{url} did not answer within {within} seconds")


def demo_command(directory: Path, sidecar_port: int, app_port: int) -> list[str]:
    command = [sys.executable, "-m", "examples.demo", "--directory", str(directory / "demo")]
    return [*command, "--sidecar-port", str(sidecar_port), "--app-port", str(app_port)]


class Process:
    """A child process that is always ended, and waited for, at the end."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("EDGEPASS_")}
        self._command = command
        self._environment = kept | dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, url: str) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=log
            )
        wait_until_it_answers(url, self._process)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(how)
        return self._process.wait(PATIENCE)

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def wait_for_log(self, text: str) -> None:
        """Return when `text` has been logged; fail after 20 seconds."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.log:
            assert time.monotonic() < deadline, f"{text!r} was not logged: {self.log}"
            time.sleep(0.02)


class Sidecar:
    """`edgepass serve` on a database in `directory`, which outlives it."""

    def __init__(self, directory: Path, origin: str, **settings: str) -> None:
        self.directory = directory
        self.origin = origin
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "EDGEPASS_INSTANCE": "development",
            "EDGEPASS_LISTEN": f"127.0.0.1:{self.port}",
            "EDGEPASS_STORE": f"sqlite:///{directory}/edgepass.db",
            "EDGEPASS_SECRET_KEYS": SECRET_KEY,
            "EDGEPASS_ALLOWED_ORIGINS": origin,
            **settings,
        }
        command = [sys.executable, "-m", "edgepass_sidecar.cli"]
        self._browsers: list[Browser] = []
        self.process = Process([*command, "serve"], self.environment, directory / "sidecar.log")

    def start(self) -> "Sidecar":
        self.process.start(f"{self.url}/v1/health")
        return self

    def run(self, *arguments: str) -> str:
        """Run one `edgepass` command on the same store and return what it printed.

        It runs in this process, on a thread: to start another would take a second.
        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith("EDGEPASS_")}
        printed = io.StringIO()
        with (
            patch.dict(os.environ, kept | self.environment, clear=True),
            contextlib.redirect_stdout(printed),
            ThreadPoolExecutor(1) as alone,
        ):
            code = alone.submit(cli.main, arguments).result(PATIENCE)
        assert code == 0, printed.getvalue()
        return printed.getvalue()

    def backend(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {SECRET_KEY}"}
        return httpx.Client(
            base_url=self.url, headers=headers, timeout=PATIENCE, verify=NO_CERTIFICATES
        )

    def browser(self) -> "Browser":
        browser = Browser(self)
        self._browsers.append(browser)
        return browser

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        for browser in self._browsers:
            browser.http.close()
        self.process.end()


class Browser:
    """What a browser is to the sidecar: a cookie jar and an origin."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        self.http = httpx.Client(
            base_url=sidecar.url,
            headers={"origin": sidecar.origin},
            timeout=PATIENCE,
            verify=NO_CERTIFICATES,
        )

    def sign_in(self, user_id: str) -> str:
        """Sign in with a new ticket and return the session's id."""
        with self.sidecar.backend() as backend:
            backend.post("/v1/users", json={"id": user_id})
            ticket = backend.post("/v1/sign_in_tokens", json={"user_id": user_id}).json()
        body = {"strategy": "ticket", "ticket": ticket["token"]}
        answer = self.http.post("/v1/client/sign_ins", data=body)
        assert answer.status_code == 200, answer.text
        session_id: str = answer.json()["response"]["created_session_id"]
        return session_id

    def token(self, session_id: str) -> str:
        answer = self.http.post(f"/v1/client/sessions/{session_id}/tokens")
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["jwt"]
        return token
