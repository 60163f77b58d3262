"""A session and the table of what can happen to it. Times are seconds since the epoch."""

from dataclasses import dataclass, replace
from enum import StrEnum

from edgepass_sidecar.identifier import ClientId, SessionId, UserId


class Status(StrEnum):
    """Where a session stands; the words are the wire's."""

    ACTIVE = "active"
    PENDING = "pending"
    ENDED = "ended"
    REMOVED = "removed"
    REPLACED = "replaced"
    EXPIRED = "expired"
    ABANDONED = "abandoned"
    REVOKED = "revoked"


LIVE = frozenset((Status.ACTIVE, Status.PENDING))

# What may follow what. A pair that is missing cannot happen: the look-up fails.
_ENDINGS = (
    Status.ENDED,
    Status.REMOVED,
    Status.REPLACED,
    Status.EXPIRED,
    Status.ABANDONED,
    Status.REVOKED,
)
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset((Status.ACTIVE, *_ENDINGS)),
    Status.ACTIVE: frozenset((Status.PENDING, *_ENDINGS)),
    **{ending: frozenset() for ending in _ENDINGS},
}


class ImpossibleTransition(ValueError):
    """A session was to leave a status that cannot be left that way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The record of one user on one client.

    `inactivity_timeout` is in seconds, `None` where inactivity ends nothing.
    `ip_address` and `user_agent` are those of the sign-in, empty when unknown.
    """

    id: SessionId
    client_id: ClientId
    user_id: UserId
    status: Status
    created_at: float
    updated_at: float
    last_active_at: float
    expire_at: float
    inactivity_timeout: float | None
    first_factor_at: float
    ip_address: str
    user_agent: str

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def abandon_at(self) -> float:
        """When inactivity would end it; `expire_at` where inactivity ends nothing."""
        if self.inactivity_timeout is None:
            return self.expire_at
        return self.last_active_at + self.inactivity_timeout

    def become(self, status: Status, now: float) -> "Session":
        """Return the session in `status`, or raise `ImpossibleTransition`."""
        if status not in TRANSITIONS[self.status]:
            raise ImpossibleTransition(f"a session that is {self.status} cannot become {status}")
        return replace(self, status=status, updated_at=now)


def standing(session: Session, now: float) -> Status:
    """Say what `session` is at `now`, whether or not anyone has written that down yet.

    What was done to a session outranks time: one that was revoked and has since
    expired is revoked, because that is what an investigator has to see. Of two
    limits the earlier one ended it. Both are exclusive, so a session lasts
    exactly its maximum lifetime.
    """
    if not session.is_live:
        return session.status
    if now < session.expire_at and now < session.abandon_at:
        return session.status
    return Status.ABANDONED if session.abandon_at < session.expire_at else Status.EXPIRED
