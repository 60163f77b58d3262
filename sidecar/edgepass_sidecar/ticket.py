"""Tickets: single-use, expiring grants that start a session, stored only as a hash."""

import hmac
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256

from edgepass_sidecar.identifier import SessionId, TicketId, UserId
from edgepass_sidecar.session import POLICY_TERMS, Terms

SECRET_BYTES = 32
LONGEST_LIFETIME = 315_360_000
_SHAPE = re.compile(r"((?:sit|act)_[0-9A-Za-z]{22})\.([0-9a-f]{64})")


class TicketStatus(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A grant for `user_id` until `expires_at` (exclusive); `session_id` is what it started.

    It starts a session on `terms`; where these name an actor it is an actor token.
    """

    id: TicketId
    user_id: UserId
    secret_hash: bytes
    status: TicketStatus
    created_at: float
    updated_at: float
    expires_at: float
    session_id: SessionId | None = None
    terms: Terms = POLICY_TERMS

    def accept(self, session_id: SessionId, now: float) -> "Ticket":
        return replace(self, status=TicketStatus.ACCEPTED, session_id=session_id, updated_at=now)

    def revoke(self, now: float) -> "Ticket":
        return replace(self, status=TicketStatus.REVOKED, updated_at=now)


@dataclass(frozen=True, slots=True)
class TicketToken:
    """What the app hands to the browser: the ticket's id and its secret."""

    ticket_id: TicketId
    secret: bytes = field(repr=False)

    def reveal(self) -> str:
        return f"{self.ticket_id}.{self.secret.hex()}"

    def hash(self) -> bytes:
        return sha256(self.secret).digest()

    def opens(self, ticket: Ticket) -> bool:
        return hmac.compare_digest(self.hash(), ticket.secret_hash)


def find_ticket_token(text: str) -> TicketToken | None:
    """Return the ticket token that `text` spells, or `None`."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    return TicketToken(TicketId(match[1]), bytes.fromhex(match[2]))
