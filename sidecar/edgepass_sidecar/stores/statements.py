"""SQL put together from column names of ours, and run with the events of its change."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from edgepass_sidecar.event import Event
from edgepass_sidecar.store import Page
from edgepass_sidecar.stores import rows


def select(table: str, columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {table}"


def insert(table: str, columns: Sequence[str]) -> str:
    marks = ", ".join("?" for _ in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def on_conflict_replace(columns: Sequence[str]) -> str:
    updates = ", ".join(
        # A touch that came between load and commit is not undone.
        f"{name} = max({name}, excluded.{name})"
        if name == "last_active_at"
        else f"{name} = excluded.{name}"
        for name in columns
        if name != "id"
    )
    return f" ON CONFLICT (id) DO UPDATE SET {updates}"


def append(db: sqlite3.Connection, events: tuple[Event, ...]) -> None:
    statement = insert("events", rows.EVENT_COLUMNS)
    db.executemany(statement, [rows.event_row(event) for event in events])


def execute(
    db: sqlite3.Connection,
    statement: str,
    values: rows.Row | dict[str, Any],
    events: tuple[Event, ...],
) -> bool:
    """Change one row and append the events of it, or neither."""
    if db.execute(statement, values).rowcount != 1:
        return False
    append(db, events)
    return True


def unless_taken(
    db: sqlite3.Connection, statement: str, values: rows.Row, events: tuple[Event, ...]
) -> bool:
    try:
        return execute(db, statement, values, events)
    except sqlite3.IntegrityError:
        return False


def page(
    db: sqlite3.Connection,
    selected: str,
    order: str,
    where: str,
    values: dict[str, Any],
    limit: int,
    offset: int,
) -> Page[rows.Row]:
    """Return a part of what `selected` finds, newest first, and how much there is in all."""
    source = selected + (f" WHERE {where}" if where else "")
    found = db.execute(
        f"{source} ORDER BY {order}.created_at DESC, {order}.id DESC LIMIT :limit OFFSET :offset",
        values | {"limit": limit, "offset": offset},
    ).fetchall()
    counted = "SELECT count(*) FROM" + source.partition(" FROM")[2]
    return Page(tuple(found), db.execute(counted, values).fetchone()[0])
