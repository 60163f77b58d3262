"""One SQLite file, written on one thread and read on another: durable, and awaited."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import time
from typing import TypeVar

from edgepass_sidecar.store import StoreUnavailable
from edgepass_sidecar.stores.migrations import load_migrations, migrate, transaction

Answer = TypeVar("Answer")
Work = Callable[[sqlite3.Connection], Answer]

BUSY_TIMEOUT = 5.0  # seconds to wait for another process's write
# The event loop stands still meanwhile; a reader waits for a recovery after a crash only.
READ_TIMEOUT = 0.1


class SqliteFile:
    """Runs work on the file at `path`, off the event loop: one writer and one reader at a time.

    Every failure of the database comes out as `StoreUnavailable`.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._create = create
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="edgepass-sqlite")
        self._connection: sqlite3.Connection | None = None
        # Whoever reads a lot keeps no commit waiting: that is what the write-ahead log is for.
        self._reading_thread = ThreadPoolExecutor(1, thread_name_prefix="edgepass-sqlite-read")
        self._reading: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    async def open(self) -> None:
        await self._run(self._thread, self._connect)
        try:
            self._reader = self._connect_to_read(READ_TIMEOUT)
            self._reading = await self._run(
                self._reading_thread, lambda: self._connect_to_read(BUSY_TIMEOUT)
            )
        except (sqlite3.Error, StoreUnavailable) as error:
            await self.close()
            raise StoreUnavailable(f"SQLite at {self._path}: {error}") from error

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        await self._run(self._reading_thread, self._stop_reading)
        self._reading_thread.shutdown()
        # The last to go: it folds the write-ahead log into the file.
        await self._run(self._thread, self._disconnect)
        self._thread.shutdown()

    def read_here(self, work: Work[Answer]) -> Answer:
        """Run `work`, one statement that reads a few rows by their keys, in the event loop.

        The way to the thread costs several times as much as such a read, and a reader
        of a write-ahead log waits for nobody. One statement needs no transaction.
        """
        if self._reader is None:
            raise StoreUnavailable(f"SQLite at {self._path} is not open")
        try:
            return work(self._reader)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite at {self._path}: {error}") from error

    async def read(self, work: Work[Answer]) -> Answer:
        """Run `work`, which only reads, and sees the file as it was at one moment."""
        return await self._run(
            self._reading_thread, lambda: self._transact(self._reading, "BEGIN DEFERRED", work)
        )

    async def write(self, work: Work[Answer]) -> Answer:
        """Run `work` in one transaction that reaches the disk before this returns."""
        # IMMEDIATE: a transaction that reads first and then cannot write would have
        # decided on what somebody else has changed since.
        return await self._run(
            self._thread, lambda: self._transact(self._connection, "BEGIN IMMEDIATE", work)
        )

    async def _run(self, thread: ThreadPoolExecutor, work: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, work)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"SQLite at {self._path}: {error}") from error

    def _connect(self) -> None:
        if not self._create and not self._path.exists():
            raise StoreUnavailable(f"there is no database at {self._path}: check EDGEPASS_STORE")
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=True
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit is on the disk, not on its way there, when it is acknowledged.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            migrate(connection, load_migrations(), time())
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _connect_to_read(self, timeout: float) -> sqlite3.Connection:
        reader = sqlite3.connect(
            self._path, timeout=timeout, isolation_level=None, check_same_thread=True
        )
        reader.execute("PRAGMA query_only = ON")
        return reader

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.close()
            self._reading = None

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transact(
        self, connection: sqlite3.Connection | None, begin: str, work: Work[Answer]
    ) -> Answer:
        if connection is None:
            raise StoreUnavailable(f"SQLite at {self._path} is not open")
        with transaction(connection, begin):
            return work(connection)
