"""The event log in SQLite, for those who read it."""

from typing import Any

from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import Entries, EventQuery
from edgepass_sidecar.stores import rows
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.statements import append, select

_EVENTS = select("events", ("cursor", *rows.EVENT_COLUMNS))
# What AUTOINCREMENT goes on from, which also knows of events that are no longer kept.
_NEWEST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)"


class SqliteLog:
    """The part of the store that holds what happened."""

    _file: SqliteFile

    async def append_events(self, events: tuple[Event, ...]) -> None:
        await self._file.write(lambda db: append(db, events))

    async def list_events(self, after: int, limit: int) -> Entries:
        return await self.find_events(EventQuery(after=after, limit=limit))

    async def find_events(self, query: EventQuery) -> Entries:
        where, values = _conditions(query)
        order = "DESC" if query.newest_first else "ASC"
        statement = f"{_EVENTS}{where} ORDER BY cursor {order} LIMIT :limit"
        found = await self._file.read(lambda db: db.execute(statement, values).fetchall())
        return tuple((cursor, rows.parse_event(tuple(row))) for cursor, *row in found)

    async def newest_cursor(self) -> int:
        newest: int = self._file.read_here(lambda db: db.execute(_NEWEST).fetchone()[0])
        return newest

    async def oldest_cursor(self) -> int:
        statement = f"SELECT coalesce((SELECT min(cursor) FROM events), ({_NEWEST}) + 1)"
        oldest: int = self._file.read_here(lambda db: db.execute(statement).fetchone()[0])
        return oldest

    async def load_position(self, reader: str) -> int:
        statement = "SELECT cursor FROM positions WHERE reader = ?"
        row = await self._file.read(lambda db: db.execute(statement, (reader,)).fetchone())
        return row[0] if row else 0


def _conditions(query: EventQuery) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"after": query.after, "limit": query.limit}
    conditions = []
    if query.after or not query.newest_first:
        conditions.append("cursor < :after" if query.newest_first else "cursor > :after")
    for name in ("user_id", "client_id", "session_id"):
        if getattr(query, name) is not None:
            conditions.append(f"{name} = :{name}")
            values[name] = getattr(query, name)
    if query.types:
        kinds = {f"type{i}": kind for i, kind in enumerate(sorted(query.types))}
        # Of several types the index would have to be sorted: + leaves it out.
        name = "+type" if len(kinds) > 1 else "type"
        conditions.append(f"{name} IN ({', '.join(f':{kind}' for kind in kinds)})")
        values |= kinds
    if query.since is not None:
        conditions.append("at >= :since")
        values["since"] = query.since
    if query.until is not None:
        conditions.append("at < :until")
        values["until"] = query.until
    return (" WHERE " + " AND ".join(conditions) if conditions else ""), values
