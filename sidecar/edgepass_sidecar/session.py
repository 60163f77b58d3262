"""A session and the table of what can happen to it. Times are seconds since the epoch."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from edgepass_sidecar.activity import UNKNOWN, Activity
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.user import User


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
class Terms:
    """What a server may settle for one session when it starts; `None` is the policy's own.

    `maximum_lifetime` and `inactivity_timeout` are seconds. `actor` is who acts in
    the user's place (the `act` claim), `tasks` are what keeps the session pending
    until it is done, `claims` go into its tokens, and `data` stays here.
    """

    maximum_lifetime: float | None = None
    inactivity_timeout: float | None = None
    actor: dict[str, Any] | None = None
    tasks: tuple[str, ...] = ()
    claims: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)


POLICY_TERMS = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The record of one user on one client.

    `inactivity_timeout` is in seconds, `None` where inactivity ends nothing.
    `user` is the user as of when the session was loaded, and `activity` where
    and with what the session was last seen. `tokens_until` is when the last token
    expires that was to live longer than others, if there ever was one.
    """

    id: SessionId
    client_id: ClientId
    user: User
    status: Status
    created_at: float
    updated_at: float
    last_active_at: float
    expire_at: float
    inactivity_timeout: float | None
    first_factor_at: float
    second_factor_at: float | None = None
    activity: Activity = UNKNOWN
    organization_id: str | None = None
    actor: dict[str, Any] | None = None
    tasks: tuple[str, ...] = ()
    claims: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    tokens_until: float | None = None

    @property
    def user_id(self) -> UserId:
        return self.user.id

    @property
    def actor_id(self) -> str | None:
        return self.actor["sub"] if self.actor else None

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

    What was done to a session or to its user outranks time: one that was revoked
    and has since expired is revoked, because that is what an investigator has to
    see. Of two limits the earlier one ended it. Both are exclusive, so a session
    lasts exactly its maximum lifetime.
    """
    if session.status not in LIVE:
        return session.status
    if session.user.is_banned or session.created_at < session.user.not_before:
        return Status.REVOKED
    if now < session.expire_at and now < session.abandon_at:
        return session.status
    return Status.ABANDONED if session.abandon_at < session.expire_at else Status.EXPIRED
