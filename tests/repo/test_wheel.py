"""The wheel alone, in an environment with nothing else, verifies a token."""

import json
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support import issuer

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib.util, json, sys, time
assert importlib.util.find_spec("cryptography") is None
from edgepass import Expectations, KeySet, verify
keys, token, issuer = json.loads(sys.stdin.read())
print(verify(token, KeySet.from_jwks(keys), Expectations(issuer), time.time()).user_id)
"""
HEAVY = {
    "asyncio",
    "cryptography",
    "dataclasses",
    "email",
    "http.client",
    "inspect",
    "ssl",
    "unittest",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def lonely_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("empty")
    venv.create(directory, with_pip=False)
    (site_packages,) = directory.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site_packages)
    return directory / "bin" / "python"


def run(python: Path, program: str, given: str = "") -> str:
    return subprocess.run(
        [python, "-I", "-c", program], input=given, check=True, capture_output=True, text=True
    ).stdout


def test_it_verifies_an_rs256_token(lonely_python: Path) -> None:
    key = issuer.make_key("RS256")
    token = issuer.mint(key, now=time.time(), sub="ada").decode()
    given = json.dumps([issuer.jwks(key), token, issuer.ISSUER])

    assert run(lonely_python, PROGRAM, given) == "ada\n"


def test_the_wheel_has_both_packages_and_their_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "edgepass/__init__.py",
        "edgepass/py.typed",
        "edgepass_sidecar/cli.py",
        "edgepass_sidecar/py.typed",
        "edgepass_sidecar/stores/migrations/0001_sessions.sql",
        "edgepass_sidecar/web/edgepass.js",
    } <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"edgepass", "edgepass_sidecar"}


def test_importing_the_middleware_loads_nothing_heavy(lonely_python: Path) -> None:
    program = "import sys, edgepass; print(*sorted(sys.modules))"
    loaded = run(lonely_python, program).split()

    assert sorted(HEAVY & set(loaded)) == []
