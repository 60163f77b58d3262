"""The one spelling of a JSON value that everybody arrives at: RFC 8785 (JCS)."""

from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

# What a value is nested in JSON can hold; no event comes near it.
DEEPEST = 255
# Where the shortest digits of a double are spelt alike by Python and by ECMAScript.
_PLAIN_FROM, _PLAIN_BELOW = 1e-4, 1e16


def canonical(value: Any) -> bytes:
    """Spell `value` as RFC 8785 does: no white space, members by name, UTF-8.

    One thing is beyond it: a whole number has all its digits, also where RFC 8785,
    which knows only doubles, has none for it. Raises `ValueError` for what is no
    JSON: a lone surrogate, NaN, a depth over 255.
    """
    return _spell(value, DEEPEST).encode("utf-8")


def _spell(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _spell_number(value)
    if not depth:
        raise ValueError(f"deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        return _spell_members(value, depth - 1)
    if isinstance(value, list | tuple):
        return "[" + ",".join([_spell(item, depth - 1) for item in value]) + "]"
    raise ValueError(f"{type(value).__name__} is no JSON")


def _spell_members(members: dict[Any, Any], depth: int) -> str:
    if not all(isinstance(name, str) for name in members):
        raise ValueError("a name that is no text is no JSON")
    # Section 3.2.3: by UTF-16 code units, which of ASCII is the order of code points.
    names = sorted(members) if all(map(str.isascii, members)) else sorted(members, key=_order)
    return (
        "{"
        + ",".join([f"{encode_basestring(name)}:{_spell(members[name], depth)}" for name in names])
        + "}"
    )


def _order(name: str) -> bytes:
    return name.encode("utf-16-be")


def _spell_number(number: float) -> str:
    """Spell a double as ECMAScript does (ECMA-262, Number::toString)."""
    if _PLAIN_FROM <= number < _PLAIN_BELOW:
        return repr(float(number)).removesuffix(".0")
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"{number} is no JSON")
    if number == 0:
        return "0"  # -0 too
    sign = "-" if number < 0 else ""
    # Both languages take the shortest digits that read back as the same number.
    _, digits, exponent = Decimal(repr(abs(number))).normalize().as_tuple()
    assert isinstance(exponent, int), "it is finite"
    text = "".join(map(str, digits))
    point = len(text) + exponent
    if len(text) <= point <= 21:
        return sign + text.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{text[:point]}.{text[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{text}"
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{sign}{text[0]}{fraction}e{point - 1:+d}"
