"""Several cookies of one name among others, and bytes that only some call white space."""

import pytest

from edgepass._cookies import find_cookies


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (b"__session=a; b=c; d=e", [b"a"]),
        (b"x=y; __session=a; b=c; d=e; f", [b"a"]),
        (b"__session=a; b=c; __session=d; e=f; g", [b"a", b"d"]),
        (b"__session=a; __session=b; __session=c", [b"a", b"b", b"c"]),
        (b"__session=a;__session=b;x;__session=c;__session=d", [b"a", b"b", b"c", b"d"]),
    ],
)
def test_a_value_ends_at_the_first_semicolon_and_none_is_passed_over(field, values) -> None:
    assert find_cookies(field, b"__session") == values


@pytest.mark.parametrize("byte", [b"\n", b"\r", b"\x0b", b"\x0c", b"\x00", b"\xa0", b"\x1f"])
def test_only_spaces_and_tabs_around_a_value_are_left_out(byte: bytes) -> None:
    assert find_cookies(b"__session= \t" + byte + b"a" + byte + b"\t ;", b"__session") == [
        byte + b"a" + byte
    ]
