"""Strict JSON: what RFC 8259 leaves open, this parser refuses (RFC 7493)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepass._json import MAXIMUM_DEPTH, parse_object

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
