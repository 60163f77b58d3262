"""Deliveries in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from edgepass_sidecar.delivery import TRIED_FOR, Delivery, DeliveryStatus
from edgepass_sidecar.stores.rows import Row
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.statements import insert, select

_COLUMNS = (
    "cursor", "message_id", "type", "sequence", "body", "created_at", "give_up_at", "due_at",
    "attempts", "status", "problem", "claimed_until",
)  # fmt: skip
_INSERT = insert("deliveries", _COLUMNS)
_SELECT = select("deliveries AS d", [f"d.{name}" for name in _COLUMNS])
_PLACE = (
    "INSERT INTO positions SELECT ?, coalesce((SELECT seq FROM sqlite_sequence"
    " WHERE name = 'events'), 0) WHERE true ON CONFLICT (reader) DO NOTHING"
)
_MOVE = "UPDATE positions SET cursor = ? WHERE reader = ? AND cursor = ?"
_LATEST_OF_SEQUENCE = "SELECT max(due_at) FROM deliveries WHERE sequence = ? AND status = 'pending'"
_DUE = " WHERE d.status = 'pending' AND d.due_at <= :now"
_FIRST = (
    " AND d.claimed_until <= :now AND NOT EXISTS (SELECT 1 FROM deliveries AS other"
    " WHERE other.sequence = d.sequence AND other.status = 'pending'"
    " AND other.cursor <> d.cursor AND (other.cursor < d.cursor OR other.claimed_until > :now))"
    " ORDER BY d.due_at, d.cursor LIMIT :limit"
)
_PUT_BACK = (
    "UPDATE deliveries SET attempts = :attempts, status = :status, problem = :problem,"
    " due_at = :due_at, claimed_until = :claimed_until"
    " WHERE cursor = :cursor AND claimed_until = :claim"
)
# Or each look at what is due would find what only waits for something else that is not.
_HOLD_UP = (
    "UPDATE deliveries SET due_at = :due_at"
    " WHERE sequence = :sequence AND status = 'pending' AND due_at < :due_at"
)
_REVIVE = (
    "UPDATE deliveries SET status = 'pending', attempts = 0, due_at = :now,"
    " give_up_at = :give_up_at, claimed_until = 0"
    " WHERE status = 'dead' AND (:cursor IS NULL OR cursor = :cursor)"
)
_DROP = (
    "DELETE FROM deliveries WHERE cursor IN"
    " (SELECT cursor FROM deliveries WHERE status = 'dead' AND created_at < ? LIMIT ?)"
)


class SqliteDeliveries:
    """The part of the store that holds what waits to be delivered."""

    _file: SqliteFile

    async def begin_reading(self, reader: str) -> None:
        await self._file.write(lambda db: db.execute(_PLACE, (reader,)))

    async def enqueue_deliveries(
        self, reader: str, since: int, until: int, deliveries: Sequence[Delivery]
    ) -> bool:
        def enqueue(db: sqlite3.Connection) -> bool:
            if db.execute(_MOVE, (until, reader, since)).rowcount != 1:
                return False
            for delivery in deliveries:
                (latest,) = db.execute(_LATEST_OF_SEQUENCE, (delivery.sequence,)).fetchone()
                due_at = max(delivery.due_at, latest or 0.0)
                db.execute(_INSERT, _row(replace(delivery, due_at=due_at)))
            return True

        return await self._file.write(enqueue)

    async def claim_deliveries(
        self, now: float, claimed_until: float, limit: int
    ) -> tuple[Delivery, ...]:
        values = {"now": now, "limit": limit}
        # Nearly always nothing is due, and to know that costs no write.
        if not self._file.read_here(lambda db: _is_any_due(db, now)):
            return ()

        def claim(db: sqlite3.Connection) -> list[Row]:
            found = db.execute(_SELECT + _DUE + _FIRST, values).fetchall()
            claims = [(claimed_until, row[0]) for row in found]
            db.executemany("UPDATE deliveries SET claimed_until = ? WHERE cursor = ?", claims)
            return found

        claimed = map(_parse, await self._file.write(claim))
        return tuple(replace(delivery, claimed_until=claimed_until) for delivery in claimed)

    async def finish_delivery(self, delivery: Delivery) -> None:
        statement = "DELETE FROM deliveries WHERE cursor = ?"
        await self._file.write(lambda db: db.execute(statement, (delivery.cursor,)))

    async def put_back_delivery(self, claimed: Delivery, changed: Delivery) -> bool:
        values = dict(zip(_COLUMNS, _row(changed), strict=True)) | {"claim": claimed.claimed_until}

        def put_back(db: sqlite3.Connection) -> bool:
            if db.execute(_PUT_BACK, values).rowcount != 1:
                return False
            if changed.status is DeliveryStatus.PENDING:
                db.execute(_HOLD_UP, values)
            return True

        return await self._file.write(put_back)

    async def list_dead_deliveries(self, after: int, limit: int) -> tuple[Delivery, ...]:
        statement = f"{_SELECT} WHERE d.status = 'dead' AND d.cursor > ? ORDER BY d.cursor LIMIT ?"
        found = await self._file.read(lambda db: db.execute(statement, (after, limit)).fetchall())
        return tuple(map(_parse, found))

    async def revive_deliveries(self, cursor: int | None, now: float) -> int:
        values = {"cursor": cursor, "now": now, "give_up_at": now + TRIED_FOR}
        return await self._file.write(lambda db: db.execute(_REVIVE, values).rowcount)

    async def drop_dead_deliveries(self, before: float, limit: int) -> int:
        return await self._file.write(lambda db: db.execute(_DROP, (before, limit)).rowcount)


def _is_any_due(db: sqlite3.Connection, now: float) -> bool:
    statement = f"SELECT 1 FROM deliveries AS d{_DUE} AND d.claimed_until <= :now LIMIT 1"
    return db.execute(statement, {"now": now}).fetchone() is not None


def _row(delivery: Delivery) -> Row:
    return tuple(getattr(delivery, name) for name in _COLUMNS)


def _parse(row: Row) -> Delivery:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Delivery(**(values | {"status": DeliveryStatus(values["status"])}))
