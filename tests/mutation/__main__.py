"""Mutation testing of the verifier: change the code in small ways, and see a test fail each time.

`python -m tests.mutation [module …]` prints the score of each module and every mutant that
lived, and fails below the goal. mutmut works in a copy, so the tree stays as it is.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.mutation.equivalent import EQUIVALENT

ROOT = Path(__file__).parents[2]
GOAL = 0.95
MODULES = (
    "_verify",
    "_claims",
    "_jws",
    "_jwk",
    "_key_set",
    "_json",
    "_base64url",
    "_cookies",
    "_credential",
    "_paths",
    "_token_cache",
    "_keyring",
    "_standing",
    "_signatures._rsa",
)
# A module's own tests, and after them what is near: quick, pure, and in this order.
NEARBY = (
    "tests/middleware/test_signatures.py",
    "tests/middleware/test_recall.py",
    "tests/middleware/test_branches.py",
    "tests/property/test_altered_tokens.py",
)
KILLED = ("killed", "timeout", "caught by type check", "segfault")


def lay_out(work: Path, modules: list[str]) -> None:
    """Copy the package and its tests to where mutmut looks for them."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "middleware" / "edgepass", work / "src" / "edgepass", ignore=ignore)
    shutil.copytree(ROOT / "tests", work / "tests", ignore=ignore)
    names = [name.rpartition(".")[2].strip("_") for name in MODULES]
    own = [
        f"tests/middleware/test_{kind}{name}.py" for name in names for kind in ("", "survivors_")
    ]
    settings = {
        "only_mutate": [f"src/edgepass/{name.replace('.', '/')}.py" for name in modules],
        "pytest_add_cli_args_test_selection": [
            path for path in (*own, *NEARBY) if (ROOT / path).exists()
        ],
    }
    (work / "pyproject.toml").write_text(
        (ROOT / "pyproject.toml").read_text("utf-8")
        + (Path(__file__).parent / "mutmut.toml").read_text("utf-8")
        + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()),
        "utf-8",
    )


def mutmut(work: Path, *arguments: str) -> str:
    """Run one of mutmut's commands in `work` and return what it printed."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=work, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit(
            f"mutmut {' '.join(arguments)} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done.stdout


def read_verdicts(work: Path) -> dict[str, str]:
    """Return the verdict on each mutant by its name."""
    lines = mutmut(work, "results", "--all", "true").splitlines()
    return dict(line.strip().split(": ", 1) for line in lines if ": " in line)


def read_change(work: Path, mutant: str) -> tuple[str, str]:
    """Return the lines that a mutant takes away and those it puts in their place."""
    lines = mutmut(work, "show", mutant).splitlines()
    changes = [line for line in lines if line[:1] in ("-", "+") and line[:3] not in ("---", "+++")]
    gone = " ".join(line[1:].strip() for line in changes if line[0] == "-")
    put = " ".join(line[1:].strip() for line in changes if line[0] == "+")
    return gone, put


def report(work: Path, verdicts: dict[str, str]) -> float:
    """Print the score of each module and what lived; return the score of them all."""
    killed = {name: verdict in KILLED for name, verdict in verdicts.items()}
    modules = sorted({name.rpartition(".")[0] for name in killed})
    for module in modules:
        own = [dead for name, dead in killed.items() if name.rpartition(".")[0] == module]
        print(f"{module:32} {sum(own):4} of {len(own):4}  {sum(own) / len(own):7.1%}")
    print("\nlived:")
    equal = 0
    alive = [name for name, dead in killed.items() if not dead]
    with ThreadPoolExecutor(os.cpu_count()) as readers:
        changes = readers.map(partial(read_change, work), alive)
    for name, change in zip(alive, changes, strict=True):
        reason = EQUIVALENT.get(change)
        equal += reason is not None
        print(f"  {name} ({verdicts[name]})\n    - {change[0]}\n    + {change[1]}")
        print(f"    equivalent: {reason}" if reason else "    no test tells it from the real code")
    score = sum(killed.values()) / len(killed)
    print(f"\n{sum(killed.values())} of {len(killed)} mutants killed: {score:.1%}", end="")
    print(f"; {equal} of the others do what the real code does")
    return score


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="module")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--keep", type=Path, help="a new directory to work in and leave behind")
    return parser.parse_args()


def main() -> int:
    """Test the mutants of the modules asked for, and say whether the goal is reached."""
    asked = parse_arguments()
    with tempfile.TemporaryDirectory() as temporary:
        work = asked.keep or Path(temporary)
        lay_out(work, list(asked.modules))
        mutmut(work, "run", "--max-children", str(asked.jobs))
        score = report(work, read_verdicts(work))
    if score < GOAL:
        print(f"below the goal of {GOAL:.0%}")
        return 1
    return 0


sys.exit(main())
