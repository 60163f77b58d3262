"""A running sidecar, shared by the tests of a module, and Node with the packages of its scripts."""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.late_sidecar import LateSidecar
from tests.support.processes import Browser, Sidecar

ORIGIN = "http://app.example.com"
SCRIPTS = Path(__file__).parent / "node"
# Their own scripts are not run, and no lock file is kept: package.json pins what is tested.
INSTALL = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with Sidecar(tmp_path_factory.mktemp("sidecar"), ORIGIN) as running:
        yield running


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with LateSidecar(tmp_path_factory.mktemp("late"), ORIGIN) as running:
        yield running


@pytest.fixture
def browser(sidecar: Sidecar) -> Browser:
    return sidecar.browser()


@pytest.fixture
def token(browser: Browser) -> str:
    return browser.token(browser.sign_in("ada"))


@pytest.fixture(scope="session")
def node() -> str:
    """Return the command that runs the scripts, whose packages are installed once."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not installed: get version 20 or later from https://nodejs.org")
    with open(SCRIPTS / ".installing", "w") as lock:
        # Another process of the same run may want the same packages.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _are_installed():
            done = subprocess.run([npm, *INSTALL], cwd=SCRIPTS, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    return node


def _are_installed() -> bool:
    pinned = json.loads((SCRIPTS / "package.json").read_text("utf-8"))["dependencies"]
    return all(_installed(name) == pin.rpartition("@")[2] for name, pin in pinned.items())


def _installed(name: str) -> str | None:
    file = SCRIPTS / "node_modules" / name / "package.json"
    return json.loads(file.read_text("utf-8"))["version"] if file.exists() else None
