"""A client with its sessions: the aggregate that every frontend operation changes as a whole.

Each decision is a pure function from a client and a time to the client as it
is then and the events that say so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId
from edgepass_sidecar.session import Session, Status, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One browser or app installation.

    `version` counts commits, 0 before the first. `token_hash` is that of the
    client token since `rotated_at`, `previous_token_hash` that of the one before;
    `rotated_for` is the session that came with the rotation, if a sign-in did;
    with `rotation_due` the next change by the browser brings a new one.
    `sessions` are those that were live when the client was loaded.
    """

    id: ClientId
    version: int
    token_hash: bytes
    previous_token_hash: bytes | None
    rotated_at: float
    last_active_session_id: SessionId | None
    created_at: float
    updated_at: float
    rotation_due: bool = False
    rotated_for: SessionId | None = None
    sessions: tuple[Session, ...] = ()

    def find_session(self, session_id: SessionId) -> Session | None:
        for session in self.sessions:
            if session.id == session_id:
                return session
        return None

    def live_sessions(self, now: float) -> tuple[Session, ...]:
        return tuple(s for s in self.sessions if s.is_live and standing(s, now) is s.status)


class Factor(StrEnum):
    """What a person proved who they are with: the first factor, or one on top of it."""

    FIRST = "first_factor"
    SECOND = "second_factor"


Decision = tuple[Client, tuple[Event, ...]]


def start_session(client: Client, session: Session, now: float) -> Decision:
    """Add `session` and make it the active one."""
    client = replace(
        client,
        sessions=(*client.sessions, session),
        last_active_session_id=session.id,
        updated_at=now,
    )
    kind = "session.pending" if session.status is Status.PENDING else "session.created"
    return client, (_event(kind, session, now),)


def touch_session(client: Client, session_id: SessionId, now: float) -> Decision:
    """Make a live session the active one, and active at `now`."""

    def touched(session: Session) -> Session:
        at = max(now, session.last_active_at)
        return replace(session, last_active_at=at, updated_at=now)

    client = _with(client, session_id, touched, now)
    return replace(client, last_active_session_id=session_id), ()


def enter_organization(
    client: Client, session_id: SessionId, organization_id: str | None, now: float
) -> Decision:
    """Let a session act in an organization from here on, or in none."""

    def entered(session: Session) -> Session:
        return replace(session, organization_id=organization_id, updated_at=now)

    return _with(client, session_id, entered, now), ()


def change_session(
    client: Client, session_id: SessionId, changes: dict[str, Any], now: float
) -> Decision:
    """Set tasks, claims or data of a session; without a task left it is pending no more."""

    def changed(session: Session) -> Session:
        session = replace(session, **changes, updated_at=_later(session, now))
        status = Status.PENDING if session.tasks else Status.ACTIVE
        return session if session.status is status else session.become(status, session.updated_at)

    before = client.find_session(session_id)
    client = _with(client, session_id, changed, now)
    after = client.find_session(session_id)
    if before is None or after is None:
        return client, ()
    events: list[Event] = []
    if before.status is not after.status:
        kind = "session.pending" if after.status is Status.PENDING else "session.activated"
        events.append(_event(kind, after, now))
    if before.claims != after.claims:
        events.append(_event("claims.bumped", after, now))
    return client, tuple(events)


def promise_token(client: Client, session_id: SessionId, until: float, now: float) -> Decision:
    """Remember that a token of the session may live until `until`, longer than others do."""

    def promised(session: Session) -> Session:
        return replace(session, tokens_until=max(until, session.tokens_until or until))

    return _with(client, session_id, promised, now), ()


def verify_factor(client: Client, session_id: SessionId, factor: Factor, now: float) -> Decision:
    """Record that the session's user was verified again; the client token shall change."""

    def verified(session: Session) -> Session:
        if factor is Factor.FIRST:
            return replace(session, first_factor_at=now, updated_at=_later(session, now))
        return replace(session, second_factor_at=now, updated_at=_later(session, now))

    client = replace(_with(client, session_id, verified, now), rotation_due=True)
    session = client.find_session(session_id)
    events = (_event("session.verified", session, now, factor=factor),) if session else ()
    return client, events


