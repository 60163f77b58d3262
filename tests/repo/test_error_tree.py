"""The tree drawn at the top of `_errors` is the class tree, and every code is its own."""

import re

import edgepass._errors
from edgepass import TokenRefused


def drawn(kind: type[TokenRefused], indent: str = "") -> list[str]:
    lines = []
    children = kind.__subclasses__()
    for child in children:
        last = child is children[-1]
        lines.append(indent + ("└── " if last else "├── ") + child.__name__)
        lines += drawn(child, indent + ("    " if last else "│   "))
    return lines


def kinds(root: type[TokenRefused] = TokenRefused) -> list[type[TokenRefused]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


def test_the_tree_is_drawn_as_it_is() -> None:
    _, _, tree = (edgepass._errors.__doc__ or "").partition("\n\n")
    assert tree.strip().splitlines() == ["TokenRefused", *drawn(TokenRefused)]


def test_every_error_is_declared_in_this_one_module() -> None:
    assert {kind.__module__ for kind in kinds()} == {"edgepass._errors"}


def test_every_code_is_its_own_and_named_like_its_class() -> None:
    codes = [kind.__dict__["code"] for kind in kinds()]
    assert len(codes) == len(set(codes))
    for kind in kinds():
        assert kind.code == re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def test_every_error_says_what_happened() -> None:
    assert all(kind.__doc__ for kind in kinds())
