"""Fuzz the code that reads what strangers send, each target for its share of the time.

`python -m tests.fuzz [--seconds N] [target …]` prints how many inputs ran and how much of the code
they reached, and fails on an input that breaks a target's invariant, which it prints as hex.
`python -m tests.fuzz --input HEX target` runs that one input again, and needs no atheris.
"""

import argparse
import importlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TARGETS = ("token", "key_set", "credential", "path")
REMEDY = "pip install atheris: it has wheels for CPython 3.11 to 3.13 on Linux"


def count(pattern: str, output: str) -> int:
    """Return the last number that `output` has after `pattern`, or 0."""
    found = re.findall(pattern + r"\s*(\d+)", output)
    return int(found[-1]) if found else 0


def fuzz(target: str, seconds: float) -> bool:
    """Fuzz `target` in a process of its own and say whether every input kept its invariant."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "tests.fuzz.engine", target, str(seconds), directory]
        # libFuzzer ends its process, and writes what it has to say to standard error.
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        output = (done.stdout + done.stderr).decode("utf-8", "replace")
        findings = sorted(Path(directory, "findings").glob("*"))
        executions = count(r"stat::number_of_executed_units:", output)
        # Without seeds read there is no such count, and a finding may come that early.
        executions = executions or count(r"#", output)
        print(
            f"{target:12} {executions:10} executions  {count(' cov:', output):6} edges covered  "
            f"{count('stat::average_exec_per_sec:', output):7} a second",
            flush=True,
        )
        for finding in findings:
            content = finding.read_bytes()
            print(f"{target}: {finding.name.partition('-')[0]} on input {content.hex()}")
            print(f"  python -m tests.fuzz --input {content.hex()} {target}")
        if done.returncode or findings:
            print(output[-6000:])
        return not done.returncode and not findings


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="target")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--input", type=bytes.fromhex, metavar="HEX", help="only this one")
    return parser.parse_args()


def main() -> int:
    """Fuzz the targets asked for; 1 on a finding, 2 where there is nothing to fuzz with."""
    asked = parse_arguments()
    if asked.input is not None:
        for target in asked.targets:
            importlib.import_module(f"tests.fuzz.{target}").check(asked.input)
        return 0
    if importlib.util.find_spec("atheris") is None:
        print(REMEDY, file=sys.stderr)
        return 2
    share = asked.seconds / len(asked.targets)
    kept = [fuzz(target, share) for target in asked.targets]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
