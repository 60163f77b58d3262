"""The event log in memory, for those who read it."""

from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import Entries, EventQuery


class MemoryLog:
    """The part of the store that holds what happened: the event at index 0 has cursor 1."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._positions: dict[str, int] = {}
        # How many are no longer kept; their places are.
        self._pruned = 0

    async def append_events(self, events: tuple[Event, ...]) -> None:
        self._events.extend(events)

    async def list_events(self, after: int, limit: int) -> Entries:
        return await self.find_events(EventQuery(after=after, limit=limit))

    async def find_events(self, query: EventQuery) -> Entries:
        entries = enumerate(self._events[self._pruned :], start=self._pruned + 1)
        found = [
            (cursor, event) for cursor, event in entries if _is_asked_for(query, cursor, event)
        ]
        return tuple((found[::-1] if query.newest_first else found)[: query.limit])

    async def newest_cursor(self) -> int:
        return len(self._events)

    async def oldest_cursor(self) -> int:
        return self._pruned + 1

    async def load_position(self, reader: str) -> int:
        return self._positions.get(reader, 0)


def _is_asked_for(query: EventQuery, cursor: int, event: Event) -> bool:
    is_beyond = cursor < query.after if query.newest_first else cursor > query.after
    return (
        (is_beyond or (query.newest_first and not query.after))
        and query.user_id in (None, event.user_id)
        and query.client_id in (None, event.client_id)
        and query.session_id in (None, event.session_id)
        and (not query.types or event.type in query.types)
        and (query.since is None or event.at >= query.since)
        and (query.until is None or event.at < query.until)
    )
