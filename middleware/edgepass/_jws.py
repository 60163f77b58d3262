"""Compact JSON Web Signature: three segments, one spelling, a strict header (RFC 7515)."""

from typing import NamedTuple

from edgepass._base64url import parse_base64url
from edgepass._errors import (
    CriticalHeaderUnsupported,
    KeyIdMissing,
    TokenMalformed,
    TokenTypeMismatch,
)
from edgepass._json import parse_object

_ISSUED_AT = b'"oiat":'
_DIGITS = 10  # of any time from 2001 to 2286

# The bytes before and after the digits of a header's `oiat`, or its segment where it has none.
Shape = tuple[bytes, bytes] | bytes


class Header(NamedTuple):
    """What a header asks for: which key, which algorithm; and when the claims were gathered."""

    key_id: str
    algorithm: str
    originally_issued_at: float | None = None


def parse_jws(token: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the header's segment, what was signed, the payload and the signature of `token`.

    Nothing in them has been verified, and the header not even decoded. Raises
    `TokenMalformed`. The caller bounds the length.
    """
    signing_input, _, signature = token.rpartition(b".")
    header, stop, payload = signing_input.partition(b".")
    if not header or not stop or not signature:
        raise TokenMalformed("the token is not three segments separated by full stops")
    try:
        return header, signing_input, parse_base64url(payload), parse_base64url(signature)
    except ValueError:
        raise TokenMalformed(
            "the token is not three segments, each base64url in its one spelling"
        ) from None


def parse_header(segment: bytes) -> Header:
    """Return what the header segment asks for, or raise the `TokenRefused` that fits.

    Only `alg` and `kid` say how to verify. Whatever could name a key from outside
    (`jku`, `jwk`, `x5u`, `x5c`) is never read (RFC 8725 section 3.10). An `oiat`
    that is not a number counts as absent.
    """
    try:
        raw = parse_base64url(segment)
    except ValueError:
        raise TokenMalformed("the token's header is not base64url in its one spelling") from None
    return _read_header(raw)


def split_header(segment: bytes) -> tuple[bytes, int, bytes] | None:
    """Return the number in the place of `oiat`, between the bytes before and after its digits.

    `None` where there is no such place. Nothing has been validated.
    """
    try:
        before, _, after = parse_base64url(segment).rpartition(_ISSUED_AT)
    except ValueError:
        return None
    digits = after[:_DIGITS]
    if not digits.isdigit() or digits < b"1":
        return None
    return before, int(digits), after[_DIGITS:]


def find_shape(segment: bytes) -> Shape | None:
    """Return what a good segment shares with those that differ in the time of `oiat` only.

    `parse_header` reads all of this shape alike, but for the time. `None` where
    that is not certain.
    """
    pieces = split_header(segment)
    if pieces is None:
        return segment
    before, number, after = pieces
    if after[:1] not in (b",", b"}"):
        return None
    # The strict parser is the judge: only where these are the digits of `oiat` does another
    # number make another time. This one has ten digits too.
    another = number ^ 1
    changed = _read_header(before + _ISSUED_AT + b"%d" % another + after)
    header = parse_header(segment)
    is_time = header.originally_issued_at == number
    if not is_time or changed != header._replace(originally_issued_at=another):
        return None
    return before, after


def _read_header(raw: bytes) -> Header:
    try:
        members = parse_object(raw)
    except ValueError:
        raise TokenMalformed("the token's header is not a strict JSON object") from None
    if "crit" in members:
        raise CriticalHeaderUnsupported(
            "the token's header has crit, and no extension is understood"
        )
    if members.get("b64", True) is not True:
        raise TokenMalformed("b64 must not be false in a JWT")
    kind = members.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise TokenTypeMismatch("the token's typ is not JWT")
    algorithm = members.get("alg")
    if not isinstance(algorithm, str):
        raise TokenMalformed("the token's header has no alg")
    key_id = members.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise KeyIdMissing("the token's header has no kid")
    at = members.get("oiat")
    # type() and not isinstance(): a bool is an int, and True is no time.
    return Header(key_id, algorithm, at if type(at) is int or type(at) is float else None)
