"""A token taken apart: three segments, one spelling, a strict header."""

import pytest

from edgepass._errors import (
    CriticalHeaderUnsupported,
    KeyIdMissing,
    TokenMalformed,
    TokenTypeMismatch,
)
from edgepass._jws import Header, find_shape, parse_header, parse_jws, split_header
from tests.support.issuer import ABSENT, base64url, make_key

KEY = make_key()


def test_a_token_is_split_and_decoded() -> None:
    header, signing_input, payload, signature = parse_jws(b"aGVhZA.cGF5bG9hZA.c2ln")
    assert header == b"aGVhZA"
    assert signing_input == b"aGVhZA.cGF5bG9hZA"
    assert payload == b"payload"
    assert signature == b"sig"


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b".",
        b"..",
        b"...",
        b"a",
        b"YQ.YQ",
        b".YQ.YQ",
        b"YQ.YQ.",
        b"YQ.YQ.YQ.",
        b".YQ.YQ.YQ",
        b"YQ.YQ.YQ.YQ",
        b"YQ.YQ.YQ.YQ.YQ",
        b"YQ.YQ==.YQ",
        b"YQ.YQ.YQ==",
        b"YQ.YR.YQ",
        b"YQ.YQ.YR",
        b"YQ.Y Q.YQ",
        b"YQ. YQ.YQ",
        b"YQ.YQ.YQ ",
        b"YQ.YQ.YQ\n",
        b"YQ.YQ.+/+/",
        b"YQ.\xff.YQ",
        b'{"protected":"YQ","payload":"YQ","signature":"YQ"}',
        b"." * 1_000_000,
    ],
)
def test_a_token_of_another_shape_is_malformed(token: bytes) -> None:
    with pytest.raises(TokenMalformed):
        parse_jws(token)


def test_a_header_says_which_key_and_which_algorithm() -> None:
    assert parse_header(base64url(KEY.header())) == Header("key-1", "RS256")


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": ABSENT},
        {"typ": "jwt"},
        {"b64": True},
        {"jku": "https://elsewhere.example", "x5u": "file:///etc/passwd"},
        {"jwk": {"kty": "oct", "k": "AAAA"}, "x5c": ["MII"]},
        {"cat": "cl_B7d4PD222AAA"},
    ],
)
def test_other_members_have_no_effect(changes: dict[str, object]) -> None:
    assert parse_header(base64url(KEY.header(**changes))) == Header("key-1", "RS256")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'"RS256"',
        b"{",
        b'\xef\xbb\xbf{"alg":"RS256","kid":"key-1"}',
        '{"alg":"RS256","kid":"key-1"}'.encode("utf-16"),
        b'{"alg":"RS256","kid":"key-1","kid":"key-1"}',
        b'{"alg":"RS256","alg":"none","kid":"key-1"}',
        b'{"alg":"RS256","kid":"\\ud800"}',
        b'{"alg":"RS256","kid":"key-1","x":NaN}',
        b'{"alg":"RS256","kid":"key-1"} x',
        b'{"kid":"key-1"}',
        b'{"alg":null,"kid":"key-1"}',
        b'{"alg":["RS256"],"kid":"key-1"}',
        b'{"alg":"RS256","kid":"key-1","b64":false}',
        b'{"alg":"RS256","kid":"key-1","b64":1}',
        b'{"alg":"RS256","kid":"key-1","b64":null}',
        b'{"x":' + b"[" * 2_000,
    ],
)
def test_a_header_that_is_no_strict_object_is_malformed(raw: bytes) -> None:
    with pytest.raises(TokenMalformed):
        parse_header(base64url(raw))


@pytest.mark.parametrize("segment", [b"e30=", b"e3 0", b"e31", b"!", b"\xff"])
def test_a_header_in_another_spelling_is_malformed(segment: bytes) -> None:
    with pytest.raises(TokenMalformed):
        parse_header(segment)


@pytest.mark.parametrize(
    "crit", [[], ["exp"], ["b64"], ["alg"], ["x", "x"], "b64", None, {}, 0, False]
)
def test_any_crit_is_unsupported(crit: object) -> None:
    with pytest.raises(CriticalHeaderUnsupported):
        parse_header(base64url(KEY.header(crit=crit)))


