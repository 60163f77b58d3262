"""Depth and integers inside lists, where one level or one list could go uncounted.

Depth is told of the parsed value, and of a text with many brackets before it is parsed.
"""

import subprocess
import sys

import pytest

from edgepass import _json
from edgepass._json import MAXIMUM_DEPTH, parse_object

BEYOND = b"18446744073709551616"
BELOW = b"-9223372036854775809"
MANY_BRACKETS = b'"m":[' + b"[]," * 9_000 + b'"\\"[",{}],'
either_way = pytest.mark.parametrize("first", [b"", MANY_BRACKETS], ids=["parsed", "not parsed"])


def nested_lists(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@either_way
@pytest.mark.parametrize("siblings", [b'"b":[],', b'"b":{},', b'"b":[[],[],{}],'])
def test_brackets_beside_the_deepest_are_not_deeper(siblings: bytes, first: bytes) -> None:
    inside = nested_lists(MAXIMUM_DEPTH - 1)
    assert parse_object(b"{" + first + siblings + b'"a":' + inside + b"}")
    assert parse_object(b"{" + first + b'"a":' + inside + b"," + siblings[:-1] + b"}")


@either_way
@pytest.mark.parametrize("count", [1, 2, 20, 200])
def test_brackets_that_closed_before_earn_no_depth(count: int, first: bytes) -> None:
    closed = b"[" + b",".join([b"[]"] * count) + b"]"
    too_deep = b"{" + first + b'"b":' + closed + b',"a":' + nested_lists(MAXIMUM_DEPTH) + b"}"
    with pytest.raises(ValueError, match="deep"):
        parse_object(too_deep)


@either_way
@pytest.mark.parametrize("before", [1, 10, 20, 30])
def test_a_bracket_that_closes_takes_back_one_level_and_no_more(before: int, first: bytes) -> None:
    after = MAXIMUM_DEPTH - before
    start = b"{" + first + b'"a":' + b"[" * before + b"[],"
    with pytest.raises(ValueError, match="deep"):
        parse_object(start + nested_lists(after) + b"]" * before + b"}")
    assert parse_object(start + nested_lists(after - 1) + b"]" * before + b"}")


@pytest.mark.parametrize("number", [BEYOND, BELOW])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (b'{"a":[', b"]}"),
        (b'{"a":["x",1,', b"]}"),
        (b'{"a":[[', b"]]}"),
        (b'{"a":[[],[1,["x",', b"]]]}"),
        (b'{"a":[{"b":', b"}]}"),
        (b'{"a":[{"b":[[', b"]]}]}"),
    ],
)
def test_an_integer_beyond_64_bits_is_refused_inside_lists(start, number, end) -> None:
    assert parse_object(start + b"1" + end)
    with pytest.raises(ValueError, match="64 bits"):
        parse_object(start + number + end)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b"[[],", b'{"a":{},"b":', b'["[]",'])
def test_such_depth_as_could_overflow_a_stack_is_refused_without_parsing(
    monkeypatch: pytest.MonkeyPatch, opening: bytes
) -> None:
    def parse(text: str, start: int) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(_json, "_scan", parse)
    with pytest.raises(ValueError, match="deep"):
        parse_object(b'{"a":' + opening * 9_000)


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_depth_is_refused_where_python_recurs_without_a_limit(bracket: str) -> None:
    # In a process of its own, which a stack that overflows would take down.
    program = f"""
import sys
from edgepass._json import parse_object

sys.setrecursionlimit(1_000_000)
try:
    parse_object(b'{{"a":' + {bracket!r}.encode() * 250_000)
except ValueError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "JSON nested too deeply\n")
