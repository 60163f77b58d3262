"""How an app can tell that a request is ours: HMAC-SHA256 by Standard Webhooks 1.0.0."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

SECRET_PREFIX = "whsec_"  # noqa: S105 - it is what secrets begin with
SHORTEST_KEY, LONGEST_KEY = 24, 64  # bytes, by the specification


def parse_webhook_secret(text: str) -> bytes:
    """Return the key that `whsec_` and base64 spell, or raise `ValueError`, which repeats nothing.

    The key is 24 to 64 random bytes; the base64 is the standard one, with its padding.
    """
    encoded = text.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):  # the latter for what is not ASCII
        key = b""
    strict = base64.b64encode(key).decode("ascii") == encoded
    if encoded == text or not strict or not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(
            f"must be {SECRET_PREFIX} and {SHORTEST_KEY} to {LONGEST_KEY} random bytes in base64:"
            f' make one with: echo "{SECRET_PREFIX}$(openssl rand -base64 32)"'
        )
    return key


def webhook_headers(
    keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the headers that go with `body`: its id, its time in seconds, its signatures.

    One signature per key, in their order, so that a receiver that knows any of
    them takes the message while a secret is rotated. An id has no dot in it: it
    is what parts the signed fields from each other.
    """
    signed = f"{message_id}.{timestamp}.".encode("ascii") + body
    signatures = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            "v1," + base64.b64encode(signature).decode("ascii") for signature in signatures
        ),
    }
