"""The middleware needs the standard library and nothing else."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgepass

PACKAGE = Path(edgepass.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MAY_IMPORT_CRYPTOGRAPHY = PACKAGE / "_signatures" / "_cryptography.py"
MAY_LOOK_FOR_IT = PACKAGE / "_signatures" / "__init__.py"

WITHOUT_WHEELS = """
import sys

class OnlyTheStandardLibrary:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top != "edgepass" and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, OnlyTheStandardLibrary())
sys.path.insert(0, sys.argv[1])
import edgepass
from edgepass._signatures import STANDARD_LIBRARY, preferred_backend
assert preferred_backend() is STANDARD_LIBRARY
keys = edgepass.KeySet.from_jwks(sys.argv[2].encode())
expected = edgepass.Expectations("https://auth.example.com")
print(edgepass.verify(sys.argv[3], keys, expected, float(sys.argv[4])).user_id)
"""


def imported(module: Path) -> Iterator[str]:
    """Return every top-level name that `module` imports, also inside functions."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "edgepass" if node.level else str(node.module).partition(".")[0]
        elif isinstance(node, ast.Name) and node.id in ("__import__", "import_module"):
            yield node.id


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_a_module_imports_the_standard_library_and_its_own_package(module: Path) -> None:
    allowed = {*sys.stdlib_module_names, "edgepass"}
    if module == MAY_IMPORT_CRYPTOGRAPHY:
        allowed.add("cryptography")
    assert not set(imported(module)) - allowed


def test_one_module_looks_for_the_one_that_needs_cryptography() -> None:
    users = {module for module in MODULES if "_cryptography" in module.read_text("utf-8")}
    assert users <= {MAY_LOOK_FOR_IT, MAY_IMPORT_CRYPTOGRAPHY}


def test_it_verifies_a_token_where_nothing_is_installed() -> None:
    from tests.support.issuer import NOW, jwks, mint, to_json

    arguments = [str(PACKAGE.parent), to_json(jwks()).decode(), mint().decode(), str(NOW)]
    done = subprocess.run(
        [sys.executable, "-I", "-c", WITHOUT_WHEELS, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("user_1", "")