def note_activity(
    client: Client, session_id: SessionId, activity: Activity, now: float
) -> Decision:
    """Remember from where and with what a session is used; say so where that has changed."""
    before = client.find_session(session_id)
    noted = _with(client, session_id, lambda s: replace(s, activity=activity), now)
    session = noted.find_session(session_id)
    if before is None or session is None:
        return client, ()
    known = before.activity
    events: list[Event] = []
    if known.ip_address != activity.ip_address:
        change = {"from": known.ip_address, "to": activity.ip_address}
        events.append(_event("session.address_changed", session, now, **change))
    if (known.browser_name, known.device_type) != (activity.browser_name, activity.device_type):
        change = {"from": known.user_agent, "to": activity.user_agent}
        events.append(_event("session.browser_changed", session, now, **change))
    return noted, tuple(events)


def finish_sessions(
    client: Client,
    status: Status,
    now: float,
    chosen: Callable[[Session], bool] = lambda _: True,
    **data: str,
) -> Decision:
    """Bring the `chosen` live sessions to `status`; what time has ended is recorded as that."""
    events: list[Event] = []
    sessions: list[Session] = []
    for session in client.sessions:
        found = standing(session, now)
        is_chosen = chosen(session)
        if session.is_live and (found is not session.status or is_chosen):
            reached = status if found is session.status else found
            session = session.become(reached, now)
            # What time has ended was not ended by whoever comes now.
            why: dict[str, Any] = dict(data) if is_chosen and reached is status else {}
            if session.tokens_until is not None and session.tokens_until > now:
                why["tokens_until"] = session.tokens_until
            events.append(_event(f"session.{reached}", session, now, **why))
        sessions.append(session)
    client = replace(client, sessions=tuple(sessions), updated_at=now)
    return _with_an_active_session(client, now), tuple(events)


def rotate_token(
    client: Client, token_hash: bytes, now: float, session_id: SessionId | None = None
) -> Decision:
    """Give the client a new token; the present one becomes the previous one.

    `session_id` is the session that a sign-in starts with it.
    """
    client = replace(
        client,
        token_hash=token_hash,
        previous_token_hash=client.token_hash,
        rotated_at=now,
        rotation_due=False,
        rotated_for=session_id,
        updated_at=now,
    )
    return client, (Event(type="client.rotated", at=now, client_id=client.id),)


def revoke_stolen(client: Client, now: float) -> Decision:
    """End all sessions of a client whose previous token came back after its grace."""
    client, events = finish_sessions(client, Status.REVOKED, now, reason="client token reused")
    over = [{"session_id": event.session_id, "user_id": event.user_id} for event in events]
    theft = Event(type="client.theft", at=now, client_id=client.id, data={"sessions": over})
    return client, (theft, *events)


def _later(session: Session, now: float) -> float:
    """Return a time at which the session never was before: tokens are shared by it."""
    return max(now, session.updated_at + 0.001)


def _with_an_active_session(client: Client, now: float) -> Client:
    """Where the active session is gone, the most recently active one takes its place."""
    live = client.live_sessions(now)
    if any(session.id == client.last_active_session_id for session in live):
        return client
    heir = max(live, key=lambda session: session.last_active_at, default=None)
    return replace(client, last_active_session_id=heir.id if heir else None)


def _with(
    client: Client, session_id: SessionId, change: Callable[[Session], Session], now: float
) -> Client:
    sessions = tuple(change(s) if s.id == session_id else s for s in client.sessions)
    return replace(client, sessions=sessions, updated_at=now)


def _event(kind: str, session: Session, now: float, **data: Any) -> Event:
    return Event(
        type=kind,
        at=now,
        client_id=session.client_id,
        session_id=session.id,
        user_id=session.user_id,
        actor_id=session.actor_id,
        ip_address=session.activity.ip_address,
        user_agent=session.activity.user_agent,
        data=data,
    )
