"""What is read of a client was so at one moment, whatever another sidecar commits meanwhile."""

import sqlite3
from pathlib import Path

from edgepass_sidecar.client import Client
from edgepass_sidecar.store import Commit
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.support.sidecar import make_client, make_session, make_user

Marks = tuple[bytes, str]

BEFORE: Marks = (b"\1", "user_1")
AFTER: Marks = (b"\0", "user_x")


async def test_a_commit_at_any_step_of_reading_a_client_is_seen_whole_or_not_at_all(
    tmp_path: Path,
) -> None:
    file = tmp_path / "edgepass.db"
    store = SqliteStore(file)
    await store.open()
    for name in "1x":
        await store.insert_user(make_user(name), ())
    client = make_client(make_session("1"), version=0)
    assert await store.commit(Commit(client=client))

    seen: list[Marks] = []
    came = True
    while came:
        commit_elsewhere(file, BEFORE)
        came, marks = await read_with_a_commit(store, file, client, after_steps=len(seen))
        seen.append(marks)
    await store.close()

    # The last one was over before the commit's turn came.
    assert seen[-1] == BEFORE
    assert set(seen[:-1]) == {BEFORE, AFTER}
    switch = seen.index(BEFORE)
    assert set(seen[switch:]) == {BEFORE}, "what comes once the reading began is not seen"


async def read_with_a_commit(
    store: SqliteStore, file: Path, client: Client, *, after_steps: int
) -> tuple[bool, Marks]:
    """Read a client while another connection commits, so many steps of SQLite's into it.

    Returns whether it came to that, and what was read.
    """
    reader = store._file._reader
    assert reader is not None
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        if steps == after_steps + 1:
            commit_elsewhere(file, AFTER)
        return 0

    reader.set_progress_handler(step, 1)
    try:
        loaded = await store.load_client(client.id)
    finally:
        reader.set_progress_handler(None, 1)
    assert loaded is not None
    return steps > after_steps, (loaded.token_hash, loaded.sessions[0].user_id)


def commit_elsewhere(file: Path, marks: Marks) -> None:
    """Write both tables in one transaction, as another process may at any time."""
    token_hash, user_id = marks
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE clients SET token_hash = ?", (token_hash,))
        connection.execute("UPDATE sessions SET user_id = ?", (user_id,))
    connection.close()
