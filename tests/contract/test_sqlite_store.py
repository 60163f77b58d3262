"""What a file adds to the store's promises: durability, several sidecars, and ways to break."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgepass_sidecar.event import Event
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.session import Status
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.store import Commit, SessionQuery, StoreUnavailable
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.support.issuer import NOW
from tests.support.sidecar import CLIENT, make_client, make_session, make_ticket, make_user

EVENT = Event(type="session.created", at=float(NOW))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edgepass.db"


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def _signing_key() -> SigningKey:
    return SigningKey(
        key_id="key_a",
        algorithm="EdDSA",
        public_jwk={"kty": "OKP"},
        sealed_private=b"\x00sealed",
        created_at=float(NOW),
        active_at=float(NOW),
    )


async def test_a_reopened_file_has_everything(path: Path) -> None:
    client, ticket, user = make_client(make_session("1")), make_ticket(), make_user()
    secret_key = SecretKey(id="sk_a", hash=b"h", hint="cafe", created_at=float(NOW))
    async with opened(path) as store:
        await store.commit(Commit(client=client, events=(EVENT,)))
        await store.insert_ticket(ticket, ())
        await store.insert_user(user, ())
        await store.replace_signing_keys(0, (_signing_key(),), ())
        await store.insert_secret_key(secret_key, ())
    async with opened(path) as store:
        assert await store.load_client(CLIENT) == replace(client, version=1)
        assert await store.load_ticket(ticket.id) == ticket
        assert await store.load_users([user.id]) == {user.id: user}
        assert await store.load_signing_keys() == (1, (_signing_key(),))
        assert await store.load_secret_keys() == (secret_key,)
        assert await store.list_events(0, 10) == ((1, EVENT),)


async def test_an_acknowledged_commit_is_seen_by_another_process_at_once(path: Path) -> None:
    async with opened(path) as one, opened(path) as other:
        for version in range(20):
            await one.commit(Commit(client=make_client(make_session("1"), version=version)))
            loaded = await other.load_client(CLIENT)
            assert loaded is not None
            assert loaded.version == version + 1


async def test_commits_reach_the_disk_before_they_are_acknowledged(path: Path) -> None:
    async with opened(path) as store:
        names = ("journal_mode", "synchronous", "foreign_keys")
        pragmas = await store._file.write(
            lambda db: [db.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
        )
    assert pragmas == ["wal", 2, 1]


async def test_two_sidecars_on_one_file_never_both_win_a_race(path: Path) -> None:
    async with opened(path) as one, opened(path) as other:
        for version in range(50):
            first = make_client(make_session("1"), version=version)
            second = replace(first, last_active_session_id=None)
            outcomes = await asyncio.gather(
                one.commit(Commit(client=first, events=(EVENT,))),
                other.commit(Commit(client=second, events=(EVENT,))),
            )
            assert sorted(outcomes) == [False, True]
        assert len(await one.list_events(0, 1000)) == 50


async def test_two_sidecars_on_one_file_accept_a_ticket_once(path: Path) -> None:
    async with opened(path) as one, opened(path) as other:
        for i in range(50):
            ticket = make_ticket(str(i))
            await one.insert_ticket(ticket, ())
            outcomes = await asyncio.gather(
                *(
                    store.revoke_ticket(ticket.revoke(NOW + at), (EVENT,))
                    for at, store in enumerate((one, other))
                )
            )
            assert sorted(outcomes) == [False, True]


async def test_sidecars_that_start_together_on_a_new_file_all_start(path: Path) -> None:
    stores = [SqliteStore(path) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    assert [(await store.list_sessions(SessionQuery(), NOW)).total for store in stores] == [0] * 6
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_full_disk_is_an_unavailable_store_that_keeps_what_it_had(path: Path) -> None:
    async with opened(path) as store:
        await store.insert_user(make_user(), ())
        client = make_client(make_session("1"))
        await store.commit(Commit(client=client))
        used = await store._file.write(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await store._file.write(lambda db: db.execute(f"PRAGMA max_page_count = {used}").fetchone())
        huge = Event(type="huge", at=float(NOW), data={"text": "x" * 100_000})
        changed = make_client(make_session("1", status=Status.ENDED), version=1)
        with pytest.raises(StoreUnavailable, match="full"):
            await store.commit(Commit(client=changed, events=(huge,)))
        assert await store.load_client(CLIENT) == replace(client, version=1)
        assert await store.list_events(0, 10) == ()
        await store._file.write(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone())
        assert await store.commit(Commit(client=changed, events=(huge,)))


async def test_a_file_that_another_process_keeps_locked_is_an_unavailable_store(
    path: Path,
) -> None:
    async with opened(path) as store:
        await store._file.write(lambda db: db.execute("PRAGMA busy_timeout = 1").fetchone())
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                await store.commit(Commit(client=make_client()))
            assert await store.load_client(CLIENT) is None
        assert await store.commit(Commit(client=make_client()))


async def test_a_file_that_is_no_database_does_not_open(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        await SqliteStore(path).open()


async def test_a_folder_that_is_not_there_does_not_open(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await SqliteStore(path / "edgepass.db").open()


async def test_a_store_that_is_not_open_is_unavailable(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="not open"):
        await SqliteStore(path).ping()


async def _spoil(path: Path, store: SqliteStore) -> None:
    """Overwrite the file under an open store, as a failing disk does."""
    await store._file.read(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    await store._file.write(lambda db: db.execute("PRAGMA cache_size = 0").fetchall())
    path.write_bytes(b"\x00" * path.stat().st_size)


async def test_a_file_that_is_spoilt_while_open_is_an_unavailable_store(path: Path) -> None:
    async with opened(path) as store:
        await _spoil(path, store)
        with pytest.raises(StoreUnavailable):
            await store.load_client(CLIENT)


async def test_a_ping_of_a_spoilt_file_fails(path: Path) -> None:
    async with opened(path) as store:
        await _spoil(path, store)
        with pytest.raises(StoreUnavailable):
            await store.ping()


@pytest.mark.parametrize("table", ["sessions", "clients", "events"])
async def test_a_missing_table_is_an_unavailable_store(path: Path, table: str) -> None:
    async with opened(path) as store:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute(f"DROP TABLE {table}")
        with pytest.raises(StoreUnavailable, match=table):
            await store.commit(Commit(client=make_client(make_session("1")), events=(EVENT,)))
