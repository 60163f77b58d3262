"""A token taken apart: three segments, one spelling, a strict header."""

import pytest

from edgepass._errors import (
    CriticalHeaderUnsupported,
    KeyIdMissing,
    TokenMalformed,
    TokenTypeMismatch,
)
from edgepass._jws import Header, parse_header, parse_jws
from tests.support.issuer import ABSENT, base64url, make_key

KEY = make_key()


def test_a_token_is_split_and_decoded() -> None:
    jws = parse_jws(b"aGVhZA.cGF5bG9hZA.c2ln")
    assert jws.header == b"aGVhZA"
    assert jws.signing_input == b"aGVhZA.cGF5bG9hZA"
    assert jws.payload == b"payload"
    assert jws.signature == b"sig"


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
