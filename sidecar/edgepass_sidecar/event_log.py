"""The port to the event log, for all who read it: the feed, the audit trail, webhooks, people."""

from dataclasses import dataclass
from typing import Protocol

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, UserId

Entries = tuple[tuple[int, Event], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events to find, in the order of their cursors.

    `after` is a cursor and exclusive; `since` and `until` are seconds since the
    epoch, the latter exclusive. No `types` is any. With `newest_first` the order is
    reversed, and `after` is where to go on downwards from (0: from the end).
    """

    user_id: UserId | None = None
    client_id: ClientId | None = None
    session_id: SessionId | None = None
    types: frozenset[str] = frozenset()
    since: float | None = None
    until: float | None = None
    after: int = 0
    newest_first: bool = False
    limit: int = 100


class EventLog(Protocol):
    """The append-only log. Cursors grow in the order in which commits become visible."""

    async def append_events(self, events: tuple[Event, ...]) -> None:
        """Append what goes with no other change."""

    async def list_events(self, after: int, limit: int) -> Entries:
        """Return the events with a cursor beyond `after`, in the order of their cursors."""

    async def find_events(self, query: EventQuery) -> Entries:
        """Return the events asked for, each with its cursor."""

    async def newest_cursor(self) -> int:
        """Return the cursor of the newest event ever written, 0 before the first.

        Cheap enough to be asked 200 times a second.
        """

    async def oldest_cursor(self) -> int:
        """Return the cursor of the oldest event that is still kept; where there is
        none, the one that the next event will have.
        """

    async def load_position(self, reader: str) -> int:
        """Return the cursor up to which `reader` has come, 0 where it never began."""
