"""Erasing a user in memory."""

from dataclasses import dataclass, replace

from edgepass_sidecar.audit.chain import erase, erasure_event, is_erasable
from edgepass_sidecar.client import Client
from edgepass_sidecar.delivery import DeliveryStatus
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, TicketId, UserId
from edgepass_sidecar.seals import Beginning
from edgepass_sidecar.session import Session
from edgepass_sidecar.stores.memory_deliveries import MemoryDeliveries
from edgepass_sidecar.stores.memory_seals import MemorySeals
from edgepass_sidecar.ticket import Ticket
from edgepass_sidecar.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class _Erasure:
    """What is on record of one: `until` is the last cursor there was when it was begun."""

    asked_at: float
    until: int
    # Those that were the user's alone.
    clients: frozenset[ClientId]


class MemoryErasure(MemorySeals, MemoryDeliveries):
    """The part of the store that forgets a user. Each method is atomic."""

    _clients: dict[ClientId, Client]
    _sessions: dict[SessionId, Session]
    _tickets: dict[TicketId, Ticket]
    _users: dict[UserId, User]

    def __init__(self) -> None:
        super().__init__()
        self._erasures: dict[UserId, _Erasure] = {}

    async def find_acting(self, user_id: UserId) -> tuple[SessionId, ...]:
        live = (s for s in self._sessions.values() if s.is_live and s.actor_id == user_id)
        return tuple(sorted(session.id for session in live))

    async def begin_erasure(self, user_id: UserId, at: float) -> Beginning:
        if await self.find_acting(user_id):
            return Beginning.STILL_ACTING
        theirs = {s.client_id for s in self._sessions.values() if s.user_id == user_id}
        theirs |= {e.client_id for e in self._events if e.client_id and e.user_id == user_id}
        shared = {s.client_id for s in self._sessions.values() if s.user_id != user_id}
        shared |= {
            e.client_id for e in self._events if e.client_id and e.user_id not in (None, user_id)
        }
        begun = self._erasures.get(user_id)
        known = begun.clients if begun else frozenset()
        is_known = self._delete(user_id)
        holders = {session.client_id for session in self._sessions.values()}
        for client_id in theirs - holders:
            self._clients.pop(client_id, None)
        self._erasures[user_id] = _Erasure(
            asked_at=at, until=len(self._events), clients=known | (theirs - shared)
        )
        if is_known or self._theirs(user_id):
            return Beginning.BEGUN
        del self._erasures[user_id]
        return Beginning.UNKNOWN

    async def find_cursor_before(self, at: float) -> int:
        kept = list(enumerate(self._events, start=1))[self._pruned :]
        earlier = ((event.at, cursor) for cursor, event in kept if event.at < at)
        return max(earlier, default=(0.0, 0))[1]

    async def erase_events(self, user_id: UserId, until: int, limit: int, at: float) -> int:
        pending = {
            delivery.cursor
            for delivery in self._deliveries.values()
            if delivery.status is DeliveryStatus.PENDING and delivery.give_up_at >= at
        }
        cursors = [
            cursor
            for cursor in self._theirs(user_id)
            if cursor <= until and cursor in self._seals and cursor not in pending
        ][:limit]
        for cursor in cursors:
            self._events[cursor - 1] = erase(self._events[cursor - 1])
            self._seals[cursor] = replace(self._seals[cursor], salt=None)
            self._deliveries.pop(cursor, None)
        if cursors:
            self._events.append(erasure_event(cursors, at))
        return len(cursors)

    async def finish_erasure(self, user_id: UserId) -> bool:
        if user_id not in self._erasures or self._theirs(user_id):
            return False
        del self._erasures[user_id]
        return True

    async def list_erasures(self, before: float) -> tuple[UserId, ...]:
        asked = sorted((erasure.asked_at, user) for user, erasure in self._erasures.items())
        return tuple(user_id for asked_at, user_id in asked if asked_at < before)

    def _delete(self, user_id: UserId) -> bool:
        sessions = [s for s in self._sessions.values() if user_id in (s.user_id, s.actor_id)]
        for session in sessions:
            del self._sessions[session.id]
            client = self._clients[session.client_id]
            if client.rotated_for == session.id:
                self._clients[client.id] = replace(client, rotated_for=None)
        tickets = [
            ticket.id
            for ticket in self._tickets.values()
            if user_id in (ticket.user_id, (ticket.terms.actor or {}).get("sub"))
        ]
        for ticket_id in tickets:
            del self._tickets[ticket_id]
        user = self._users.pop(user_id, None)
        return bool(sessions or tickets or user)

    def _theirs(self, user_id: UserId) -> list[int]:
        erasure = self._erasures.get(user_id)
        if erasure is None:
            return []
        return [
            cursor
            for cursor, event in enumerate(self._events, start=1)
            if (cursor <= erasure.until or event.at <= erasure.asked_at)
            and is_erasable(event.type)
            and _is_of(event, user_id, erasure.clients)
        ]


def _is_of(event: Event, user_id: UserId, clients: frozenset[ClientId]) -> bool:
    return (
        user_id in (event.user_id, event.actor_id, event.data.get("by_actor"))
        or event.client_id in clients
        or _is_theft_from(event, user_id)
    )


def _is_theft_from(event: Event, user_id: UserId) -> bool:
    # Whose sessions a theft ended is in its data alone.
    over = event.data.get("sessions", ()) if event.type == "client.theft" else ()
    return any(each["user_id"] == user_id for each in over)
