"""A store in one SQLite file: write-ahead log, durable commits, one dedicated thread."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgepass_sidecar.client import Client
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, TicketId, UserId
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.session import Session
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.store import Commit, Page, SessionQuery, Touch
from edgepass_sidecar.stores import rows
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.ticket import Ticket, TicketStatus
from edgepass_sidecar.user import User

_LIVE = "status IN ('active', 'pending')"
_ABANDONED = (
    "inactivity_timeout IS NOT NULL AND last_active_at + inactivity_timeout <= :now"
    " AND last_active_at + inactivity_timeout < expire_at"
)
# What `standing` says, in SQL.
_STANDING = (
    f"CASE WHEN NOT {_LIVE} THEN status WHEN {_ABANDONED} THEN 'abandoned'"
    " WHEN expire_at <= :now THEN 'expired' ELSE status END"
)


class SqliteStore:
    """Keeps everything in the SQLite file at `path`, which several sidecars may share.

    Without `create` a file that is not there is `StoreUnavailable`.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._file = SqliteFile(path, create=create)

    async def open(self) -> None:
        await self._file.open()

    async def close(self) -> None:
        await self._file.close()

    async def ping(self) -> None:
        # Not SELECT 1, which is answered without a look at the file.
        await self._file.read(lambda db: db.execute("SELECT count(*) FROM migrations").fetchone())

    async def load_client(self, client_id: ClientId) -> Client | None:
        return await self._file.read(lambda db: _load_client(db, client_id))

    async def commit(self, commit: Commit) -> bool:
        return await self._file.write(lambda db: _commit(db, commit))

    async def touch(self, touches: Sequence[Touch]) -> None:
        statement = (
            "UPDATE sessions SET last_active_at = :at"
            f" WHERE id = :id AND {_LIVE} AND last_active_at < :at"
        )
        values = [{"id": touch.session_id, "at": touch.at} for touch in touches]
        await self._file.write(lambda db: db.executemany(statement, values).rowcount)

    async def find_session(self, session_id: SessionId) -> Session | None:
        statement = _select("sessions", rows.SESSION_COLUMNS) + " WHERE id = ?"
        row = await self._file.read(lambda db: db.execute(statement, (session_id,)).fetchone())
        return rows.parse_session(row) if row else None

    async def list_sessions(self, query: SessionQuery, now: float) -> Page[Session]:
        conditions = {
            "user_id = :user_id": query.user_id,
            "client_id = :client_id": query.client_id,
            f"({_STANDING}) = :status": query.status,
        }
        where = " AND ".join(text for text, value in conditions.items() if value is not None)
        values = {
            "user_id": query.user_id,
            "client_id": query.client_id,
            "status": query.status,
            "now": now,
        }
        page = await self._file.read(
            lambda db: _page(
                db, "sessions", rows.SESSION_COLUMNS, where, values, query.limit, query.offset
            )
        )
        return Page(tuple(rows.parse_session(row) for row in page.items), page.total)

    async def insert_user(self, user: User, events: tuple[Event, ...]) -> bool:
        statement = _insert("users", rows.USER_COLUMNS)
        return await self._file.write(
            lambda db: _unless_taken(db, statement, rows.user_row(user), events)
        )

    async def update_user(self, user: User, since: float, events: tuple[Event, ...]) -> bool:
        statement = (
            "UPDATE users SET external_id = ?, profile = ?, created_at = ?, updated_at = ?"
            " WHERE id = ? AND updated_at = ?"
        )
        identifier, *values = rows.user_row(user)
        return await self._file.write(
            lambda db: _unless_taken(db, statement, (*values, identifier, since), events)
        )

    async def load_users(self, user_ids: Sequence[UserId]) -> dict[UserId, User]:
        marks = ", ".join("?" for _ in user_ids)
        statement = _select("users", rows.USER_COLUMNS) + f" WHERE id IN ({marks})"
        found = await self._file.read(lambda db: db.execute(statement, tuple(user_ids)).fetchall())
        users = (rows.parse_user(row) for row in found)
        return {user.id: user for user in users}

    async def list_users(self, external_ids: Sequence[str], limit: int, offset: int) -> Page[User]:
        values: dict[str, Any] = {
            f"e{i}": external_id for i, external_id in enumerate(external_ids)
        }
        where = f"external_id IN ({', '.join(':' + name for name in values)})" if values else ""
        page = await self._file.read(
            lambda db: _page(db, "users", rows.USER_COLUMNS, where, values, limit, offset)
        )
        return Page(tuple(rows.parse_user(row) for row in page.items), page.total)

    async def insert_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> None:
        statement = _insert("tickets", rows.TICKET_COLUMNS)
        await self._file.write(lambda db: _execute(db, statement, rows.ticket_row(ticket), events))

    async def load_ticket(self, ticket_id: TicketId) -> Ticket | None:
        statement = _select("tickets", rows.TICKET_COLUMNS) + " WHERE id = ?"
        row = await self._file.read(lambda db: db.execute(statement, (ticket_id,)).fetchone())
        return rows.parse_ticket(row) if row else None

    async def revoke_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            if not _settle_ticket(db, ticket):
                return False
            _append(db, events)
            return True

        return await self._file.write(work)

    async def load_signing_keys(self) -> tuple[int, tuple[SigningKey, ...]]:
        row = await self._file.read(
            lambda db: db.execute("SELECT version, keys FROM signing_keys").fetchone()
        )
        return (row[0], rows.parse_signing_keys(row[1])) if row else (0, ())

    async def replace_signing_keys(
        self, version: int, keys: tuple[SigningKey, ...], events: tuple[Event, ...]
    ) -> bool:
        statement = (
            "INSERT INTO signing_keys (id, version, keys)"
            " SELECT 1, 1, :keys WHERE :version = 0 ON CONFLICT (id) DO NOTHING"
            if version == 0
            else "UPDATE signing_keys SET version = version + 1, keys = :keys"
            " WHERE version = :version"
        )
        values = {"version": version, "keys": rows.encode_signing_keys(keys)}
        return await self._file.write(lambda db: _execute(db, statement, values, events))

    async def load_secret_keys(self) -> tuple[SecretKey, ...]:
        statement = _select("secret_keys", rows.SECRET_KEY_COLUMNS)
        found = await self._file.read(lambda db: db.execute(statement).fetchall())
        return tuple(rows.parse_secret_key(row) for row in found)

    async def insert_secret_key(self, key: SecretKey, events: tuple[Event, ...]) -> None:
        statement = _insert("secret_keys", rows.SECRET_KEY_COLUMNS)
        await self._file.write(lambda db: _execute(db, statement, rows.secret_key_row(key), events))

    async def revoke_secret_key(self, key_id: str, at: float, events: tuple[Event, ...]) -> bool:
        statement = "UPDATE secret_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
        return await self._file.write(lambda db: _execute(db, statement, (at, key_id), events))

    async def list_events(self, after: int, limit: int) -> tuple[tuple[int, Event], ...]:
        statement = (
            _select("events", ("cursor", *rows.EVENT_COLUMNS))
            + " WHERE cursor > ? ORDER BY cursor LIMIT ?"
        )
        found = await self._file.read(lambda db: db.execute(statement, (after, limit)).fetchall())
        return tuple((cursor, rows.parse_event(tuple(row))) for cursor, *row in found)


