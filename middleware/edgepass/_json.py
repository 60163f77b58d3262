"""Strict JSON for untrusted bytes: I-JSON (RFC 7493) with bounded depth and 64-bit integers."""

import json
import re

MAXIMUM_DEPTH = 32
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_INT64_DIGITS = 20


def parse_object(raw: bytes) -> dict[str, object]:
    """Return the JSON object that `raw` spells in UTF-8, or raise `ValueError`.

    Refused beyond RFC 8259: a byte order mark, duplicate names, NaN and
    infinities (also by overflow), integers outside 64 bits, lone surrogates,
    and nesting deeper than 32. The caller bounds the length.
    """
    text = raw.decode("utf-8")
    if text.count("[") + text.count("{") > MAXIMUM_DEPTH:
        _validate_depth(text)
    value = _DECODER.decode(text)
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    if "\\u" in text:
        # An escaped lone surrogate parses, and then cannot be written as UTF-8.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _validate_depth(text: str) -> None:
    # Before parsing, because the parser would answer depth with a RecursionError
    # whose limit depends on how deep the caller already is.
    depth = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            if depth > MAXIMUM_DEPTH:
                raise ValueError("JSON nested too deeply")
        elif character in "]}":
            depth -= 1


def _parse_members(members: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(members)
    if len(result) != len(members):
        raise ValueError("duplicate name in a JSON object")
    return result


def _parse_integer(digits: str) -> int:
    if len(digits) > _INT64_DIGITS:
        raise ValueError("JSON integer beyond 64 bits")
    value = int(digits)
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError("JSON integer beyond 64 bits")
    return value


def _parse_fraction(digits: str) -> float:
    value = float(digits)
    if value - value != 0.0:
        raise ValueError("JSON number that is not finite")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_parse_members,
    parse_int=_parse_integer,
    parse_float=_parse_fraction,
    parse_constant=_refuse_constant,
)
