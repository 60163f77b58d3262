"""Users, tickets, templates and notes in SQLite."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import TemplateId, TicketId, UserId
from edgepass_sidecar.store import Note, Page
from edgepass_sidecar.stores import rows
from edgepass_sidecar.stores.sqlite_clients import settle_ticket
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.statements import append, execute, insert, page, select, unless_taken
from edgepass_sidecar.template import Template
from edgepass_sidecar.ticket import Ticket
from edgepass_sidecar.user import User

_USERS = select("users", rows.USER_COLUMNS)
_TEMPLATES = select("templates", rows.TEMPLATE_COLUMNS)


class SqliteRecords:
    """The part of the store that holds what each stands for itself."""

    _file: SqliteFile

    async def insert_user(self, user: User, events: tuple[Event, ...]) -> bool:
        statement = insert("users", rows.USER_COLUMNS)
        return await self._file.write(
            lambda db: unless_taken(db, statement, rows.user_row(user), events)
        )

    async def update_user(self, user: User, since: float, events: tuple[Event, ...]) -> bool:
        statement = (
            "UPDATE users SET external_id = ?, profile = ?, created_at = ?, updated_at = ?,"
            " is_banned = ?, not_before = ? WHERE id = ? AND updated_at = ?"
        )
        identifier, *values = rows.user_row(user)
        return await self._file.write(
            lambda db: unless_taken(db, statement, (*values, identifier, since), events)
        )

    async def load_users(self, user_ids: Sequence[UserId]) -> dict[UserId, User]:
        marks = ", ".join("?" for _ in user_ids)
        statement = select("users", rows.USER_COLUMNS) + f" WHERE id IN ({marks})"
        found = await self._file.read(lambda db: db.execute(statement, tuple(user_ids)).fetchall())
        users = (rows.parse_user(row) for row in found)
        return {user.id: user for user in users}

    async def list_users(self, external_ids: Sequence[str], limit: int, offset: int) -> Page[User]:
        values: dict[str, Any] = {
            f"e{i}": external_id for i, external_id in enumerate(external_ids)
        }
        where = f"external_id IN ({', '.join(':' + name for name in values)})" if values else ""
        found = await self._file.read(
            lambda db: page(db, _USERS, "users", where, values, limit, offset)
        )
        return Page(tuple(rows.parse_user(row) for row in found.items), found.total)

    async def insert_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> None:
        statement = insert("tickets", rows.TICKET_COLUMNS)
        await self._file.write(lambda db: execute(db, statement, rows.ticket_row(ticket), events))

    async def load_ticket(self, ticket_id: TicketId) -> Ticket | None:
        statement = select("tickets", rows.TICKET_COLUMNS) + " WHERE id = ?"
        row = await self._file.read(lambda db: db.execute(statement, (ticket_id,)).fetchone())
        return rows.parse_ticket(row) if row else None

    async def revoke_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            if not settle_ticket(db, ticket):
                return False
            append(db, events)
            return True

        return await self._file.write(work)

    async def insert_template(self, template: Template, events: tuple[Event, ...]) -> bool:
        statement = insert("templates", rows.TEMPLATE_COLUMNS)
        return await self._file.write(
            lambda db: unless_taken(db, statement, rows.template_row(template), events)
        )

    async def update_template(
        self, template: Template, since: float, events: tuple[Event, ...]
    ) -> bool:
        statement = (
            "UPDATE templates SET name = ?, document = ?, created_at = ?, updated_at = ?"
            " WHERE id = ? AND updated_at = ?"
        )
        identifier, *values = rows.template_row(template)
        return await self._file.write(
            lambda db: unless_taken(db, statement, (*values, identifier, since), events)
        )

    async def delete_template(self, template_id: TemplateId, events: tuple[Event, ...]) -> bool:
        statement = "DELETE FROM templates WHERE id = ?"
        return await self._file.write(lambda db: execute(db, statement, (template_id,), events))

    async def load_templates(self) -> tuple[Template, ...]:
        statement = _TEMPLATES + " ORDER BY created_at DESC, id DESC"
        found = await self._file.read(lambda db: db.execute(statement).fetchall())
        return tuple(rows.parse_template(row) for row in found)

    async def keep_note(self, note: Note) -> None:
        statement = insert("notes", ("hash", "text", "expires_at"))
        values = (note.hash, note.text, note.expires_at)
        await self._file.write(lambda db: db.execute(statement, values).rowcount)

    async def take_note(self, note_hash: bytes, now: float) -> bytes | None:
        statement = "DELETE FROM notes WHERE hash = ? RETURNING text, expires_at"
        row = await self._file.write(lambda db: db.execute(statement, (note_hash,)).fetchone())
        return row[0] if row and now < row[1] else None

    async def find_note(self, note_hash: bytes, now: float) -> bytes | None:
        statement = "SELECT text FROM notes WHERE hash = ? AND expires_at > ?"
        row = await self._file.read(lambda db: db.execute(statement, (note_hash, now)).fetchone())
        return row[0] if row else None

    async def drop_notes(self, now: float, limit: int) -> int:
        chosen = "SELECT hash FROM notes WHERE expires_at <= ? LIMIT ?"
        statement = f"DELETE FROM notes WHERE hash IN ({chosen})"
        return await self._file.write(lambda db: db.execute(statement, (now, limit)).rowcount)
