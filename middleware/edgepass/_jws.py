"""Compact JSON Web Signature: three segments, one spelling, a strict header (RFC 7515)."""

from typing import NamedTuple

from edgepass._base64url import TO_STANDARD, parse_base64url, parse_standard
from edgepass._errors import (
    CriticalHeaderUnsupported,
    KeyIdMissing,
    TokenMalformed,
    TokenTypeMismatch,
)
from edgepass._json import parse_object


class Jws(NamedTuple):
    """A token taken apart. Nothing in it has been verified, and the header not even decoded."""

    header: bytes
    signing_input: bytes
    payload: bytes
    signature: bytes


class Header(NamedTuple):
    """What a header asks for: which key, which algorithm; and when the claims were gathered."""

    key_id: str
    algorithm: str
    originally_issued_at: float | None = None


def parse_jws(token: bytes) -> Jws:
    """Split and decode `token`, or raise `TokenMalformed`. The caller bounds its length."""
    segments = token.translate(TO_STANDARD).split(b".")
    if len(segments) != 3 or not segments[0] or not segments[2]:
        raise TokenMalformed("the token is not three segments separated by full stops")
    header, payload, signature = segments
    try:
        return Jws(
            token[: len(header)],
            token[: -1 - len(signature)],
            parse_standard(payload),
            parse_standard(signature),
        )
    except ValueError:
        raise TokenMalformed(
            "a segment of the token is not base64url in its one spelling"
        ) from None


def parse_header(segment: bytes) -> Header:
    """Return what the header segment asks for, or raise the `TokenRefused` that fits.

    Only `alg` and `kid` say how to verify. Whatever could name a key from outside
    (`jku`, `jwk`, `x5u`, `x5c`) is never read (RFC 8725 section 3.10). An `oiat`
    that is not a number counts as absent.
    """
    try:
        members = parse_object(parse_base64url(segment))
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
