"""A client with its sessions: the aggregate that every frontend operation changes as a whole.

Each decision is a pure function from a client and a time to the client as it
is then and the events that say so.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId
from edgepass_sidecar.session import Session, Status, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One browser or app installation.

    `version` counts commits, 0 before the first. `token_hash` is that of the
    client token since `rotated_at`, `previous_token_hash` that of the one before.
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
    sessions: tuple[Session, ...] = ()

    def find_session(self, session_id: SessionId) -> Session | None:
        return next((session for session in self.sessions if session.id == session_id), None)

    def live_sessions(self, now: float) -> tuple[Session, ...]:
        return tuple(s for s in self.sessions if s.is_live and standing(s, now) is s.status)


Decision = tuple[Client, tuple[Event, ...]]


def start_session(client: Client, session: Session, now: float) -> Decision:
    """Add `session` and make it the active one."""
    client = replace(
        client,
        sessions=(*client.sessions, session),
        last_active_session_id=session.id,
        updated_at=now,
    )
    return client, (_event("session.created", session, now),)


def touch_session(client: Client, session_id: SessionId, now: float) -> Decision:
    """Make a live session the active one, and active at `now`."""
    sessions = tuple(
        replace(s, last_active_at=max(now, s.last_active_at), updated_at=now)
        if s.id == session_id
        else s
        for s in client.sessions
    )
    client = replace(client, sessions=sessions, last_active_session_id=session_id, updated_at=now)
    return client, ()


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
        if session.is_live and (found is not session.status or chosen(session)):
            reached = status if found is session.status else found
            session = session.become(reached, now)
            events.append(_event(f"session.{reached}", session, now, **data))
        sessions.append(session)
    client = replace(client, sessions=tuple(sessions), updated_at=now)
    return _with_an_active_session(client, now), tuple(events)


def rotate_token(client: Client, token_hash: bytes, now: float) -> Decision:
    """Give the client a new token; the present one becomes the previous one."""
    client = replace(
        client,
        token_hash=token_hash,
        previous_token_hash=client.token_hash,
        rotated_at=now,
        updated_at=now,
    )
    return client, (Event(type="client.rotated", at=now, client_id=client.id),)


def revoke_stolen(client: Client, now: float) -> Decision:
    """End all sessions of a client whose previous token came back after its grace."""
    client, events = finish_sessions(client, Status.REVOKED, now, reason="client token reused")
    return client, (Event(type="client.theft", at=now, client_id=client.id), *events)


def _with_an_active_session(client: Client, now: float) -> Client:
    """Where the active session is gone, the most recently active one takes its place."""
    live = client.live_sessions(now)
    if any(session.id == client.last_active_session_id for session in live):
        return client
    heir = max(live, key=lambda session: session.last_active_at, default=None)
    return replace(client, last_active_session_id=heir.id if heir else None)


def _event(kind: str, session: Session, now: float, **data: str) -> Event:
    return Event(
        type=kind,
        at=now,
        client_id=session.client_id,
        session_id=session.id,
        user_id=session.user_id,
        data=data,
    )
