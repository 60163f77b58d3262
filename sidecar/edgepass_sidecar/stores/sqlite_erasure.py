"""Erasing a user in SQLite, in all tables."""

import sqlite3
from typing import Any

import orjson

from edgepass_sidecar.audit.chain import erasure_event, is_erasable
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.seals import Beginning
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.statements import append

_LIVE = "status IN ('active', 'pending')"
_ACTING = "details ->> '$.actor.sub' = :user"
_FIND_ACTING = f"SELECT id FROM sessions WHERE {_LIVE} AND {_ACTING}"
_CLIENTS = (
    "SELECT client_id FROM sessions WHERE user_id = :user"
    " UNION SELECT client_id FROM events WHERE user_id = :user AND client_id IS NOT NULL"
)
# What others were seen on is theirs as well.
_ALONE = (
    f"SELECT client_id FROM ({_CLIENTS}) AS c"
    " WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE client_id = c.client_id AND user_id <> :user)"
    " AND NOT EXISTS"
    " (SELECT 1 FROM events WHERE client_id = c.client_id AND user_id <> :user)"
)
# Events beyond `until` are of another user of the same id, should there ever be one, unless
# they tell of something that happened before and was only written late.
_BEGIN = (
    "INSERT INTO erasures (user_id, asked_at, until, clients) VALUES (:user, :at,"
    " coalesce((SELECT max(cursor) FROM events), 0), :clients)"
    " ON CONFLICT (user_id) DO UPDATE SET asked_at = excluded.asked_at,"
    " until = excluded.until, clients = excluded.clients"
)
_SESSIONS = f"FROM sessions WHERE user_id = :user OR {_ACTING}"
_DELETE = (
    f"UPDATE clients SET rotated_for = NULL WHERE id IN (SELECT client_id {_SESSIONS})"
    f" AND rotated_for IN (SELECT id {_SESSIONS})",
    f"DELETE {_SESSIONS}",
    "DELETE FROM tickets WHERE user_id = :user OR terms ->> '$.actor.sub' = :user",
    "DELETE FROM users WHERE id = :user",
)
_UNUSED = (
    "DELETE FROM clients AS c WHERE id = ?"
    " AND NOT EXISTS (SELECT 1 FROM sessions WHERE client_id = c.id)"
)
_THEIRS = (
    "SELECT cursor FROM events WHERE user_id = :user"
    " UNION SELECT cursor FROM events WHERE actor_id = :user"
    " UNION SELECT cursor FROM events WHERE data ->> 'by_actor' = :user"
    " UNION SELECT e.cursor FROM erasures AS r, json_each(r.clients) AS j"
    " JOIN events AS e ON e.client_id = j.value WHERE r.user_id = :user"
    # Whose sessions a theft ended is in its data alone.
    " UNION SELECT e.cursor FROM events AS e, json_each(e.data, '$.sessions') AS j"
    " WHERE e.type = 'client.theft' AND j.value ->> 'user_id' = :user"
)
_OF_THAT_TIME = (
    "EXISTS (SELECT 1 FROM erasures WHERE user_id = :user"
    " AND (e.cursor <= until OR e.at <= asked_at))"
)
_NEXT = (
    f"SELECT e.cursor, e.type FROM ({_THEIRS}) AS t JOIN events AS e ON e.cursor = t.cursor"
    f" JOIN seals AS s ON s.cursor = e.cursor WHERE e.cursor <= :until AND {_OF_THAT_TIME}"
    " AND NOT EXISTS"
    " (SELECT 1 FROM deliveries WHERE cursor = e.cursor AND status = 'pending'"
    " AND give_up_at >= :at)"
    " ORDER BY e.cursor LIMIT :limit"
)
_BLANK = (
    "UPDATE events SET client_id = NULL, session_id = NULL, user_id = NULL, actor_id = NULL,"
    " ip_address = '', user_agent = '', data = '{}' WHERE cursor = ?",
    "UPDATE seals SET salt = NULL WHERE cursor = ?",
    "DELETE FROM deliveries WHERE cursor = ?",
)


class SqliteErasure:
    """The part of the store that forgets a user."""

    _file: SqliteFile

    async def find_acting(self, user_id: UserId) -> tuple[SessionId, ...]:
        statement, values = f"{_FIND_ACTING} ORDER BY id", {"user": user_id}
        found = await self._file.read(lambda db: db.execute(statement, values).fetchall())
        return tuple(SessionId(identifier) for (identifier,) in found)

    async def begin_erasure(self, user_id: UserId, at: float) -> Beginning:
        values: dict[str, Any] = {"user": user_id, "at": at}

        def begin(db: sqlite3.Connection) -> Beginning:
            if db.execute(f"{_FIND_ACTING} LIMIT 1", values).fetchone():
                return Beginning.STILL_ACTING
            alone = {client for (client,) in db.execute(_ALONE, values)}
            used = db.execute(_CLIENTS, values).fetchall()
            marked = db.execute("SELECT clients FROM erasures WHERE user_id = :user", values)
            known = [client for (text,) in marked for client in orjson.loads(text)]
            values["clients"] = orjson.dumps(sorted(alone.union(known))).decode()
            db.execute(_BEGIN, values)
            gone = sum(db.execute(statement, values).rowcount for statement in _DELETE)
            db.executemany(_UNUSED, used)
            if gone or db.execute(f"{_THEIRS} LIMIT 1", values).fetchone():
                return Beginning.BEGUN
            db.execute("DELETE FROM erasures WHERE user_id = :user", values)
            return Beginning.UNKNOWN

        return await self._file.write(begin)

    async def find_cursor_before(self, at: float) -> int:
        # By the index on time; by cursors it would read the whole log.
        statement = "SELECT cursor FROM events WHERE at < ? ORDER BY at DESC, cursor DESC LIMIT 1"
        row = await self._file.read(lambda db: db.execute(statement, (at,)).fetchone())
        return row[0] if row else 0

    async def erase_events(self, user_id: UserId, until: int, limit: int, at: float) -> int:
        values = {"user": user_id, "until": until, "limit": limit, "at": at}

        def erase(db: sqlite3.Connection) -> int:
            found = db.execute(_NEXT, values).fetchall()
            cursors = [cursor for cursor, kind in found if is_erasable(kind)]
            for statement in _BLANK:
                db.executemany(statement, [(cursor,) for cursor in cursors])
            if cursors:
                append(db, (erasure_event(cursors, at),))
            return len(cursors)

        return await self._file.write(erase)

    async def finish_erasure(self, user_id: UserId) -> bool:
        left = (
            f"SELECT 1 FROM ({_THEIRS}) AS t JOIN events AS e ON e.cursor = t.cursor"
            f" WHERE {_OF_THAT_TIME}"
        )
        statement = f"DELETE FROM erasures WHERE user_id = :user AND NOT EXISTS ({left})"
        values = {"user": user_id}
        return await self._file.write(lambda db: db.execute(statement, values).rowcount == 1)

    async def list_erasures(self, before: float) -> tuple[UserId, ...]:
        statement = "SELECT user_id FROM erasures WHERE asked_at < ? ORDER BY asked_at, user_id"
        found = await self._file.read(lambda db: db.execute(statement, (before,)).fetchall())
        return tuple(UserId(user_id) for (user_id,) in found)
