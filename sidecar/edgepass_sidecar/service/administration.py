"""What the app's own servers do through the backend API: users, tickets, sessions."""

from dataclasses import replace
from typing import Any

from edgepass_sidecar.client import finish_sessions
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import SessionId, TicketId, UserId, ticket_id, user_id
from edgepass_sidecar.service.core import ATTEMPTS, Core
from edgepass_sidecar.service.refusal import Refused, not_found, too_many_races
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.store import Commit
from edgepass_sidecar.ticket import SECRET_BYTES, Ticket, TicketStatus, TicketToken
from edgepass_sidecar.user import User

_SHORTEST_STEP = 0.001  # seconds; the wire has milliseconds


async def create_user(core: Core, wanted_id: str | None, profile: dict[str, Any]) -> User:
    """Store a user under the app's own id for it, or under a new one."""
    now = core.clock()
    identifier = UserId(wanted_id) if wanted_id else user_id(core.random(16))
    user = User(id=identifier, created_at=now, updated_at=now, **profile)
    if not await core.store.insert_user(user, (_user_event("user.created", user, now),)):
        raise _taken()
    return user


async def update_user(core: Core, identifier: UserId, changes: dict[str, Any]) -> User:
    for _ in range(ATTEMPTS):
        stored = await load_user(core, identifier)
        now = core.clock()
        # Never the same time twice: it is by this that a lost race shows.
        updated_at = max(now, stored.updated_at + _SHORTEST_STEP)
        user = replace(stored, updated_at=updated_at, **changes)
        event = _user_event("user.updated", user, now)
        if await core.store.update_user(user, stored.updated_at, (event,)):
            return user
        if await load_user(core, identifier) == stored:
            raise _taken()
    raise too_many_races()


async def load_user(core: Core, identifier: UserId) -> User:
    users = await core.store.load_users([identifier])
    if identifier not in users:
        raise not_found("user")
    return users[identifier]


async def create_ticket(
    core: Core, identifier: UserId, lifetime: int
) -> tuple[Ticket, TicketToken]:
    """Make a sign-in token for a user. Its text is shown here and never again."""
    await load_user(core, identifier)
    now = core.clock()
    token = TicketToken(ticket_id(core.random(16)), core.random(SECRET_BYTES))
    ticket = Ticket(
        id=token.ticket_id,
        user_id=identifier,
        secret_hash=token.hash(),
        status=TicketStatus.PENDING,
        created_at=now,
        updated_at=now,
        expires_at=now + lifetime,
    )
    await core.store.insert_ticket(ticket, (_ticket_event("ticket.created", ticket, now),))
    return ticket, token


async def revoke_ticket(core: Core, identifier: TicketId) -> Ticket:
    """Revoke a ticket that was not used; revoking it again changes nothing."""
    for _ in range(ATTEMPTS):
        ticket = await core.store.load_ticket(identifier)
        if ticket is None:
            raise not_found("sign-in token")
        if ticket.status is TicketStatus.REVOKED:
            return ticket
        if ticket.status is TicketStatus.ACCEPTED:
            raise Refused(422, "ticket_used", "The sign-in token was used: revoke its session.")
        now = core.clock()
        revoked = ticket.revoke(now)
        event = _ticket_event("ticket.revoked", revoked, now)
        if await core.store.revoke_ticket(revoked, (event,)):
            return revoked
    raise too_many_races()


async def load_session(core: Core, identifier: SessionId) -> Session:
    session = await core.store.find_session(identifier)
    if session is None:
        raise not_found("session")
    return session


async def revoke_session(core: Core, identifier: SessionId) -> Session:
    """Revoke a session; once this returns, no token is minted for it. Again changes nothing."""
    for _ in range(ATTEMPTS):
        session = await load_session(core, identifier)
        if not session.is_live:
            return session
        client = await core.store.load_client(session.client_id)
        assert client is not None, "a session is never stored without its client"
        changed, events = finish_sessions(
            client, Status.REVOKED, core.clock(), lambda other: other.id == identifier
        )
        if await core.store.commit(Commit(client=changed, events=events)):
            return changed.find_session(identifier) or session
    raise too_many_races()


def _taken() -> Refused:
    return Refused(422, "form_identifier_exists", "Another user has this id or external_id.")


def _user_event(kind: str, user: User, now: float) -> Event:
    return Event(type=kind, at=now, user_id=user.id)


def _ticket_event(kind: str, ticket: Ticket, now: float) -> Event:
    return Event(type=kind, at=now, user_id=ticket.user_id, data={"ticket_id": ticket.id})
