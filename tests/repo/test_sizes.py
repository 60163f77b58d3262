"""What is read in one sitting stays so: short functions, short modules."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION, LONGEST_MODULE = 40, 300
MODULES = sorted(
    path
    for folder in ("middleware", "sidecar", "bench", "examples")
    for path in (ROOT / folder).rglob("*.py")
)


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    docstring = ast.get_docstring(node, clean=False)
    shown = (node.end_lineno or node.lineno) - node.lineno + 1
    return shown - (docstring.count("\n") + 1 if docstring else 0)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text("utf-8")
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert len(text.splitlines()) <= LONGEST_MODULE
    assert [node.name for node in functions if lines_of(node) > LONGEST_FUNCTION] == []
