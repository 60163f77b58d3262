"""Numbered SQL migrations, each applied once and never changed afterwards."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from edgepass_sidecar.store import StoreUnavailable

_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


def load_migrations() -> tuple[Migration, ...]:
    """Return the migrations of this version in the order in which to apply them."""
    found = []
    for file in files(__name__).iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            found.append(Migration(int(match[1]), file.name, file.read_text("utf-8")))
    return tuple(sorted(found, key=lambda migration: migration.number))


def migrate(connection: sqlite3.Connection, migrations: tuple[Migration, ...], now: float) -> None:
    """Bring a database up to date, or raise `StoreUnavailable` when it is not one of ours.

    Everything happens in one transaction that nobody else can be in, so two
    processes that start together apply each migration once.
    """
    with transaction(connection, "BEGIN IMMEDIATE"):
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY,"
            " name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at REAL NOT NULL) STRICT"
        )
        applied = dict(connection.execute("SELECT number, checksum FROM migrations").fetchall())
        _validate_history(applied, migrations)
        for migration in migrations:
            if migration.number not in applied:
                _apply(connection, migration, now)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Run what is within as one transaction that is either stored whole or not at all."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk, for one, has SQLite itself undo the transaction.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _validate_history(applied: dict[int, str], migrations: tuple[Migration, ...]) -> None:
    known = {migration.number: migration for migration in migrations}
    for number, checksum in applied.items():
        if number not in known:
            raise StoreUnavailable(
                f"the database has migration {number}, which this version does not know:"
                " a newer edgepass made it, so run that one"
            )
        if known[number].checksum != checksum:
            raise StoreUnavailable(
                f"migration {known[number].name} was applied with another text than this"
                " version has: restore the database from a backup, or the version that made it"
            )


def _apply(connection: sqlite3.Connection, migration: Migration, now: float) -> None:
    # Not executescript(): that would commit the transaction it runs in.
    statement = ""
    for line in migration.sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
    if statement.strip():
        connection.execute(statement)
    connection.execute(
        "INSERT INTO migrations VALUES (?, ?, ?, ?)",
        (migration.number, migration.name, migration.checksum, now),
    )
