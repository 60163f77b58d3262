"""Strict JSON: what RFC 8259 leaves open, this parser refuses (RFC 7493)."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepass._json import MAXIMUM_DEPTH, parse_object
from tests.support.standards import FULL

DEEP = 100_000


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' \t\r\n{"a" : 1} \t\r\n', {"a": 1}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\N{GRINNING FACE}"}),
        ('{"a":"é"}'.encode(), {"a": "é"}),
        (b'{"a":[1.5,-0,1e3,true,false,null,"x"]}', {"a": [1.5, 0, 1e3, True, False, None, "x"]}),
        (b'{"a":-9223372036854775808}', {"a": -(2**63)}),
        (b'{"a":18446744073709551615}', {"a": 2**64 - 1}),
        (b'{"a":1.7976931348623157e308}', {"a": 1.7976931348623157e308}),
        (b'{"a":{"b":1},"b":{"b":1}}', {"a": {"b": 1}, "b": {"b": 1}}),
        (b'{"a":"\\\\ud800"}', {"a": "\\ud800"}),
    ],
)
def test_a_strict_object_is_parsed(raw: bytes, value: dict[str, object]) -> None:
    assert parse_object(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"{}"',
        b"1",
        b"{",
        b'{"a":1',
        b"{}{}",
        b"{} x",
        b"{}\x00",
        b"{}\x0b",
        b'{"a":1,}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":1}//',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32"),
        b'{"a":"\xe9"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"b":{"a":1,"a":2}}',
        b'{"b":[{"a":1,"a":2}]}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e309}',
        b'{"a":-1e309}',
        b'{"a":18446744073709551616}',
        b'{"a":-9223372036854775809}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":-' + b"9" * 5000 + b"}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":0x1}',
        '{"a":١}'.encode(),
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"\\ud800":1}',
        b'{"a":{"b":["\\uDFFF"]}}',
        b'{"a":"\n"}',
        b'{"a":"\x00"}',
        b'{"a":"\\x"}',
        b'{"a":"\\u12"}',
        b'{"a":"',
        b'{"a":"\\',
    ],
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        parse_object(raw)


@pytest.mark.parametrize("depth", [MAXIMUM_DEPTH - 1, MAXIMUM_DEPTH])
def test_nesting_up_to_the_maximum_is_parsed(depth: int) -> None:
    assert parse_object(nested(depth)) == json.loads(nested(depth))


@pytest.mark.parametrize("depth", [MAXIMUM_DEPTH + 1, 1_000, DEEP])
def test_nesting_beyond_the_maximum_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="deep"):
        parse_object(nested(depth))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b'{"x":"]","a":'])
def test_nesting_that_never_closes_is_no_recursion_error(opening: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        parse_object(b'{"a":' + opening * DEEP)


@pytest.mark.parametrize("trick", [b"]" * DEEP, b'{"a":"\\"}', b'{}"', b"{}\\", b'{"a":"\x00'])
def test_no_prefix_hides_the_depth_that_follows(trick: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        parse_object(trick + b"[" * DEEP)


def test_many_brackets_side_by_side_are_not_depth() -> None:
    value = {"a": [[]] * 1_000, "b": [{}] * 1_000}
    assert parse_object(json.dumps(value).encode()) == value


def test_brackets_inside_strings_are_not_depth() -> None:
    value = {"[" * 100: "{" * 100, "b": '\\"[' * 100, "c": "\\"}
    assert parse_object(json.dumps(value).encode()) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_what_the_standard_library_writes_is_read_back(value: dict[str, object]) -> None:
    assert parse_object(json.dumps(value).encode()) == value


@given(st.binary(max_size=64) | st.text(alphabet='{}[]":,\\u0dD8e1-+. \n', max_size=40))
def test_no_input_raises_anything_but_value_error(raw: bytes | str) -> None:
    try:
        value = parse_object(raw if isinstance(raw, bytes) else raw.encode())
    except ValueError:
        return
    assert json.loads(raw) == value


def parse_with_hooks(raw: bytes) -> dict[str, object]:
    """Parse as `parse_object` promises to, by the standard parser's own hooks alone."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate name")
        return dict(pairs)

    def integer(digits: str) -> int:
        if not -(2**63) <= int(digits) < 2**64:
            raise ValueError("beyond 64 bits")
        return int(digits)

    def fraction(digits: str) -> float:
        if float(digits) in (float("inf"), float("-inf")):
            raise ValueError("not finite")
        return float(digits)

    def constant(name: str) -> None:
        raise ValueError(name)

    value = json.loads(
        raw.decode(),
        object_pairs_hook=members,
        parse_int=integer,
        parse_float=fraction,
        parse_constant=constant,
    )
    if not isinstance(value, dict):
        raise ValueError("no object")
    json.dumps(value, ensure_ascii=False).encode()
    return value


