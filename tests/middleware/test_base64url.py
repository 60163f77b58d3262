"""base64url has one spelling per value (RFC 4648 sections 3.5 and 5, RFC 7515 section 2)."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepass._base64url import parse_base64url

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.mark.parametrize(
    ("segment", "value"),
    [
        (b"", b""),
        (b"Zg", b"f"),
        (b"Zm8", b"fo"),
        (b"Zm9v", b"foo"),
        (b"Zm9vYg", b"foob"),
        (b"Zm9vYmE", b"fooba"),
        (b"Zm9vYmFy", b"foobar"),
        (b"-_-_", b"\xfb\xff\xbf"),
        (b"A-z_4ME", bytes([3, 236, 255, 224, 193])),
    ],
)
def test_the_vectors_of_the_rfcs_are_decoded(segment: bytes, value: bytes) -> None:
    assert parse_base64url(segment) == value


@pytest.mark.parametrize(
    "segment",
    [
        b"Z",
        b"Zm9vY",
        b"Zg==",
        b"Zm8=",
        b"=",
        b"====",
        b"Zm9v=",
        b"Zg=Zg",
        b"Zg==Zg==",
        b"+/+/",
        b"-/+_",
        b"Zm 9v",
        b" Zm9v",
        b"Zm9v\n",
        b"Zm9v\x00",
        b"Zm9v!",
        b"Zm.9v",
        b"\xffZm9v",
        b"Zh",
        b"Zm9",
        b"Zn8\t",
        b"!!!!",
    ],
)
def test_every_other_spelling_is_refused(segment: bytes) -> None:
    with pytest.raises(ValueError, match="base64url"):
        parse_base64url(segment)


@pytest.mark.parametrize(("first", "unused"), [(b"Z", 16), (b"Zm", 4)])
def test_only_one_last_character_in_so_many_spells_a_value(first: bytes, unused: int) -> None:
    accepted = 0
    for last in ALPHABET:
        try:
            parse_base64url(first + bytes([last]))
        except ValueError:
            continue
        accepted += 1
    assert accepted == 64 // unused


@given(st.binary(max_size=64))
def test_every_value_is_read_back(value: bytes) -> None:
    assert parse_base64url(base64.urlsafe_b64encode(value).rstrip(b"=")) == value


@given(st.binary(max_size=16) | st.text(alphabet="AZaz09-_=+/ ", max_size=12))
def test_what_is_accepted_is_the_spelling_that_an_encoder_writes(segment: bytes | str) -> None:
    raw = segment if isinstance(segment, bytes) else segment.encode()
    try:
        value = parse_base64url(raw)
    except ValueError:
        return
    assert base64.urlsafe_b64encode(value).rstrip(b"=") == raw
