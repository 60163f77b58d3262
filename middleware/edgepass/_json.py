"""Strict JSON for untrusted bytes: I-JSON (RFC 7493) with bounded depth and 64-bit integers."""

import json
import json.scanner
import re
from collections.abc import Callable, Iterable
from typing import Any

MAXIMUM_DEPTH = 32
_SAFE_DEPTH = 512  # levels that the parser can go down on a stack of 128 KiB, which is musl's
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_ESCAPED = re.compile(r"\\.")
_WHITE_SPACE = " \t\n\r"
_LEAST, _GREATEST = -(1 << 63), (1 << 64) - 1


def parse_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object that `raw` spells in UTF-8, or raise `ValueError`.

    Refused beyond RFC 8259: a byte order mark, duplicate names, NaN and
    infinities (also by overflow), integers outside 64 bits, lone surrogates,
    and nesting deeper than 32. The caller bounds the length.
    """
    text = raw.decode().strip(_WHITE_SPACE)
    # No text is deeper than it is long; so most need not be looked through.
    if len(text) > _SAFE_DEPTH and text.count("[") + text.count("{") > _SAFE_DEPTH:
        _validate_depth(text)
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    except RecursionError:
        _validate_depth(text)
        raise  # it was the caller who had no room left
    if end != len(text) or type(value) is not dict:
        raise ValueError("not one JSON object")
    strings = len(value) + _count_strings(value.values(), MAXIMUM_DEPTH - 1)
    if "\\" in text:
        # An escaped lone surrogate parses, and then cannot be written as UTF-8.
        json.dumps(value, ensure_ascii=False).encode()
        text = _ESCAPED.sub("", text)
    # The parser forgets all but the last member of a name, at least a string of each.
    if text.count('"') != 2 * strings:
        raise ValueError("duplicate name in a JSON object")
    return value


def _validate_depth(text: str) -> None:
    # Without parsing, since the parser's own limit is Python's: on a small stack, or where an
    # app has raised it, the stack overflows first.
    depth = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            if depth > MAXIMUM_DEPTH:
                raise ValueError("JSON nested too deeply")
        elif character in "]}":
            depth -= 1


def _count_strings(values: Iterable[Any], levels: int) -> int:
    """Return how many strings are in `values`, names included.

    Raises `ValueError` where they nest deeper than `levels` or an integer is beyond 64 bits.
    """
    # One walk, in place of the parser's hooks for objects and for integers, which cost more.
    if levels < 0:
        raise ValueError("JSON nested too deeply")
    strings = 0
    for value in values:
        kind = type(value)
        if kind is str:
            strings += 1
        elif kind is int:
            if not _LEAST <= value <= _GREATEST:
                raise ValueError("JSON integer beyond 64 bits")
        elif kind is dict:
            strings += len(value) + _count_strings(value.values(), levels - 1)
        elif kind is list:
            strings += _count_strings(value, levels - 1)
    return strings


def _parse_fraction(digits: str) -> float:
    value = float(digits)
    if value - value != 0.0:
        raise ValueError("JSON number that is not finite")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# The scanner itself: `decode` would skip white space with a regular expression, twice.
_scan: Callable[[str, int], tuple[object, int]] = json.scanner.make_scanner(
    json.JSONDecoder(parse_float=_parse_fraction, parse_constant=_refuse_constant)  # type: ignore[arg-type]
)
