"""The session token: its claims (version 2) and its compact JWS (RFC 7515, RFC 7519)."""

from binascii import b2a_base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol

import orjson

from edgepass_sidecar.session import Session, Status

# They mark a session token and a template's token for those who tell kinds of token apart.
CATEGORY = "cl_B7d4PD111AAA"
TEMPLATE_CATEGORY = "cl_B7d4PD222AAA"
NOT_BEFORE_MARGIN = 10  # seconds; verifiers whose clock is a little behind
NEVER = -1
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Signer(Protocol):
    """Signs with one private key, wherever that key is kept."""

    key_id: str
    algorithm: str

    def sign(self, message: bytes) -> bytes:
        """Return the JWS signature over `message` (RFC 7518 section 3)."""


def session_claims(
    session: Session,
    *,
    issuer: str,
    token_id: str,
    authorized_party: str | None,
    lifetime: int,
    now: float,
    others: Mapping[str, Any],
) -> dict[str, Any]:
    """Say what is true of `session` at `now`, for `lifetime` seconds from its whole second.

    `others` are claims of the app; none of them can take the place of one of ours.
    """
    issued_at = int(now)
    claims: dict[str, Any] = {
        **others,
        "iss": issuer,
        "sub": session.user_id,
        "sid": session.id,
        "iat": issued_at,
        "exp": issued_at + lifetime,
        "nbf": issued_at - NOT_BEFORE_MARGIN,
        "jti": token_id,
        "v": 2,
        "fva": factor_verification_age(session, now),
        "sts": "pending" if session.status is Status.PENDING else "active",
    }
    if authorized_party is not None:
        claims["azp"] = authorized_party
    if session.actor is not None:
        claims["act"] = session.actor
    return claims


def factor_verification_age(session: Session, now: float) -> list[int]:
    """Return minutes since the first and the second factor were verified, -1 for never."""
    return [
        NEVER if verified_at is None else max(0, int((now - verified_at) // 60))
        for verified_at in (session.first_factor_at, session.second_factor_at)
    ]


def encode_token(claims: Mapping[str, Any], signer: Signer, category: str = CATEGORY) -> str:
    """Sign `claims`. `oiat` says when they were put together from the store."""
    header = _encode_header(signer.algorithm, category, signer.key_id, claims["iat"])
    message = header + _base64url(orjson.dumps(claims))
    return (message + b"." + _base64url(signer.sign(message))).decode("ascii")


@lru_cache(8)  # all tokens of one key and second share it
def _encode_header(algorithm: str, category: str, key_id: str, at: int) -> bytes:
    header = {"alg": algorithm, "cat": category, "kid": key_id, "oiat": at, "typ": "JWT"}
    return _base64url(orjson.dumps(header)) + b"."


def _base64url(value: bytes) -> bytes:
    return b2a_base64(value, newline=False).translate(_URL_SAFE, b"=")
