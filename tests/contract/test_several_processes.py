"""One SQLite file, several stores on it and several processes: a race has one winner there too."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from edgepass_sidecar.store import Commit, Note, SessionQuery
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.contract.contender import KINDS, last_place, same_client, same_ticket
from tests.support.issuer import NOW
from tests.support.sidecar import make_ticket, make_user
from tests.support.standards import FULL, ROOT

RACES = 1500 if FULL else 60


@pytest.fixture
async def two_stores(tmp_path: Path) -> AsyncIterator[tuple[SqliteStore, SqliteStore]]:
    stores = (SqliteStore(tmp_path / "edgepass.db"), SqliteStore(tmp_path / "edgepass.db"))
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


async def prepare(store: SqliteStore, number: int) -> None:
    user = make_user(f"r{number}")
    await store.insert_user(user, ())
    await store.insert_ticket(make_ticket(f"r{number}", user_id=user.id), ())


@pytest.mark.parametrize("kind", [last_place, same_ticket, same_client])
async def test_of_two_stores_on_one_file_one_wins_each_race(
    two_stores: tuple[SqliteStore, SqliteStore], kind: Callable[[int, str], Commit]
) -> None:
    for number in range(50):
        await prepare(two_stores[0], number)
        commits = [kind(number, name) for name in ("a", "b")]
        outcomes = await asyncio.gather(
            *(store.commit(c) for store, c in zip(two_stores, commits, strict=True))
        )
        assert sorted(outcomes) == [False, True]
        loser = commits[outcomes.index(False)].client.sessions[0]
        assert await two_stores[0].find_session(loser.id) is None
    assert (await two_stores[1].list_sessions(SessionQuery(), NOW)).total == 50
    assert len(await two_stores[1].list_events(0, 1000)) == 50


async def test_of_two_stores_on_one_file_one_takes_a_note(
    two_stores: tuple[SqliteStore, SqliteStore],
) -> None:
    for number in range(50):
        note = Note(hash=bytes([number]) * 32, text=b"text", expires_at=NOW + 1.0)
        await two_stores[number % 2].keep_note(note)
        taken = await asyncio.gather(*(store.take_note(note.hash, NOW) for store in two_stores))
        assert sorted(taken, key=bool) == [None, b"text"]


@contextlib.asynccontextmanager
async def contender(file: Path, name: str) -> AsyncIterator[Process]:
    module = "tests.contract.contender"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, str(file), name, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    try:
        assert await answer(process) == "ready"
        yield process
    finally:
        process.stdin.close()
        assert await process.wait() == 0


async def answer(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def test_of_three_processes_on_one_file_one_wins_each_race(tmp_path: Path) -> None:
    file = tmp_path / "edgepass.db"
    async with contextlib.AsyncExitStack() as entered:
        store = SqliteStore(file)
        await store.open()
        entered.push_async_callback(store.close)
        processes = [await entered.enter_async_context(contender(file, name)) for name in "abc"]
        for number in range(RACES):
            await prepare(store, number)
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(b"%d\n" % number)
            outcomes = [await answer(process) for process in processes]
            assert sorted(outcomes) == ["lost", "lost", "won"], KINDS[number % len(KINDS)]
        assert (await store.list_sessions(SessionQuery(), NOW)).total == RACES
        assert len(await store.list_events(0, 10_000)) == RACES
