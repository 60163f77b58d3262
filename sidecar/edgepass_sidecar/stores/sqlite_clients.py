"""Clients and their sessions in SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import ClientId, SessionId
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import Admission, Commit, Over, Page, SessionQuery, Touch
from edgepass_sidecar.stores import rows
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.statements import (
    append,
    insert,
    on_conflict_replace,
    page,
    select,
)
from edgepass_sidecar.ticket import Ticket, TicketStatus

_LIVE = "s.status IN ('active', 'pending')"
_ABANDONED = (
    "s.inactivity_timeout IS NOT NULL AND s.last_active_at + s.inactivity_timeout <= :now"
    " AND s.last_active_at + s.inactivity_timeout < s.expire_at"
)
# What `standing` says, in SQL.
_STANDING = (
    f"CASE WHEN NOT {_LIVE} THEN s.status"
    " WHEN u.is_banned OR s.created_at < u.not_before THEN 'revoked'"
    f" WHEN {_ABANDONED} THEN 'abandoned'"
    " WHEN s.expire_at <= :now THEN 'expired' ELSE s.status END"
)
_WITH_USERS = "sessions AS s JOIN users AS u ON u.id = s.user_id"
_SESSION_COLUMNS = [f"s.{name}" for name in rows.SESSION_COLUMNS] + [
    f"u.{name}" for name in rows.USER_COLUMNS
]
_SESSIONS = select(_WITH_USERS, _SESSION_COLUMNS)
# One statement, so that what it finds was so at one moment without a transaction: a
# row for each live session, and one with nothing behind the client where there is none.
_CLIENT = (
    select(
        "clients AS c"
        f" LEFT JOIN sessions AS s ON s.client_id = c.id AND {_LIVE}"
        " LEFT JOIN users AS u ON u.id = s.user_id",
        [f"c.{name}" for name in rows.CLIENT_COLUMNS] + _SESSION_COLUMNS,
    )
    + " WHERE c.id = ?"
)
_CLIENT_WIDTH = len(rows.CLIENT_COLUMNS)
_FIRST_OF_USER = _CLIENT_WIDTH + len(rows.SESSION_COLUMNS)


class _NotAdmitted(Exception):
    """The admission of a commit does not hold."""


class SqliteClients:
    """The part of the store that holds the aggregate."""

    _file: SqliteFile

    async def load_client(self, client_id: ClientId) -> Client | None:
        found = self._file.read_here(lambda db: db.execute(_CLIENT, (client_id,)).fetchall())
        return _parse_client(found) if found else None

    async def list_clients(self, limit: int, offset: int) -> Page[Client]:
        return await self._file.read(lambda db: _list_clients(db, limit, offset))

    async def commit(self, commit: Commit) -> bool:
        try:
            return await self._file.write(lambda db: _commit(db, commit))
        except _NotAdmitted:
            return False

    async def touch(self, touches: Sequence[Touch]) -> None:
        statement = (
            "UPDATE sessions AS s SET last_active_at = :at"
            f" WHERE id = :id AND {_LIVE} AND last_active_at < :at"
        )
        values = [{"id": touch.session_id, "at": touch.at} for touch in touches]
        await self._file.write(lambda db: db.executemany(statement, values).rowcount)

    async def find_session(self, session_id: SessionId) -> Session | None:
        statement = _SESSIONS + " WHERE s.id = ?"
        row = self._file.read_here(lambda db: db.execute(statement, (session_id,)).fetchone())
        return rows.parse_session(row) if row else None

    async def list_sessions(self, query: SessionQuery, now: float) -> Page[Session]:
        values: dict[str, Any] = {"now": now}
        values |= {f"status{i}": status for i, status in enumerate(sorted(query.statuses))}
        conditions = [_LIVE] if query.unfinished else []
        if query.statuses:
            marks = ", ".join(f":{name}" for name in values if name != "now")
            conditions.append(f"({_STANDING}) IN ({marks})")
        for name in ("user_id", "client_id"):
            if getattr(query, name) is not None:
                conditions.append(f"s.{name} = :{name}")
                values[name] = getattr(query, name)
        if query.older_than is not None:
            conditions.append("(s.created_at, s.id) < (:created_at, :id)")
            values |= {"created_at": query.older_than.created_at, "id": query.older_than.id}
        where = " AND ".join(conditions)
        found = await self._file.read(
            lambda db: page(db, _SESSIONS, "s", where, values, query.limit, query.offset)
        )
        return Page(tuple(rows.parse_session(row) for row in found.items), found.total)

    async def find_over(self, after: str, limit: int, now: float) -> Over:
        statement = (
            f"SELECT s.id, s.client_id, ({_STANDING}) <> s.status FROM {_WITH_USERS}"
            f" WHERE {_LIVE} AND s.id > :after ORDER BY s.id LIMIT :limit"
        )
        values = {"after": after, "limit": limit, "now": now}
        found = await self._file.read(lambda db: db.execute(statement, values).fetchall())
        last = found[-1][0] if len(found) == limit else ""
        return Over(last, frozenset(client_id for _, client_id, is_over in found if is_over))

    async def purge(self, before: float, limit: int) -> int:
        return await self._file.write(lambda db: _purge(db, before, limit))


def _list_clients(db: sqlite3.Connection, limit: int, offset: int) -> Page[Client]:
    chosen = page(db, select("clients", ["id"]), "clients", "", {}, limit, offset)
    found = (db.execute(_CLIENT, (client_id,)).fetchall() for (client_id,) in chosen.items)
    return Page(tuple(map(_parse_client, found)), chosen.total)


def _parse_client(found: list[rows.Row]) -> Client:
    sessions = [
        rows.parse_session(row[_CLIENT_WIDTH:]) for row in found if row[_FIRST_OF_USER] is not None
    ]
    if len(sessions) > 1:
        # Not ORDER BY, for which SQLite goes through all that a client ever had.
        sessions.sort(key=lambda session: (session.created_at, session.id))
    return rows.parse_client(found[0][:_CLIENT_WIDTH], tuple(sessions))


def _commit(db: sqlite3.Connection, commit: Commit) -> bool:
    client = commit.client
    stored = db.execute("SELECT version FROM clients WHERE id = ?", (client.id,)).fetchone()
    if (stored[0] if stored else 0) != client.version:
        return False
    if commit.accepted is not None and not settle_ticket(db, commit.accepted):
        return False
    identifier, version, *values = rows.client_row(client)
    db.execute(
        insert("clients", rows.CLIENT_COLUMNS) + on_conflict_replace(rows.CLIENT_COLUMNS),
        (identifier, version + 1, *values),
    )
    db.executemany(
        insert("sessions", rows.SESSION_COLUMNS) + on_conflict_replace(rows.SESSION_COLUMNS),
        [rows.session_row(session) for session in client.sessions],
    )
    if commit.admission is not None and not _admits(db, commit.admission):
        raise _NotAdmitted  # so that what was written above is rolled back
    append(db, commit.events)
    return True


def _admits(db: sqlite3.Connection, admission: Admission) -> bool:
    user = admission.user
    row = db.execute("SELECT updated_at FROM users WHERE id = ?", (user.id,)).fetchone()
    if row is None or row[0] != user.updated_at:
        return False
    if admission.maximum_sessions is None:
        return True
    statement = (
        f"SELECT count(*) FROM {_WITH_USERS} WHERE s.user_id = :user_id AND {_LIVE}"
        f" AND ({_STANDING}) = s.status AND s.details ->> 'actor' IS NULL"
    )
    values = {"user_id": user.id, "now": admission.now}
    live: int = db.execute(statement, values).fetchone()[0]
    return live <= admission.maximum_sessions


def settle_ticket(db: sqlite3.Connection, ticket: Ticket) -> bool:
    """Store a ticket that is used or revoked, if until here it was neither."""
    cursor = db.execute(
        "UPDATE tickets SET status = ?, session_id = ?, updated_at = ? WHERE id = ? AND status = ?",
        (ticket.status, ticket.session_id, ticket.updated_at, ticket.id, TicketStatus.PENDING),
    )
    return cursor.rowcount == 1


def _purge(db: sqlite3.Connection, before: float, limit: int) -> int:
    dead = f"SELECT id FROM sessions AS s WHERE NOT {_LIVE} AND updated_at < ? LIMIT ?"
    unused = (
        "SELECT id FROM clients AS c WHERE updated_at < ?"
        " AND NOT EXISTS (SELECT 1 FROM sessions WHERE client_id = c.id) LIMIT ?"
    )
    gone = 0
    for table, chosen in (("sessions", dead), ("clients", unused)):
        gone += db.execute(f"DELETE FROM {table} WHERE id IN ({chosen})", (before, limit)).rowcount
    chosen = "SELECT id FROM tickets WHERE expires_at < ? LIMIT ?"
    db.execute(f"DELETE FROM tickets WHERE id IN ({chosen})", (before, limit))
    return gone
