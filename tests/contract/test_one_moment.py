"""What is read of a client was so at one moment, whatever another sidecar commits meanwhile."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from edgepass_sidecar.store import Commit
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.support.sidecar import make_client, make_session, make_user


async def test_a_commit_between_two_reads_of_one_client_is_not_seen_in_half(
    tmp_path: Path,
) -> None:
    file = tmp_path / "edgepass.db"
    store = SqliteStore(file)
    await store.open()
    for name in "1x":
        await store.insert_user(make_user(name), ())
    client = make_client(make_session("1"), version=0)
    assert await store.commit(Commit(client=client))

    reader = store._file._reader
    assert reader is not None
    trace = reader.set_trace_callback

    # From within the read, after its first statement, another connection commits,
    # as another process may at any time.
    def commit_elsewhere(statement: str) -> None:
        if "FROM sessions" in statement:
            trace(None)
            with sqlite3.connect(file) as connection:
                connection.execute("UPDATE clients SET token_hash = x'00'")
                connection.execute("UPDATE sessions SET user_id = 'user_x'")
            connection.close()

    trace(commit_elsewhere)
    seen = await store.load_client(client.id)

    assert seen == replace(client, version=1), "as it was when the read began"
    later = await store.load_client(client.id)
    assert later is not None
    assert (later.token_hash, later.sessions[0].user_id) == (b"\0", "user_x")
    await store.close()
