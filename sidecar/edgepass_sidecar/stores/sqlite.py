"""A store in one SQLite file: write-ahead log, durable commits, one dedicated thread."""

from pathlib import Path

from edgepass_sidecar.stores.sqlite_clients import SqliteClients
from edgepass_sidecar.stores.sqlite_deliveries import SqliteDeliveries
from edgepass_sidecar.stores.sqlite_erasure import SqliteErasure
from edgepass_sidecar.stores.sqlite_file import SqliteFile
from edgepass_sidecar.stores.sqlite_keys import SqliteKeys
from edgepass_sidecar.stores.sqlite_log import SqliteLog
from edgepass_sidecar.stores.sqlite_records import SqliteRecords
from edgepass_sidecar.stores.sqlite_seals import SqliteSeals


class SqliteStore(
    SqliteClients,
    SqliteRecords,
    SqliteKeys,
    SqliteLog,
    SqliteDeliveries,
    SqliteSeals,
    SqliteErasure,
):
    """Keeps everything in the SQLite file at `path`, which several sidecars may share.

    Without `create` a file that is not there is `StoreUnavailable`.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._file = SqliteFile(path, create=create)

    async def open(self) -> None:
        await self._file.open()

    async def close(self) -> None:
        await self._file.close()

    async def ping(self) -> None:
        # Not SELECT 1, which is answered without a look at the file.
        await self._file.read(lambda db: db.execute("SELECT count(*) FROM migrations").fetchone())
