"""Migrations: each applied once, whole or not at all, and never to a database we do not know."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgepass_sidecar.store import StoreUnavailable
from edgepass_sidecar.stores.migrations import Migration, load_migrations, migrate
from tests.support.issuer import NOW

ONE = Migration(1, "0001_one.sql", "-- The first; it has a semicolon.\nCREATE TABLE one (a);\n")
TWO = Migration(2, "0002_two.sql", "CREATE TABLE two (a);\nINSERT INTO two VALUES ('x;y');\n")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as opened:
        yield opened


def _tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _history(db: sqlite3.Connection) -> list[tuple[int, float]]:
    return db.execute("SELECT number, applied_at FROM migrations ORDER BY number").fetchall()


def test_the_shipped_migrations_are_numbered_without_a_gap() -> None:
    numbers = [migration.number for migration in load_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_shipped_migrations_apply_to_an_empty_database(db: sqlite3.Connection) -> None:
    migrate(db, load_migrations(), NOW)
    assert {"clients", "sessions", "users", "tickets", "signing_keys", "secret_keys"} < _tables(db)
    assert not db.in_transaction


def test_every_statement_of_a_migration_is_applied(db: sqlite3.Connection) -> None:
    migrate(db, (ONE, TWO), NOW)
    assert _tables(db) == {"migrations", "one", "two"}
    assert db.execute("SELECT a FROM two").fetchall() == [("x;y",)]


def test_a_migration_is_applied_once(db: sqlite3.Connection) -> None:
    migrate(db, (ONE, TWO), NOW)
    migrate(db, (ONE, TWO), NOW + 1)
    assert _history(db) == [(1, NOW), (2, NOW)]
    assert db.execute("SELECT count(*) FROM two").fetchone() == (1,)


def test_only_what_is_missing_is_applied(db: sqlite3.Connection) -> None:
    migrate(db, (ONE,), NOW)
    migrate(db, (ONE, TWO), NOW + 1)
    assert _history(db) == [(1, NOW), (2, NOW + 1)]


def test_a_migration_whose_text_changed_is_refused(db: sqlite3.Connection) -> None:
    migrate(db, (ONE,), NOW)
    changed = replace(ONE, sql=ONE.sql + "-- more\n")
    with pytest.raises(StoreUnavailable, match=r"0001_one\.sql was applied with another text"):
        migrate(db, (changed, TWO), NOW)
    assert _tables(db) == {"migrations", "one"}
    assert not db.in_transaction


def test_a_database_of_a_newer_version_is_refused(db: sqlite3.Connection) -> None:
    migrate(db, (ONE, TWO), NOW)
    with pytest.raises(StoreUnavailable, match="a newer edgepass made it"):
        migrate(db, (ONE,), NOW)
    assert not db.in_transaction


def test_a_migration_that_fails_half_way_leaves_nothing(db: sqlite3.Connection) -> None:
    broken = Migration(2, "0002_broken.sql", "CREATE TABLE a (b);\nNONSENSE;\n")
    with pytest.raises(sqlite3.Error, match="NONSENSE"):
        migrate(db, (ONE, broken), NOW)
    assert _tables(db) == set()
    assert not db.in_transaction


def test_a_last_statement_without_a_semicolon_is_not_dropped(db: sqlite3.Connection) -> None:
    migrate(db, (Migration(1, "0001_open.sql", "CREATE TABLE a (b)"),), NOW)
    assert "a" in _tables(db)


def test_a_disk_that_fills_up_during_a_migration_is_named_as_the_reason(
    db: sqlite3.Connection,
) -> None:
    db.execute("PRAGMA max_page_count = 3").fetchone()
    with pytest.raises(sqlite3.Error, match="full"):
        migrate(db, load_migrations(), NOW)
    assert _tables(db) == set()
