"""Secret keys of the backend API: shown once, stored as a hash, compared in constant time."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

SECRET_BYTES = 32
SHORTEST_KEY = 32  # characters; what a key of 128 random bits in hex has


class KeyScope(StrEnum):
    """What a key opens, and nothing else."""

    BACKEND = "backend"
    EDGE = "edge"  # the revocation feed


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKey:
    """A stored key: `id` to speak of it, `hash` to recognise it, `hint` its last 4 characters."""

    id: str
    hash: bytes
    hint: str
    created_at: float
    revoked_at: float | None = None
    scope: KeyScope = KeyScope.BACKEND


def hash_secret_key(text: str) -> bytes:
    # Keys are random and long, so a slow hash would protect nothing.
    return sha256(text.encode()).digest()


def is_one_of(text: str, hashes: Iterable[bytes]) -> bool:
    """Say whether `text` is a key with one of `hashes`; all are compared, whatever is found."""
    presented = hash_secret_key(text)
    found = False
    for known in hashes:
        found |= hmac.compare_digest(presented, known)
    return found
