"""Clerk's JavaScript SDKs, unmodified from npm, against the sidecar: each runs its own checks.

The publishable key is one for production: with one for development @clerk/backend takes
no cookie before a handshake has marked the browser. The handshake is tried with both.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


PUBLIC_URL = "https://auth.example.com"
APP_ORIGIN = "https://app.example.com"
OTHER_ORIGIN = "https://app.elsewhere.test"


@pytest.fixture(scope="module")
def production_sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """Run a sidecar as behind a proxy that ends TLS, with one app on its domain and one not."""
    directory: Path = tmp_path_factory.mktemp("production")
    settings = {
        "EDGEPASS_INSTANCE": "production",
        "EDGEPASS_PUBLIC_URL": PUBLIC_URL,
        "EDGEPASS_COOKIE_DOMAIN": "example.com",
        "EDGEPASS_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
        "EDGEPASS_ALLOWED_ORIGINS": f"{APP_ORIGIN},{OTHER_ORIGIN}",
    }
    with Sidecar(directory, APP_ORIGIN, **settings) as running:
        yield running


@pytest.mark.parametrize(
    ("client", "script"), SCRIPTS_BY_CLIENT.items(), ids=lambda part: " ".join(part)
)
def test_a_client_runs_unmodified(
    node: str, sidecar: Sidecar, client: tuple[str, str], script: tuple[str, ...]
) -> None:
    summary = run(node, script, sidecar, key_for(sidecar.url))
    assert (summary["client"], summary["version"]) == client
    assert summary["passed"] == summary["checks"] >= 5


def test_a_handshake_signs_in_with_a_key_for_production(
    node: str, production_sidecar: Sidecar
) -> None:
    more = {"SIDECAR_PUBLIC_URL": PUBLIC_URL, "SIDECAR_OTHER_ORIGIN": OTHER_ORIGIN}
    script = ("handshake.mjs", "production")
    summary = run(node, script, production_sidecar, key_for(PUBLIC_URL), **more)
    assert summary["passed"] == summary["checks"] >= 20


def test_a_handshake_signs_in_with_a_key_for_development(node: str, sidecar: Sidecar) -> None:
    # SDKs lead to https whatever the key is for; their browser here knows better.
    more = {"SIDECAR_PUBLIC_URL": sidecar.url.replace("http://", "https://")}
    key = key_for(sidecar.url, production=False)
    summary = run(node, ("handshake.mjs", "development"), sidecar, key, **more)
    assert summary["passed"] == summary["checks"] >= 12


def key_for(url: str, *, production: bool = True) -> str:
    key = find_publishable_key(url, production=production)
    assert key is not None
    return key


def run(
    node: str, script: tuple[str, ...], sidecar: Sidecar, key: str, **more: str
) -> dict[str, Any]:
    """Run a script and return the summary that is its last line."""
    environment = {
        "SIDECAR_URL": sidecar.url,
        "SIDECAR_SECRET_KEY": SECRET_KEY,
        "SIDECAR_PUBLISHABLE_KEY": key,
        "SIDECAR_ORIGIN": sidecar.origin,
        "CLERK_TELEMETRY_DISABLED": "1",
        **more,
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
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print("{client} {version}: {checks} checks, {passed} passed".format(**summary))
    assert summary["failed"] == {}
    return summary
