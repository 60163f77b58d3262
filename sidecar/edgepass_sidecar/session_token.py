"""The session token: its claims (version 2) and its compact JWS (RFC 7515, RFC 7519)."""

from base64 import urlsafe_b64encode
from typing import Any, Protocol

import orjson

from edgepass_sidecar.session import Session, Status

CATEGORY = "cl_B7d4PD111AAA"  # marks a session token for those who tell kinds of token apart
NOT_BEFORE_MARGIN = 10  # seconds; verifiers whose clock is a little behind
NEVER = -1


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
) -> dict[str, Any]:
    """Say what is true of `session` at `now`, for `lifetime` seconds from its whole second."""
    issued_at = int(now)
    claims: dict[str, Any] = {
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
    return claims


def factor_verification_age(session: Session, now: float) -> list[int]:
    """Return minutes since the first and the second factor were verified, -1 for never."""
    return [max(0, int((now - session.first_factor_at) // 60)), NEVER]


def encode_session_token(claims: dict[str, Any], signer: Signer) -> str:
    """Sign `claims`. `oiat` says when they were put together from the store."""
    header = {
        "alg": signer.algorithm,
        "cat": CATEGORY,
        "kid": signer.key_id,
        "oiat": claims["iat"],
        "typ": "JWT",
    }
    message = _base64url(orjson.dumps(header)) + b"." + _base64url(orjson.dumps(claims))
    return (message + b"." + _base64url(signer.sign(message))).decode("ascii")


def _base64url(value: bytes) -> bytes:
    return urlsafe_b64encode(value).rstrip(b"=")
