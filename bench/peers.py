"""Other verifiers, each called in the way it is meant to be, without the network.

Every function here returns one that takes a token as text and returns its
claims, or the name of the refusal.
"""

from collections.abc import Callable
from typing import Any

import jwt
from cachetools import TTLCache
from clerk_backend_api.security import (
    TokenVerificationError,
    VerifyTokenOptions,
    verify_token,
)
from fastapi_clerk_auth import (  # type: ignore[import-untyped]
    ClerkConfig,
    ClerkHTTPBearer,
)

from bench.tokens import ISSUER, SigningKey

REQUIRED = ["exp", "iat", "iss", "sub", "sid"]
LEEWAY = 5
CACHED_TOKENS, CACHED_FOR = 10_000, 60

Verdict = dict[str, Any] | str
Verifier = Callable[[str], Verdict]


def read_verdict(verdict: Verdict) -> str:
    return verdict if isinstance(verdict, str) else str(verdict["sub"])


def pyjwt_verifier(key: SigningKey) -> Verifier:
    """PyJWT at its quickest: with a key that is parsed already."""
    public, algorithms = key.public, [key.algorithm]

    def attempt(token: str) -> Verdict:
        try:
            return jwt.decode(
                token,
                public,
                algorithms,
                options={"require": REQUIRED},
                issuer=ISSUER,
                leeway=LEEWAY,
            )
        except jwt.InvalidTokenError as error:
            return type(error).__name__

    return attempt


def cached_pyjwt_verifier(key: SigningKey) -> Verifier:
    """PyJWT behind the usual cache, which does not look at `exp` again on a hit."""
    attempt = pyjwt_verifier(key)
    cache: TTLCache[str, Verdict] = TTLCache(CACHED_TOKENS, CACHED_FOR)

    def attempt_cached(token: str) -> Verdict:
        try:
            return cache[token]
        except KeyError:
            pass
        verdict = attempt(token)
        if not isinstance(verdict, str):
            cache[token] = verdict
        return verdict

    return attempt_cached


def clerk_verifier(key: SigningKey) -> Verifier:
    """clerk-backend-api with `jwt_key`; it takes the key as PEM only, and parses it each time."""
    options = VerifyTokenOptions(jwt_key=key.pem)

    def attempt(token: str) -> Verdict:
        try:
            return verify_token(token, options)
        except TokenVerificationError as error:
            return error.reason.name

    return attempt


def clerk_guard(key: SigningKey) -> ClerkHTTPBearer:
    """Return fastapi-clerk-auth's guard, whose key client finds the key set without fetching it."""
    config = ClerkConfig(
        jwks_url=f"{ISSUER}/.well-known/jwks.json", issuer=ISSUER, verify_iss=True, leeway=LEEWAY
    )
    guard = ClerkHTTPBearer(config)
    guard.jwks_client.fetch_data = lambda: key.jwks
    return guard


def clerk_guard_verifier(key: SigningKey) -> Verifier:
    """fastapi-clerk-auth from a token on: the look-up of its key, PyJWT, its own encoder."""
    decode = clerk_guard(key)._decode_token

    def attempt(token: str) -> Verdict:
        return decode(token) or "refused"

    return attempt
