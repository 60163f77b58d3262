"""The claims language: JSON whose strings hold shortcodes, compiled once, rendered often.

A string that is one shortcode and nothing else takes the value with its type; within
other text the value is written as text, as JSON writes it unless it is a string. Paths
are looked up in plain dicts, and what is not there is null. What was put in is never
read again, so a value may hold braces too.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, TypeGuard

import orjson

from edgepass_sidecar.shortcode import (
    Literal,
    Path,
    Shortcode,
    Text,
    WrongClaims,
    has_braces,
    parse_text,
)

LARGEST_DOCUMENT = 8192  # bytes of JSON
DEEPEST = 16  # objects and arrays in each other, the whole among them; edges take 32
MOST_OPERANDS = 128
# More than any token may have (`template.LARGEST_TOKEN`); bounds the work until that is known.
LARGEST_CLAIMS = 4096  # bytes of JSON
_LONGEST_SHOWN = 40  # characters of a name, in an error


class ClaimsTooLarge(ValueError):
    """Claims were to become larger, or deeper, than claims may be."""


class ValueUnusable(ValueError):
    """A value that was looked up is none that JSON has."""


@dataclass(frozen=True, slots=True)
class Array:
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class CompiledClaims:
    """An object of a compiled document, the document itself among them."""

    members: tuple[tuple[str, "Node"], ...]


Node = Literal | Shortcode | Text | Array | CompiledClaims


def parse_document(text: str) -> dict[str, Any]:
    """Return the JSON object that `text` spells, or raise `WrongClaims`.

    For documents that come as text: unlike most parsers this one refuses NaN and
    a name that comes twice in an object.
    """
    if len(text) > LARGEST_DOCUMENT:
        raise WrongClaims(
            "claims", f"longer than {LARGEST_DOCUMENT} characters: leave something out"
        )
    try:
        document = json.loads(
            text, object_pairs_hook=_parse_members, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise WrongClaims("claims", f"nested deeper than {DEEPEST}: make it flatter") from None
    except WrongClaims:
        raise
    except ValueError as error:
        raise WrongClaims("claims", f"not JSON: {error}") from None
    if type(document) is not dict:
        raise WrongClaims("claims", 'not a JSON object: write {"name": value}')
    return document


def _parse_members(members: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(members)
    if len(document) != len(members):
        ((twice, _),) = Counter(name for name, _ in members).most_common(1)
        raise WrongClaims(
            "claims", f"{_shown(twice)!r} comes twice in one object: leave one of them out"
        )
    return document


def _refuse_constant(name: str) -> None:
    raise WrongClaims("claims", f"{name} is not JSON: write a number or null")


def parse_claims(document: object) -> CompiledClaims:
    """Compile a parsed JSON object, or raise `WrongClaims`.

    At most 8192 bytes of JSON, 16 levels and 128 operands in all shortcodes together.
    """
    if type(document) is not dict:
        raise WrongClaims("claims", 'not a JSON object: write {"name": value}')
    try:
        size = claims_size(document)
    except orjson.JSONEncodeError as error:
        raise WrongClaims("claims", f"cannot be written as JSON: {error}") from None
    if size > LARGEST_DOCUMENT:
        raise WrongClaims(
            "claims",
            f"{size} bytes of JSON, and {LARGEST_DOCUMENT} is the most: leave something out",
        )
    return _Compiler().compile_object(document, "claims", 1)


def claims_size(claims: dict[str, Any]) -> int:
    """Say how many bytes `claims` are as JSON, which is how a token has them before base64url."""
    return len(orjson.dumps(claims))


def render(compiled: CompiledClaims, values: dict[str, Any]) -> dict[str, Any]:
    """Return the claims, looked up in `values`; nothing in them is shared with `values`.

    Raises `ClaimsTooLarge` beyond 4096 bytes of JSON or 16 levels, and
    `ValueUnusable` for what is not JSON. Looks no further than that needs.
    """
    try:
        claims = _Renderer(values).render_object(compiled, 1)
        size = claims_size(claims)
    except orjson.JSONEncodeError as error:
        raise ValueUnusable(f"a value cannot be written as JSON: {error}") from None
    if size > LARGEST_CLAIMS:
        raise _too_large()
    return claims


def _too_large() -> ClaimsTooLarge:
    return ClaimsTooLarge(f"the claims have more than {LARGEST_CLAIMS} bytes of JSON")


class _Compiler:
    """Compiles one document, and counts operands over all of its strings."""

    def __init__(self) -> None:
        self._operands = 0

    def compile_object(self, document: dict[str, Any], place: str, depth: int) -> CompiledClaims:
        _validate_depth(place, depth)
        members = []
        for name, value in document.items():
            if has_braces(name):
                problem = f"the name {_shown(name)!r} holds braces: put shortcodes into values only"
                raise WrongClaims(place, problem)
            members.append((name, self._compile(value, f"{place}.{_shown(name)}", depth)))
        return CompiledClaims(tuple(members))

    def _compile(self, value: object, place: str, depth: int) -> Node:
        if type(value) is str:
            return self._count(parse_text(value, place), place)
        if type(value) is dict:
            return self.compile_object(value, place, depth + 1)
        if type(value) is list:
            _validate_depth(place, depth + 1)
            items = enumerate(value)
            return Array(tuple(self._compile(v, f"{place}[{i}]", depth + 1) for i, v in items))
        if _is_scalar(value):
            return Literal(value)
        raise WrongClaims(place, "no value that JSON has: write text, a number or null")

    def _count(self, node: Literal | Shortcode | Text, place: str) -> Node:
        for part in node.parts if isinstance(node, Text) else (node,):
            if isinstance(part, Shortcode):
                self._operands += len(part.operands)
        if self._operands > MOST_OPERANDS:
            raise WrongClaims(
                place, f"more than {MOST_OPERANDS} operands in all: use fewer shortcodes"
            )
        return node


def _is_scalar(value: object) -> TypeGuard[int | float | bool | None]:
    """Say whether `value` is a number that JSON has, `True`, `False` or `None`."""
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) in (bool, int)


def _shown(name: str) -> str:
    return name[:_LONGEST_SHOWN]


def _validate_depth(place: str, depth: int) -> None:
    if depth > DEEPEST:
        raise WrongClaims(place, f"nested deeper than {DEEPEST}: make it flatter")


class _Renderer:
    """Renders once. What it has spent is never more than the bytes of JSON that come of it."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._left = LARGEST_CLAIMS

    def render_object(self, compiled: CompiledClaims, depth: int) -> dict[str, Any]:
        return {name: self._render(node, depth) for name, node in compiled.members}

    def _render(self, node: Node, depth: int) -> Any:
        match node:
            case Literal(value):
                return value
            case Shortcode():
                return self._copy(self._choose(node), depth)
            case Text(parts):
                return "".join(self._write(part, depth) for part in parts)
            case Array(items):
                return [self._render(item, depth + 1) for item in items]
            case CompiledClaims():
                return self.render_object(node, depth + 1)

    def _choose(self, shortcode: Shortcode) -> Any:
        value = None
        for operand in shortcode.operands:
            value = operand.value if isinstance(operand, Literal) else self._look_up(operand)
            if value is not None and value is not False:
                break
        return value

    def _look_up(self, path: Path) -> Any:
        # Of exactly this type: the look-up in a dict runs no code of anybody else.
        value: Any = self._values
        for name in path.names:
            if type(value) is not dict:
                return None
            value = value.get(name)
        return value

    def _write(self, part: str | Shortcode, depth: int) -> str:
        if isinstance(part, str):
            return part
        value = self._copy(self._choose(part), depth)
        return value if isinstance(value, str) else orjson.dumps(value).decode()

    def _copy(self, value: Any, depth: int) -> Any:
        if type(value) is str:
            self._spend(len(value))
            return value
        if type(value) is dict:
            return self._copy_object(value, depth + 1)
        if type(value) is list:
            self._enter(depth + 1, 1 + len(value))
            return [self._copy(item, depth + 1) for item in value]
        self._spend(1)
        if _is_scalar(value):
            return value
        raise ValueUnusable(f"a value is of the type {type(value).__name__}, which JSON has not")

    def _copy_object(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        self._enter(depth, 1 + len(value))
        for name in value:
            if type(name) is not str:
                raise ValueUnusable("a name in an object is not text, which JSON has not")
            self._spend(len(name))
        return {name: self._copy(item, depth) for name, item in value.items()}

    def _enter(self, depth: int, cost: int) -> None:
        if depth > DEEPEST:
            raise ClaimsTooLarge(f"the claims are nested deeper than {DEEPEST}")
        self._spend(cost)

    def _spend(self, cost: int) -> None:
        self._left -= cost
        if self._left < 0:
            raise _too_large()
