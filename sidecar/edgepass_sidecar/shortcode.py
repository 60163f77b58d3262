"""Shortcodes: the places in a text that a value is put into, `{{ operand || operand }}`.

A shortcode's value is that of the first operand that is neither null nor false, else of
the last. An operand is a dotted path, `'text'` without escapes, a JSON number, or `true`
or `false`. Single braces are text; two belong to a shortcode, except inside `'…'`, so
`{{'}}'}}` is how to write two of them.
"""

import math
import re
from dataclasses import dataclass

_LEAST, _GREATEST = -(1 << 63), (1 << 64) - 1  # what edges take for an integer
_LONGEST_INTEGER = 20  # characters; more are out of range whatever they are
_BRACES = re.compile(r"\{\{|\}\}")
# Each alternative begins with characters of its own and none can match in two
# ways, so a string is read once however it is made.
_TOKEN = re.compile(
    r"(?P<end>\}\})|(?P<or>\|\|)|'(?P<text>[^']*)'"
    r"|(?P<number>-?[0-9][\w.+-]*)|(?P<path>[^\W\d][\w-]*(?:\.[\w-]+)*)"
)
_SPACES = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")


class WrongClaims(ValueError):
    """A document is not in the claims language; `problem` says why, and what to do."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Path:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Shortcode:
    operands: tuple[Path | Literal, ...]


@dataclass(frozen=True, slots=True)
class Text:
    parts: tuple[str | Shortcode, ...]


def has_braces(text: str) -> bool:
    return _BRACES.search(text) is not None


def parse_text(text: str, place: str) -> Literal | Shortcode | Text:
    """Return what `text` is made of, or raise `WrongClaims`; `place` is where it stands.

    A text that is one shortcode and nothing else, not even a space, is that shortcode.
    """
    parts: list[str | Shortcode] = []
    position = 0
    while (braces := _BRACES.search(text, position)) is not None:
        if braces[0] == "}}":
            problem = "}} closes nothing: write {{ before it, or {{'}}'}} for the braces"
            raise _wrong(place, braces.start(), problem)
        shortcode, end = _parse_shortcode(text, braces.end(), place)
        parts += (text[position : braces.start()], shortcode)
        position = end
    if not parts:
        return Literal(text)
    kept = tuple(part for part in (*parts, text[position:]) if part != "")
    return kept[0] if len(kept) == 1 and isinstance(kept[0], Shortcode) else Text(kept)


def _parse_shortcode(text: str, position: int, place: str) -> tuple[Shortcode, int]:
    operands = []
    while True:
        token, at = _next_token(text, position, place)
        operands.append(_parse_operand(token, at, place))
        token, at = _next_token(text, token.end(), place)
        if token.lastgroup == "end":
            return Shortcode(tuple(operands)), token.end()
        if token.lastgroup != "or":
            raise _wrong(place, at, f"{token[0][:20]!r} follows an operand: write || or }}}}")
        position = token.end()


def _wrong(place: str, position: int, problem: str) -> WrongClaims:
    return WrongClaims(f"{place}, character {position + 1}", problem)


def _next_token(text: str, position: int, place: str) -> tuple[re.Match[str], int]:
    spaces = _SPACES.match(text, position)
    at = spaces.end() if spaces else position
    token = _TOKEN.match(text, at)
    if token is not None:
        return token, at
    if at == len(text):
        raise _wrong(place, at, "the text ends in a shortcode: close it with }}")
    if text[at] == "'":
        raise _wrong(place, at, "a literal is not closed: end it with '")
    problem = f"{text[at]!r} has no meaning here: write a path, a literal, || or }}}}"
    raise _wrong(place, at, problem)


def _parse_operand(token: re.Match[str], at: int, place: str) -> Path | Literal:
    if token["text"] is not None:
        return Literal(token["text"])
    if token["number"] is not None:
        return Literal(_parse_number(token["number"], at, place))
    if token["path"] is None:
        raise _wrong(place, at, f"{token[0]} where an operand belongs: write a path or a literal")
    if token["path"] in ("true", "false"):
        return Literal(token["path"] == "true")
    return Path(tuple(token["path"].split(".")))


def _parse_number(text: str, at: int, place: str) -> int | float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise _wrong(place, at, f"{text[:20]!r} is not a number: write text in '…'")
    if match["fraction"]:
        number: int | float = float(text)
        usable = math.isfinite(number)
    else:
        # Not int() of any length: beyond 4300 digits it raises another error.
        number = int(text[: _LONGEST_INTEGER + 1])
        usable = len(text) <= _LONGEST_INTEGER and _LEAST <= number <= _GREATEST
    if not usable:
        raise _wrong(place, at, "the number is out of range: write it as text in '…'")
    return number
