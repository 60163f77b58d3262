"""Signing keys and secret keys in SQLite."""

from edgepass_sidecar.event import Event
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.stores import rows
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.statements import execute, insert, select


class SqliteKeys:
    """The part of the store that holds keys."""

    _file: SqliteFile

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
        return await self._file.write(lambda db: execute(db, statement, values, events))

    async def load_secret_keys(self) -> tuple[SecretKey, ...]:
        statement = select("secret_keys", rows.SECRET_KEY_COLUMNS)
        found = await self._file.read(lambda db: db.execute(statement).fetchall())
        return tuple(rows.parse_secret_key(row) for row in found)

    async def insert_secret_key(self, key: SecretKey, events: tuple[Event, ...]) -> None:
        statement = insert("secret_keys", rows.SECRET_KEY_COLUMNS)
        await self._file.write(lambda db: execute(db, statement, rows.secret_key_row(key), events))

    async def revoke_secret_key(self, key_id: str, at: float, events: tuple[Event, ...]) -> bool:
        statement = "UPDATE secret_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
        return await self._file.write(lambda db: execute(db, statement, (at, key_id), events))
