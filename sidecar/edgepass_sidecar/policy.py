"""What decides how long sessions live and how many a client holds (OWASP ASVS 5.0 7.3)."""

from dataclasses import dataclass
from enum import StrEnum

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.identifier import ClientId, SessionId
from edgepass_sidecar.session import Session, Status, Terms
from edgepass_sidecar.user import User

SHORTEST_LIMIT = 5 * 60.0
LONGEST_LIMIT = 10 * 365 * 86_400.0
DEFAULT_MAXIMUM_LIFETIME = 7 * 86_400.0
# A write for each refresh would make refreshing as dear as signing in.
SHORTEST_TOUCH_INTERVAL = 60.0


# An impersonator's session ends while somebody still remembers why it was needed.
ACTOR_LIFETIME = 30 * 60.0
DEFAULT_ACCOUNTS = 10
MOST_ACCOUNTS = 100
MOST_SESSIONS = 10_000


class AtLimit(StrEnum):
    """What happens to a sign-in when its user has as many sessions as they may."""

    REFUSE = "refuse"
    EVICT = "evict"  # the least recently active session makes room


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """Limits in seconds, `None` where one is off. At least one of the two must be on.

    Each is 5 minutes to 10 years. `maximum_accounts` is how many sessions one
    client holds, `maximum_sessions` how many a user has on all clients together
    (`None` for any number). Raises `ValueError` that names the limit.
    """

    maximum_lifetime: float | None = DEFAULT_MAXIMUM_LIFETIME
    inactivity_timeout: float | None = None
    multi_session: bool = True
    maximum_accounts: int = DEFAULT_ACCOUNTS
    maximum_sessions: int | None = None
    at_limit: AtLimit = AtLimit.REFUSE

    def __post_init__(self) -> None:
        limits = {
            "maximum lifetime": self.maximum_lifetime,
            "inactivity timeout": self.inactivity_timeout,
        }
        for name, seconds in limits.items():
            if seconds is not None and not SHORTEST_LIMIT <= seconds <= LONGEST_LIMIT:
                raise ValueError(
                    f"the {name} must be 5 minutes to 10 years, not {seconds:g} seconds"
                )
        if self.maximum_lifetime is None and self.inactivity_timeout is None:
            raise ValueError("maximum lifetime and inactivity timeout are both off: turn one on")
        if not 1 <= self.maximum_accounts <= MOST_ACCOUNTS:
            raise ValueError(
                f"a client holds 1 to {MOST_ACCOUNTS} sessions, not {self.maximum_accounts}"
            )
        if self.maximum_sessions is not None and not 1 <= self.maximum_sessions <= MOST_SESSIONS:
            raise ValueError(
                f"a user has 1 to {MOST_SESSIONS} sessions at most, not {self.maximum_sessions}"
            )

    def expire_at(self, terms: Terms, now: float) -> float:
        """Say when a session that starts on `terms` at `now` ends, however active it is."""
        usual = self.maximum_lifetime or LONGEST_LIMIT
        if terms.actor is None:
            return now + (terms.maximum_lifetime or usual)
        # Nobody acts for longer in a user's place than the user could.
        return now + min(terms.maximum_lifetime or ACTOR_LIFETIME, usual)

    def begin(
        self,
        terms: Terms,
        *,
        session_id: SessionId,
        client_id: ClientId,
        user: User,
        activity: Activity,
        now: float,
    ) -> Session:
        """Return a session that starts at `now`: pending where its terms leave something to do."""
        return Session(
            id=session_id,
            client_id=client_id,
            user=user,
            status=Status.PENDING if terms.tasks else Status.ACTIVE,
            # Of two sidecars one may have set that mark by a clock that is ahead of ours.
            created_at=max(now, user.not_before),
            updated_at=now,
            last_active_at=now,
            expire_at=self.expire_at(terms, now),
            inactivity_timeout=terms.inactivity_timeout or self.inactivity_timeout,
            first_factor_at=now,
            activity=activity,
            actor=terms.actor,
            tasks=terms.tasks,
            claims=terms.claims,
            data=terms.data,
        )


# NIST SP 800-63B, reauthentication at each authenticator assurance level: of revision 3
# (sections 4.1.3, 4.2.3, 4.3.3) and revision 4 (2.1.3, 2.2.3, 2.3.3) the stricter.
NIST_AAL1 = SessionPolicy(maximum_lifetime=30 * 86_400.0)
NIST_AAL2 = SessionPolicy(maximum_lifetime=12 * 3_600.0, inactivity_timeout=30 * 60.0)
NIST_AAL3 = SessionPolicy(maximum_lifetime=12 * 3_600.0, inactivity_timeout=15 * 60.0)
# OWASP Session Management Cheat Sheet, "Session Expiration": idle 2 to 5 minutes where
# much is at stake and 15 to 30 where little is; absolute 4 to 8 hours of office work.
OWASP_HIGH_VALUE = SessionPolicy(maximum_lifetime=4 * 3_600.0, inactivity_timeout=5 * 60.0)
OWASP_LOW_RISK = SessionPolicy(maximum_lifetime=8 * 3_600.0, inactivity_timeout=30 * 60.0)

PRESETS = {
    "edgepass": SessionPolicy(),
    "nist-aal1": NIST_AAL1,
    "nist-aal2": NIST_AAL2,
    "nist-aal3": NIST_AAL3,
    "owasp-high-value": OWASP_HIGH_VALUE,
    "owasp-low-risk": OWASP_LOW_RISK,
}


def wants_touch(last_active_at: float, inactivity_timeout: float | None, now: float) -> bool:
    """Say whether activity at `now` is news: once per max(60 s, inactivity timeout / 20)."""
    interval = max(SHORTEST_TOUCH_INTERVAL, (inactivity_timeout or 0.0) / 20)
    return now - last_active_at >= interval
