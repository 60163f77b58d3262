"""Clerk's JavaScript SDKs, unmodified from npm, against the sidecar: each runs its own checks.

The publishable key is one for production: with one for development @clerk/backend
takes no cookie unless Clerk's own hosts have marked the browser.
"""

import json
import os
import subprocess

import pytest

from edgepass_sidecar.publishable_key import find_publishable_key
from tests.interop.conftest import SCRIPTS
from tests.support.processes import SECRET_KEY, Sidecar

TIME_LIMIT = 120.0  # seconds
SCRIPTS_BY_CLIENT = {
    ("@clerk/backend", "3.25.0"): ("backend.mjs",),
    ("@clerk/express", "2.1.70"): ("express.mjs",),
    ("@clerk/clerk-js", "6.40.0"): ("clerk_js.mjs", "clerk-js-6"),
    ("@clerk/clerk-js", "5.128.0"): ("clerk_js.mjs", "clerk-js-5"),
}


@pytest.mark.parametrize(
    ("client", "script"), SCRIPTS_BY_CLIENT.items(), ids=lambda part: " ".join(part)
)
def test_a_client_runs_unmodified(
    node: str, sidecar: Sidecar, client: tuple[str, str], script: tuple[str, ...]
) -> None:
    key = find_publishable_key(sidecar.url, production=True)
    assert key is not None
    environment = {
        "SIDECAR_URL": sidecar.url,
        "SIDECAR_SECRET_KEY": SECRET_KEY,
        "SIDECAR_PUBLISHABLE_KEY": key,
        "SIDECAR_ORIGIN": sidecar.origin,
        "CLERK_TELEMETRY_DISABLED": "1",
    }
    done = subprocess.run(
        [node, *script],
        cwd=SCRIPTS,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    print("{client} {version}: {checks} checks, {passed} passed".format(**summary))
    assert (summary["client"], summary["version"]) == client
    assert summary["failed"] == {}
    assert summary["passed"] == summary["checks"] >= 5