@pytest.mark.parametrize(
    "typ", ["", "at+jwt", "application/at+jwt", "logout+jwt", "JOSE", "JWE", " JWT", None, 1, []]
)
def test_another_type_is_a_mismatch(typ: object) -> None:
    with pytest.raises(TokenTypeMismatch):
        parse_header(base64url(KEY.header(typ=typ)))


@pytest.mark.parametrize("kid", [ABSENT, "", None, 1, True, ["key-1"], {"key-1": 1}])
def test_a_kid_that_is_no_text_is_missing(kid: object) -> None:
    with pytest.raises(KeyIdMissing):
        parse_header(base64url(KEY.header(kid=kid)))


@pytest.mark.parametrize(("oiat", "read"), [(1.5, 1.5), (7, 7), (True, None), ("7", None)])
def test_a_header_may_say_when_the_claims_were_gathered(oiat: object, read: object) -> None:
    assert parse_header(base64url(KEY.header(oiat=oiat))).originally_issued_at == read


@pytest.mark.parametrize(
    ("raw", "pieces"),
    [
        (b'{"oiat":1800000000}', (b"{", 1_800_000_000, b"}")),
        (b'{"oiat":1000000000,"a":1}', (b"{", 1_000_000_000, b',"a":1}')),
        (b'{"oiat":9999999999,"a":1}', (b"{", 9_999_999_999, b',"a":1}')),
        (b'{"x":{"oiat":1800000001},"oiat":1}', None),
        (b'{"x":{"oiat":1},"oiat":1800000000}', (b'{"x":{"oiat":1},', 1_800_000_000, b"}")),
        (b'{"a":"b"}', None),
        (b'{"oiat":180000000}', None),
        (b'{"oiat":0180000000}', None),
        (b'{"oiat":-180000000}', None),
        (b'{"oiat": 1800000000}', None),
        (b'{"oiat":"1800000000"}', None),
        (b'{"oiat":', None),
        (b"", None),
    ],
)
def test_ten_digits_behind_oiat_part_a_header(raw: bytes, pieces) -> None:
    assert split_header(base64url(raw)) == pieces


@pytest.mark.parametrize("segment", [b"e30=", b"e31", b"!", b"\xff"])
def test_a_header_in_another_spelling_has_no_parts(segment: bytes) -> None:
    assert split_header(segment) is None


def shape_of(raw: bytes) -> object:
    return find_shape(base64url(raw))


@pytest.mark.parametrize("number", [1_000_000_000, 1_800_000_000, 1_800_000_001, 9_999_999_999])
def test_headers_that_differ_in_their_time_share_a_shape(number: int) -> None:
    first, last = b'{"alg":"RS256",', b',"kid":"key-1"}'
    assert shape_of(first + b'"oiat":%d' % number + last) == (first, last)
    assert shape_of(b'{"alg":"RS256","kid":"key-1","oiat":%d}' % number) == (
        b'{"alg":"RS256","kid":"key-1",',
        b"}",
    )


@pytest.mark.parametrize("oiat", [ABSENT, 1, 1.5, "1800000000", None, 180_000_000])
def test_a_header_without_a_time_of_ten_digits_has_its_own_shape(oiat: object) -> None:
    raw = KEY.header(oiat=oiat)
    assert shape_of(raw) == base64url(raw)


@pytest.mark.parametrize(
    "members",
    [
        b'"x":{"oiat":1800000000}',
        b'"oiat":1800000000,"x":{"oiat":1800000000}',
        b'"oiat":1800000001,"x":{"oiat":1800000000}',
        b'"oiat":1800000001.0,"x":{"oiat":1800000000}',
        b'"oiat":1800000001,"x\\"oiat":1800000000',
        b'"oiat" :1800000000,"x\\"oiat":1800000000',
        b'"\\u006fiat":1800000000,"x":[{"oiat":1800000000}]',
        b'"oiat":1800000000.0',
        b'"oiat":1800000000.5',
        b'"oiat":1800000000e0',
        b'"oiat":1800000000E1',
        b'"oiat":18000000001',
        b'"oiat":18446744063709551615',
        b'"oiat":1800000000 ',
        b'"x\\"oiat":1800000000',
    ],
)
def test_ten_digits_that_are_not_all_of_the_time_make_no_shape(members: bytes) -> None:
    assert shape_of(b'{"alg":"RS256","kid":"key-1",' + members + b"}") is None
