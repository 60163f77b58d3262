"""Verify 60-second session tokens locally, in any ASGI app, with the standard library alone."""

from edgepass._auth import Claims, SignedIn, SignedOut
from edgepass._claims import Expectations
from edgepass._errors import TokenRefused
from edgepass._key_set import KeySet
from edgepass._middleware import EdgepassMiddleware
from edgepass._verify import verify

__all__ = [
    "Claims",
    "EdgepassMiddleware",
    "Expectations",
    "KeySet",
    "SignedIn",
    "SignedOut",
    "TokenRefused",
    "verify",
]