def _load_client(db: sqlite3.Connection, client_id: ClientId) -> Client | None:
    statement = _select("clients", rows.CLIENT_COLUMNS) + " WHERE id = ?"
    row = db.execute(statement, (client_id,)).fetchone()
    if row is None:
        return None
    statement = (
        _select("sessions", rows.SESSION_COLUMNS)
        + f" WHERE client_id = ? AND {_LIVE} ORDER BY created_at, id"
    )
    sessions = db.execute(statement, (client_id,)).fetchall()
    return rows.parse_client(row, tuple(rows.parse_session(session) for session in sessions))


def _commit(db: sqlite3.Connection, commit: Commit) -> bool:
    client = commit.client
    stored = db.execute("SELECT version FROM clients WHERE id = ?", (client.id,)).fetchone()
    if (stored[0] if stored else 0) != client.version:
        return False
    if commit.accepted is not None and not _settle_ticket(db, commit.accepted):
        return False
    identifier, version, *values = rows.client_row(client)
    db.execute(
        _insert("clients", rows.CLIENT_COLUMNS) + _on_conflict_replace(rows.CLIENT_COLUMNS),
        (identifier, version + 1, *values),
    )
    db.executemany(
        _insert("sessions", rows.SESSION_COLUMNS) + _on_conflict_replace(rows.SESSION_COLUMNS),
        [rows.session_row(session) for session in client.sessions],
    )
    _append(db, commit.events)
    return True


def _settle_ticket(db: sqlite3.Connection, ticket: Ticket) -> bool:
    """Store a ticket that is used or revoked, if until here it was neither."""
    cursor = db.execute(
        "UPDATE tickets SET status = ?, session_id = ?, updated_at = ? WHERE id = ? AND status = ?",
        (ticket.status, ticket.session_id, ticket.updated_at, ticket.id, TicketStatus.PENDING),
    )
    return cursor.rowcount == 1


def _unless_taken(
    db: sqlite3.Connection, statement: str, values: rows.Row, events: tuple[Event, ...]
) -> bool:
    try:
        return _execute(db, statement, values, events)
    except sqlite3.IntegrityError:
        return False


def _execute(
    db: sqlite3.Connection,
    statement: str,
    values: rows.Row | dict[str, Any],
    events: tuple[Event, ...],
) -> bool:
    if db.execute(statement, values).rowcount != 1:
        return False
    _append(db, events)
    return True


def _append(db: sqlite3.Connection, events: tuple[Event, ...]) -> None:
    statement = _insert("events", rows.EVENT_COLUMNS)
    db.executemany(statement, [rows.event_row(event) for event in events])


def _page(
    db: sqlite3.Connection,
    table: str,
    columns: Sequence[str],
    where: str,
    values: dict[str, Any],
    limit: int,
    offset: int,
) -> Page[rows.Row]:
    condition = f" WHERE {where}" if where else ""
    found = db.execute(
        f"{_select(table, columns)}{condition} ORDER BY created_at DESC, id DESC"
        " LIMIT :limit OFFSET :offset",
        values | {"limit": limit, "offset": offset},
    ).fetchall()
    total = db.execute(f"SELECT count(*) FROM {table}{condition}", values).fetchone()[0]
    return Page(tuple(found), total)


def _select(table: str, columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"


def _insert(table: str, columns: Sequence[str]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def _on_conflict_replace(columns: Sequence[str]) -> str:
    updates = ", ".join(
        # A touch that came between load and commit is not undone.
        f"{name} = max({name}, excluded.{name})"
        if name == "last_active_at"
        else f"{name} = excluded.{name}"
        for name in columns
        if name != "id"
    )
    return f" ON CONFLICT (id) DO UPDATE SET {updates}"
