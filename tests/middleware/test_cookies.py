"""One cookie's values out of a Cookie header, exactly and in linear time."""

from timeit import repeat

import pytest

from edgepass._cookies import find_cookies


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (b"", []),
        (b"__session=", [b""]),
        (b"__session=a", [b"a"]),
        (b"__session=a;", [b"a"]),
        (b"__session=a; b=c", [b"a"]),
        (b"b=c; __session=a", [b"a"]),
        (b"b=c;__session=a", [b"a"]),
        (b"b=c;\t __session=a", [b"a"]),
        (b"  __session=a \t", [b"a"]),
        (b"__session= a ; b=c", [b"a"]),
        (b"__session=a=b==; b", [b"a=b=="]),
        (b'__session="a;b"', [b'"a']),
        (b"__session=a; __session=b", [b"a", b"b"]),
        (b"__session=a; __session=a", [b"a", b"a"]),
        (b"__session=; __session=b", [b"", b"b"]),
        (b"__session=__session=a", [b"__session=a"]),
        (b";;; __session=a", [b"a"]),
    ],
)
def test_every_value_of_the_name_is_found_in_order(field: bytes, values: list[bytes]) -> None:
    assert find_cookies(field, b"__session") == values


@pytest.mark.parametrize(
    "field",
    [
        b"__session",
        b"__session; b=c",
        b"__Session=a",
        b"x__session=a",
        b"x=__session=a",
        b"x= __session=a",
        b"b=c __session=a",
        b"b=c, __session=a",
        b"__session_1=a",
        b"__session =a",
        b"__Host-__session=a",
        b"-__session=a",
        b"\x00__session=a",
        b"\n__session=a",
        b'x="; y=" __session=a',
    ],
)
def test_a_name_that_only_resembles_it_is_not_found(field: bytes) -> None:
    assert find_cookies(field, b"__session") == []


@pytest.mark.parametrize(
    "unit",
    [b"\\", b'"', b'\\"', b";", b"; ", b" ", b"\t", b"=", b"x__session=", b" __session=", b"a=b;"],
)
def test_the_longest_header_that_is_read_takes_no_time_to_speak_of(unit: bytes) -> None:
    field = (unit * (16 * 1024 // len(unit)))[: 16 * 1024]
    # The best of five: what is quadratic is slow each time, a busy machine is not.
    assert min(repeat(lambda: find_cookies(field, b"__session"), number=1)) < 0.02
