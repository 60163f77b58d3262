"""A store in this process's memory: the executable reference that all adapters are held against."""

from collections.abc import Sequence
from dataclasses import replace

from edgepass_sidecar.client import Client
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, TemplateId, TicketId, UserId
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.session import LIVE, Session, standing
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.store import Admission, Commit, Note, Over, Page, SessionQuery, Touch
from edgepass_sidecar.stores.memory_erasure import MemoryErasure
from edgepass_sidecar.template import Template
from edgepass_sidecar.ticket import Ticket, TicketStatus
from edgepass_sidecar.user import User


class MemoryStore(MemoryErasure):
    """Keeps everything in dictionaries. No method awaits anything, so each is atomic."""

    def __init__(self) -> None:
        super().__init__()
        self._clients: dict[ClientId, Client] = {}
        self._sessions: dict[SessionId, Session] = {}
        self._users: dict[UserId, User] = {}
        self._tickets: dict[TicketId, Ticket] = {}
        self._templates: dict[TemplateId, Template] = {}
        self._notes: dict[bytes, Note] = {}
        self._signing_keys: tuple[int, tuple[SigningKey, ...]] = (0, ())
        self._secret_keys: dict[str, SecretKey] = {}

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def ping(self) -> None:
        pass

    async def load_client(self, client_id: ClientId) -> Client | None:
        client = self._clients.get(client_id)
        return None if client is None else self._with_live_sessions(client)

    async def list_clients(self, limit: int, offset: int) -> Page[Client]:
        found = sorted(self._clients.values(), key=lambda c: (c.created_at, c.id), reverse=True)
        chosen = found[offset : offset + limit]
        return Page(tuple(map(self._with_live_sessions, chosen)), len(found))

    def _with_live_sessions(self, client: Client) -> Client:
        known = (session.id for session in client.sessions if session.id in self._sessions)
        sessions = (self._session(session_id) for session_id in known)
        return replace(client, sessions=tuple(s for s in sessions if s.is_live))

    async def commit(self, commit: Commit) -> bool:
        client, stored = commit.client, self._clients.get(commit.client.id)
        if (stored.version if stored else 0) != client.version:
            return False
        if commit.accepted is not None and not self._is_pending(commit.accepted):
            return False
        sessions = self._sessions | {s.id: self._merged(s) for s in client.sessions}
        if commit.admission is not None and not self._admits(commit.admission, sessions):
            return False
        self._sessions = sessions
        self._clients[client.id] = replace(client, version=client.version + 1)
        if commit.accepted is not None:
            self._tickets[commit.accepted.id] = commit.accepted
        self._events.extend(commit.events)
        return True

    async def touch(self, touches: Sequence[Touch]) -> None:
        for touch in touches:
            session = self._sessions.get(touch.session_id)
            if session is not None and session.is_live and session.last_active_at < touch.at:
                self._sessions[session.id] = replace(session, last_active_at=touch.at)

    async def find_session(self, session_id: SessionId) -> Session | None:
        return self._session(session_id) if session_id in self._sessions else None

    async def list_sessions(self, query: SessionQuery, now: float) -> Page[Session]:
        found = [
            session
            for session in map(self._session, self._sessions)
            if query.user_id in (None, session.user_id)
            and query.client_id in (None, session.client_id)
            and (session.is_live or not query.unfinished)
            and (query.older_than is None or _age(session) < _age(query.older_than))
            and (not query.statuses or standing(session, now) in query.statuses)
        ]
        found.sort(key=_age, reverse=True)
        return Page(tuple(found[query.offset : query.offset + query.limit]), len(found))

    async def insert_user(self, user: User, events: tuple[Event, ...]) -> bool:
        if user.id in self._users or self._is_taken(user):
            return False
        self._users[user.id] = user
        self._events.extend(events)
        return True

    async def update_user(self, user: User, since: float, events: tuple[Event, ...]) -> bool:
        stored = self._users.get(user.id)
        if stored is None or stored.updated_at != since or self._is_taken(user):
            return False
        self._users[user.id] = user
        self._events.extend(events)
        return True

    async def load_users(self, user_ids: Sequence[UserId]) -> dict[UserId, User]:
        return {user_id: self._users[user_id] for user_id in user_ids if user_id in self._users}

    async def list_users(self, external_ids: Sequence[str], limit: int, offset: int) -> Page[User]:
        found = [
            user
            for user in self._users.values()
            if not external_ids or user.external_id in external_ids
        ]
        found.sort(key=lambda user: (user.created_at, user.id), reverse=True)
        return Page(tuple(found[offset : offset + limit]), len(found))

    async def insert_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> None:
        self._tickets[ticket.id] = ticket
        self._events.extend(events)

    async def load_ticket(self, ticket_id: TicketId) -> Ticket | None:
        return self._tickets.get(ticket_id)

    async def revoke_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> bool:
        if not self._is_pending(ticket):
            return False
        self._tickets[ticket.id] = ticket
        self._events.extend(events)
        return True

    async def insert_template(self, template: Template, events: tuple[Event, ...]) -> bool:
        if template.id in self._templates or self._is_named(template):
            return False
        self._templates[template.id] = template
        self._events.extend(events)
        return True

    async def update_template(
        self, template: Template, since: float, events: tuple[Event, ...]
    ) -> bool:
        stored = self._templates.get(template.id)
        if stored is None or stored.updated_at != since or self._is_named(template):
            return False
        self._templates[template.id] = template
        self._events.extend(events)
        return True

    async def delete_template(self, template_id: TemplateId, events: tuple[Event, ...]) -> bool:
        if self._templates.pop(template_id, None) is None:
            return False
        self._events.extend(events)
        return True

    async def load_templates(self) -> tuple[Template, ...]:
        newest_first = sorted(self._templates.values(), key=lambda t: (t.created_at, t.id))
        return tuple(reversed(newest_first))

    async def keep_note(self, note: Note) -> None:
        self._notes[note.hash] = note

    async def take_note(self, note_hash: bytes, now: float) -> bytes | None:
        note = self._notes.pop(note_hash, None)
        return note.text if note is not None and now < note.expires_at else None

    async def find_note(self, note_hash: bytes, now: float) -> bytes | None:
        note = self._notes.get(note_hash)
        return note.text if note is not None and now < note.expires_at else None

    async def find_over(self, after: str, limit: int, now: float) -> Over:
        live = sorted(i for i, s in self._sessions.items() if s.is_live and i > after)[:limit]
        looked_at = [self._session(session_id) for session_id in live]
        over = frozenset(s.client_id for s in looked_at if standing(s, now) is not s.status)
        return Over(live[-1] if len(live) == limit else "", over)

    async def purge(self, before: float, limit: int) -> int:
        dead = [i for i, s in self._sessions.items() if not s.is_live and s.updated_at < before]
        for session_id in dead[:limit]:
            del self._sessions[session_id]
        holders = {session.client_id for session in self._sessions.values()}
        unused = [
            client.id
            for client in self._clients.values()
            if client.id not in holders and client.updated_at < before
        ]
        for client_id in unused[:limit]:
            del self._clients[client_id]
        for ticket in [t for t in self._tickets.values() if t.expires_at < before][:limit]:
            del self._tickets[ticket.id]
        return len(dead[:limit]) + len(unused[:limit])

    async def drop_notes(self, now: float, limit: int) -> int:
        over = [note for note in self._notes.values() if note.expires_at <= now][:limit]
        for note in over:
            del self._notes[note.hash]
        return len(over)

    async def load_signing_keys(self) -> tuple[int, tuple[SigningKey, ...]]:
        return self._signing_keys

    async def replace_signing_keys(
        self, version: int, keys: tuple[SigningKey, ...], events: tuple[Event, ...]
    ) -> bool:
        if self._signing_keys[0] != version:
            return False
        self._signing_keys = (version + 1, keys)
        self._events.extend(events)
        return True

    async def load_secret_keys(self) -> tuple[SecretKey, ...]:
        return tuple(self._secret_keys.values())

    async def insert_secret_key(self, key: SecretKey, events: tuple[Event, ...]) -> None:
        self._secret_keys[key.id] = key
        self._events.extend(events)

    async def revoke_secret_key(self, key_id: str, at: float, events: tuple[Event, ...]) -> bool:
        key = self._secret_keys.get(key_id)
        if key is None or key.revoked_at is not None:
            return False
        self._secret_keys[key_id] = replace(key, revoked_at=at)
        self._events.extend(events)
        return True

    def _session(self, session_id: SessionId) -> Session:
        session = self._sessions[session_id]
        return replace(session, user=self._users[session.user_id])

    def _merged(self, session: Session) -> Session:
        # A touch that came between load and commit is not undone.
        known = self._sessions.get(session.id, session)
        return replace(session, last_active_at=max(known.last_active_at, session.last_active_at))

    def _admits(self, admission: Admission, sessions: dict[SessionId, Session]) -> bool:
        user = self._users.get(admission.user.id)
        if user is None or user.updated_at != admission.user.updated_at:
            return False
        theirs = (replace(s, user=user) for s in sessions.values() if s.user_id == user.id)
        live = sum(
            standing(session, admission.now) in LIVE for session in theirs if not session.actor
        )
        return admission.maximum_sessions is None or live <= admission.maximum_sessions

    def _is_named(self, template: Template) -> bool:
        return any(
            other.name == template.name and other.id != template.id
            for other in self._templates.values()
        )

    def _is_pending(self, ticket: Ticket) -> bool:
        stored = self._tickets.get(ticket.id)
        return stored is not None and stored.status is TicketStatus.PENDING

    def _is_taken(self, user: User) -> bool:
        return user.external_id is not None and any(
            other.external_id == user.external_id and other.id != user.id
            for other in self._users.values()
        )


def _age(session: Session) -> tuple[float, SessionId]:
    return session.created_at, session.id