def alike(raw: bytes) -> bool:
    """Say whether `raw` is accepted; both parsers answer the same."""
    try:
        value = parse_with_hooks(raw)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
            parse_object(raw)
        return False
    # repr() tells 1 from True and from 1.0, and the order of names.
    assert repr(parse_object(raw)) == repr(value)
    return True


# Names in two spellings, and strings that look like the end of a name.
NAMES = r""" "a" "\u0061" "b" "" "\":" "\\" "\\u0061" "\" """
SCALARS = r""" 0 -0 -0.0 1.5 1e3 1e308 1e309 -1e309 NaN -Infinity 01 +1 true null
    9223372036854775808 18446744073709551615 18446744073709551616
    -9223372036854775808 -9223372036854775809
    "" "a" ":" "," "://" "[{" "é" "\u00e9" "\u0022:" "\u005c" "\"" "\":" "\"a\":1" "\\" "\\\""
    "\/" "\n" "\ud83d\ude00" "\ud800" "\" "\x" """
SPACES = st.sampled_from(["", "", "", " ", "\n", "\t", "\r", "\x0b"])


def written_list(items: list[str], space: str) -> str:
    return f"[{space}{(space + ',').join(items)}{space}]"


def written_object(members: list[tuple[str, str, str]]) -> str:
    return "{" + ",".join(name + space + ":" + value for name, space, value in members) + "}"


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(st.sampled_from(NAMES.split()), SPACES, inner), max_size=4).map(
        written_object
    )


WRITTEN = st.recursive(
    st.sampled_from(SCALARS.split()),
    lambda inner: st.builds(written_list, st.lists(inner, max_size=3), SPACES) | objects(inner),
    max_leaves=6,
)


@given(objects(WRITTEN))
@settings(max_examples=3_000 if FULL else 150)
def test_the_verdict_and_the_value_are_those_of_a_parser_made_of_hooks(text: str) -> None:
    alike(text.encode())


@given(st.text(alphabet='{}[]":,\\u0061ab1e- \n', max_size=24))
def test_the_verdict_on_noise_is_that_of_a_parser_made_of_hooks(noise: str) -> None:
    alike(noise.encode())
    alike(f'{{"a":{noise},"b":1}}'.encode())


@pytest.mark.parametrize("levels", [0, 1, 2, 14])
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]"), (b"[0,[", b"]]")])
@pytest.mark.parametrize(
    ("members", "strict"),
    [
        (b'{"a":1,"b":1}', True),
        (b'{"a":1,"a":1}', False),
        (b'{"a":"a","a":"a"}', False),
        (b'{"a":"x","b":"x","\\u0061":"x"}', False),
        (b'{"a" :1,"a"\n:2}', False),
        (b'{"a" :1,"b":"\\":"}', True),
        (b'{"a" :1,"a":"\\":"}', False),
        (b'{"a":"\\"","a":1}', False),
        (b'{"a":"\\\\","b":"\\\\\\""}', True),
        (b'{"a":"\\\\","a":"\\\\\\""}', False),
        (b'{"a":{},"a":{"b":"\\""}}', False),
        (b'{"":1,"":1}', False),
    ],
)
def test_a_repeated_name_is_refused_at_every_depth(
    levels: int, opening: bytes, closing: bytes, members: bytes, strict: bool
) -> None:
    raw = b'{"x":' + opening * levels + members + closing * levels + b"}"
    assert alike(raw) is strict
