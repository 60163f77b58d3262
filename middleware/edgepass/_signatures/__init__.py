"""Signature keys: `cryptography` when it is importable, else the standard library alone.

This is the only place that knows which backends there are; the rest of the
code holds a `SignatureKey` and cannot tell.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple, Protocol

from edgepass._signatures import _ed25519, _p256, _rsa


class SignatureKey(Protocol):
    """A public key of one algorithm."""

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` is this key's over `message`; no input makes it raise."""

    def widen(self) -> Iterator[None]:
        """Make `verify` faster where that takes tables, in steps of about 1 ms."""


class Backend(NamedTuple):
    """One way to verify: a constructor per kind of key.

    A constructor raises `ValueError` for numbers that are no key.
    """

    name: str
    rsa: Callable[[int, int], SignatureKey]
    p256: Callable[[bytes, bytes], SignatureKey]
    ed25519: Callable[[bytes], SignatureKey]


STANDARD_LIBRARY = Backend(
    name="standard library",
    rsa=_rsa.RsaKey,
    p256=_p256.P256Key,
    ed25519=_ed25519.Ed25519Key,
)


@cache
def find_cryptography() -> Backend | None:
    """Return the backend of the `cryptography` package, or `None` where it is not installed."""
    try:
        # On first use: this import takes longer than all others here together.
        from edgepass._signatures import _cryptography as native
    except ImportError:
        return None
    return Backend(
        name="cryptography", rsa=native.RsaKey, p256=native.P256Key, ed25519=native.Ed25519Key
    )


def preferred_backend() -> Backend:
    return find_cryptography() or STANDARD_LIBRARY
