"""The chain over the event log in SQLite."""

import sqlite3
from typing import Any

import orjson

from edgepass_sidecar.audit.chain import GENESIS, Seal, Sealed
from edgepass_sidecar.audit.checkpoint import Jwk
from edgepass_sidecar.seals import Batch, Unsealed
from edgepass_sidecar.stores import rows
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.statements import insert, select

_END = "SELECT cursor, link FROM seals ORDER BY cursor DESC LIMIT 1"
_EVENTS = select("events", ("cursor", *rows.EVENT_COLUMNS))
_UNSEALED = f"{_EVENTS} WHERE cursor > ? ORDER BY cursor LIMIT ?"
_INSERT_SEAL = insert("seals", ("cursor", "salt", "digest", "link"))
_INSERT_CHECKPOINT = insert("checkpoints", ("last", "first", "previous", "statement", "key_id"))
_INSERT_KEY = insert("checkpoint_keys", ("key_id", "jwk")) + " ON CONFLICT (key_id) DO NOTHING"
_CHECKPOINT = (
    "SELECT c.first, c.last, c.previous, c.statement, k.jwk FROM checkpoints AS c"
    " JOIN checkpoint_keys AS k ON k.key_id = c.key_id WHERE c.last > ? ORDER BY c.last LIMIT 1"
)
_SEALED = select(
    "seals AS s JOIN events AS e ON e.cursor = s.cursor",
    ("s.cursor", "s.salt", "s.digest", "s.link", *(f"e.{name}" for name in rows.EVENT_COLUMNS)),
)
# The oldest batch, unless it is the last one, on which the chain goes on. What nobody has
# delivered since its time was over is not waited for: webhooks may be off for good.
_OLDEST = (
    "SELECT first, last FROM checkpoints WHERE last = (SELECT min(last) FROM checkpoints)"
    " AND last < (SELECT max(last) FROM checkpoints) AND last <= :until"
    " AND NOT EXISTS (SELECT 1 FROM events WHERE cursor BETWEEN first AND last AND at >= :before)"
    " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE cursor BETWEEN first AND last"
    " AND status = 'pending' AND give_up_at >= :before)"
)


class SqliteSeals:
    """The part of the store that holds the chain."""

    _file: SqliteFile

    async def find_unsealed(self, limit: int) -> Unsealed:
        def find(db: sqlite3.Connection) -> tuple[int, bytes, list[rows.Row]]:
            cursor, link = _end(db)
            return cursor, link, db.execute(_UNSEALED, (cursor, limit)).fetchall()

        cursor, link, found = await self._file.read(find)
        entries = tuple((number, rows.parse_event(tuple(row))) for number, *row in found)
        return Unsealed(cursor=cursor, link=link, entries=entries)

    async def append_seals(self, after: int, batch: Batch) -> bool:
        seals = [
            (each.cursor, each.seal.salt, each.seal.digest, each.seal.link) for each in batch.sealed
        ]
        key_id = batch.key["kid"]

        def append(db: sqlite3.Connection) -> bool:
            if _end(db)[0] != after:
                return False
            db.executemany(_INSERT_SEAL, seals)
            db.execute(_INSERT_KEY, (key_id, orjson.dumps(batch.key).decode()))
            values = (batch.last, batch.first, batch.previous, batch.checkpoint, key_id)
            db.execute(_INSERT_CHECKPOINT, values)
            return True

        return await self._file.write(append)

    async def find_batch(self, after: int) -> Batch | None:
        def find(db: sqlite3.Connection) -> tuple[rows.Row, list[rows.Row]] | None:
            checkpoint = db.execute(_CHECKPOINT, (after,)).fetchone()
            if checkpoint is None:
                return None
            statement = f"{_SEALED} WHERE s.cursor BETWEEN ? AND ? ORDER BY s.cursor"
            return checkpoint, db.execute(statement, checkpoint[:2]).fetchall()

        found = await self._file.read(find)
        if found is None:
            return None
        (first, last, previous, checkpoint, key), sealed = found
        return Batch(
            first=first,
            last=last,
            previous=previous,
            sealed=tuple(map(_parse, sealed)),
            checkpoint=checkpoint,
            key=orjson.loads(key),
        )

    async def load_checkpoint_keys(self) -> tuple[Jwk, ...]:
        statement = "SELECT jwk FROM checkpoint_keys ORDER BY key_id"
        found = await self._file.read(lambda db: db.execute(statement).fetchall())
        return tuple(orjson.loads(text) for (text,) in found)

    async def prune_events(self, before: float, until: int) -> int:
        values = {"before": before, "until": until}

        def prune(db: sqlite3.Connection) -> int:
            oldest = db.execute(_OLDEST, values).fetchone()
            if oldest is None:
                return 0
            db.execute("DELETE FROM checkpoints WHERE last = ?", (oldest[1],))
            db.execute("DELETE FROM seals WHERE cursor BETWEEN ? AND ?", oldest)
            db.execute("DELETE FROM deliveries WHERE cursor BETWEEN ? AND ?", oldest)
            return db.execute("DELETE FROM events WHERE cursor BETWEEN ? AND ?", oldest).rowcount

        # Nearly always nothing is old enough, and to know that costs no write.
        if not await self._file.read(lambda db: db.execute(_OLDEST, values).fetchone()):
            return 0
        return await self._file.write(prune)


def _end(db: sqlite3.Connection) -> tuple[int, bytes]:
    cursor, link = db.execute(_END).fetchone() or (0, GENESIS)
    return cursor, link


def _parse(row: tuple[Any, ...]) -> Sealed:
    cursor, salt, digest, link, *event = row
    seal = Seal(salt=salt, digest=digest, link=link)
    return Sealed(cursor=cursor, event=rows.parse_event(tuple(event)), seal=seal)
