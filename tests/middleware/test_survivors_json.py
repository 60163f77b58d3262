"""Depth and integers inside lists, where one level or one list could go uncounted.

Depth is told of the parsed value, and of a text with many brackets before it is parsed.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import edgepass
from edgepass._json import MAXIMUM_DEPTH, _validate_depth, parse_object

BEYOND = b"18446744073709551616"
BELOW = b"-9223372036854775809"
MANY_BRACKETS = b'"m":[' + b"[]," * 9_000 + b'"\\"[",{}],'
either_way = pytest.mark.parametrize("first", [b"", MANY_BRACKETS], ids=["few brackets", "many"])


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


@pytest.mark.parametrize("opening", ["[[],", '{"a":{},"b":', '["[]",'])
def test_depth_is_the_same_without_parsing(opening: str) -> None:
    _validate_depth('{"a":' + opening * (MAXIMUM_DEPTH - 2))
    with pytest.raises(ValueError, match="deep"):
        _validate_depth('{"a":' + opening * MAXIMUM_DEPTH)


PARSE_ON_A_SMALL_STACK = """
import sys
import threading

from edgepass._json import parse_object

def parse():
    opening, count = sys.argv[1].encode(), int(sys.argv[2])
    try:
        parse_object(b'{"a":' + opening * count)
    except ValueError as error:
        print(error)

sys.setrecursionlimit(1_000_000)
threading.stack_size(128 * 1024)
thread = threading.Thread(target=parse)
thread.start()
thread.join()
"""


@pytest.mark.parametrize("count", [511, 512, 1_500, 6_000])
@pytest.mark.parametrize("opening", ["[", '{"a":', "[[],", '{"a":{},"b":', '["[]",'])
def test_no_depth_overflows_a_small_stack(opening: str, count: int) -> None:
    # In a process of its own, which an overflow would take down.
    package = Path(edgepass.__file__).parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", PARSE_ON_A_SMALL_STACK, opening, str(count)],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    # Where the parser is let at it, it may find first that nothing is ever closed.
    told = {"JSON nested too deeply\n"} | ({"not JSON\n"} if count <= 512 else set())
    assert ran.returncode == 0
    assert ran.stdout in told


def call_at_depth(frames: int, function: Callable[[], object]) -> object:
    return function() if frames == 0 else call_at_depth(frames - 1, function)


def test_a_caller_without_room_is_told_so_and_not_that_the_text_is_bad() -> None:
    text = b'{"a":' + nested_lists(MAXIMUM_DEPTH - 1) + b"}"
    for frames in range(sys.getrecursionlimit()):
        # A ValueError would be let through.
        with suppress(RecursionError):
            assert call_at_depth(frames, lambda: parse_object(text))
