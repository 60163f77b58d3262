"""What should be true of sessions, in plain dictionaries: what a sidecar is held against."""

from dataclasses import dataclass, field

from edgepass_sidecar.policy import ACTOR_LIFETIME, SessionPolicy
from edgepass_sidecar.session import Terms

GRACE = 10.0  # seconds in which the previous client token answers
LIVE = ("active", "pending")
CURRENT, PREVIOUS = "current", "previous"
NOBODY, ELSEWHERE, OVER = "client_token_invalid", "resource_not_found", "session_over"


@dataclass(kw_only=True)
class ModelSession:
    """`status` is what is on record; `active_at` is the last activity that was written."""

    user: str
    client: str
    status: str
    started_at: float
    expires_at: float
    timeout: float | None
    active_at: float
    first_factor_at: float
    second_factor_at: float | None = None
    is_acted: bool = False

    @property
    def abandoned_at(self) -> float:
        return self.expires_at if self.timeout is None else self.active_at + self.timeout


@dataclass(kw_only=True)
class ModelClient:
    """Its tokens, the newest last, and whether its next change brings another."""

    tokens: list[str]
    rotated_at: float
    active: str | None = None
    rotation_due: bool = False


@dataclass
class ModelUser:
    is_banned: bool = False
    not_before: float = 0.0


@dataclass
class Model:
    policy: SessionPolicy
    users: dict[str, ModelUser]
    clients: dict[str, ModelClient] = field(default_factory=dict)
    sessions: dict[str, ModelSession] = field(default_factory=dict)

    def standing(self, name: str, now: float) -> str:
        session = self.sessions[name]
        user = self.users[session.user]
        if session.status not in LIVE:
            return session.status
        if user.is_banned or session.started_at < user.not_before:
            return "revoked"
        if now >= session.abandoned_at and session.abandoned_at < session.expires_at:
            return "abandoned"
        return "expired" if now >= session.expires_at else session.status

    def live(self, now: float, *, user: str | None = None, client: str | None = None) -> set[str]:
        return {
            name
            for name, session in self.sessions.items()
            if self.standing(name, now) in LIVE
            and user in (None, session.user)
            and client in (None, session.client)
        }

    def sessions_of_client(self, client: str) -> list[str]:
        return [name for name, session in self.sessions.items() if session.client == client]

    def come(self, client: str, token: str, now: float) -> str | None:
        """Say which of the client's tokens this is; the previous one after its grace is theft."""
        known = self.clients[client]
        if token == known.tokens[-1]:
            return CURRENT
        if token not in known.tokens[-2:]:
            return None
        if now < known.rotated_at + GRACE:
            return PREVIOUS
        robbed = self.live(now, client=client)
        if robbed:
            self.finish(client, robbed, "revoked", now)
        return None

    def sees(self, name: str, which: str) -> bool:
        session = self.sessions[name]
        return which == CURRENT or session.started_at < self.clients[session.client].rotated_at

    def refusal(self, client: str, which: str | None, name: str, now: float) -> str | None:
        """Say with what code somebody is declined who asks for the session called `name`."""
        if which is None:
            return NOBODY
        if self.sessions[name].client != client:
            return ELSEWHERE
        if self.standing(name, now) not in LIVE:
            return OVER
        return None if self.sees(name, which) else ELSEWHERE

    def finish(self, client: str, chosen: set[str], status: str, now: float) -> None:
        """End the `chosen` live sessions of a client; what was over already is put on record."""
        for name in self.sessions_of_client(client):
            found = self.standing(name, now)
            if found not in LIVE:
                self.sessions[name].status = found
            elif name in chosen:
                self.sessions[name].status = status
        live = self.live(now, client=client)
        if self.clients[client].active not in live:
            by_activity = sorted(live, key=lambda name: self.sessions[name].active_at)
            self.clients[client].active = by_activity[-1] if by_activity else None

    def revoke(self, name: str, now: float) -> None:
        session = self.sessions[name]
        if session.status in LIVE:
            self.finish(session.client, {name}, "revoked", now)

    def rotate(self, client: str, token: str, now: float) -> None:
        known = self.clients[client]
        known.tokens.append(token)
        known.rotated_at, known.rotation_due = now, False

    def in_the_way(self, user: str, client: str | None, now: float) -> list[str]:
        """Return the sessions that a sign-in is too many for, the least recently active first."""
        maximum = self.policy.maximum_sessions
        if maximum is None:
            return []
        others = [
            name
            for name in self.live(now, user=user)
            if self.sessions[name].client != client and not self.sessions[name].is_acted
        ]
        others.sort(key=lambda name: self.sessions[name].active_at)
        return others[: max(0, len(others) + 1 - maximum)]

    def has_too_many_accounts(self, user: str, client: str | None, now: float) -> bool:
        if client is None or not self.policy.multi_session:
            return False
        others = self.live(now, client=client) - self.live(now, user=user)
        return len(others) >= self.policy.maximum_accounts

    def start(self, name: str, user: str, client: str, terms: Terms, now: float) -> None:
        """Start a session on a client that is known; it replaces what it must."""
        theirs = {n for n in self.live(now, client=client) if self.sessions[n].user == user}
        others = set() if self.policy.multi_session else self.live(now, client=client)
        self.finish(client, theirs | others, "replaced", now)
        lifetime = terms.maximum_lifetime or self.policy.maximum_lifetime
        assert lifetime is not None
        if terms.actor:
            usual = self.policy.maximum_lifetime or lifetime
            lifetime = min(terms.maximum_lifetime or ACTOR_LIFETIME, usual)
        self.sessions[name] = ModelSession(
            user=user,
            client=client,
            status="pending" if terms.tasks else "active",
            started_at=now,
            expires_at=now + lifetime,
            timeout=terms.inactivity_timeout or self.policy.inactivity_timeout,
            active_at=now,
            first_factor_at=now,
            is_acted=terms.actor is not None,
        )
        self.clients[client].active = name

    def use(self, name: str, now: float) -> None:
        """Note that a token was minted: activity is written once per max(60 s, timeout / 20)."""
        session = self.sessions[name]
        if now - session.active_at >= max(60.0, (session.timeout or 0.0) / 20):
            session.active_at = now
