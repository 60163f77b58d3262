"""A second of fuzzing for each target, and each target's seeds without a fuzzer."""

import importlib
import importlib.util
import re
import subprocess
import sys

import pytest

from tests.fuzz.__main__ import REMEDY, ROOT, TARGETS

needs_atheris = pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason=REMEDY)


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_keeps_the_invariant(target: str) -> None:
    module = importlib.import_module(f"tests.fuzz.{target}")
    inputs = list(module.seeds())
    assert inputs
    for data in (b"", *inputs, *module.WORDS):
        module.check(data)


@needs_atheris
@pytest.mark.parametrize("target", TARGETS)
def test_a_second_of_fuzzing_finds_nothing(target: str) -> None:
    done = fuzz("--seconds", "1", target)
    assert done.returncode == 0, done.stdout + done.stderr
    executions = re.search(r"(\d+) executions +(\d+) edges covered", done.stdout)
    assert executions is not None
    assert int(executions[1]) > 100
    assert int(executions[2]) > 20


@needs_atheris
def test_an_input_that_breaks_an_invariant_fails_the_run_and_is_written_as_hex() -> None:
    done = fuzz("--seconds", "30", "planted")
    assert done.returncode == 1
    found = re.search(r"--input ([0-9a-f]+) planted", done.stdout)
    assert found is not None, done.stdout
    assert bytes.fromhex(found[1]).startswith(b"sess")
    again = fuzz("--input", found[1], "planted")
    assert again.returncode != 0
    assert "planted" in again.stderr
