"""The client token: a long-lived opaque secret that names its client, stored only as a hash."""

import hmac
import re
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256

from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import ClientId

SECRET_BYTES = 32
# Seconds in which a token that was just rotated away still answers: as long as
# the requests that were under way with it may take.
PREVIOUS_TOKEN_GRACE = 10.0
_SHAPE = re.compile(r"(client_[0-9A-Za-z]{25})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ClientToken:
    """A client token taken apart. Its `repr` shows the client and never the secret."""

    client_id: ClientId
    secret: bytes = field(repr=False)

    def __str__(self) -> str:
        raise TypeError(
            "a client token is written with reveal(), so that no log does it by accident"
        )

    def reveal(self) -> str:
        return f"{self.client_id}.{self.secret.hex()}"

    def hash(self) -> bytes:
        # 256 random bits need no slow hash: there is nothing to guess.
        return sha256(self.secret).digest()


class Recognition(Enum):
    """What a client makes of a token that names it."""

    CURRENT = "current"
    PREVIOUS = "previous"
    STOLEN = "stolen"
    UNKNOWN = "unknown"


def find_client_token(text: str) -> ClientToken | None:
    """Return the token that `text` spells, or `None`; only this sidecar's own shape is one."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    return ClientToken(ClientId(match[1]), bytes.fromhex(match[2]))


def recognise(client: Client, token: ClientToken, now: float) -> Recognition:
    """Compare in constant time. The previous token answers for its grace; after it, it is theft."""
    presented = token.hash()
    if hmac.compare_digest(presented, client.token_hash):
        return Recognition.CURRENT
    if client.previous_token_hash is None or not hmac.compare_digest(
        presented, client.previous_token_hash
    ):
        return Recognition.UNKNOWN
    if now < client.rotated_at + PREVIOUS_TOKEN_GRACE:
        return Recognition.PREVIOUS
    return Recognition.STOLEN
