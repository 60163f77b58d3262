"""`edgepass serve`, which also notes when each revocation was committed: nothing else is changed.

Run as `python -m bench.revocation_sidecar FILE`. A line of the file is a session's
id, when its COMMIT began and when it had returned, in nanoseconds of the clock
that all processes of a machine share.
"""

import os
import sqlite3
import sys
from time import monotonic_ns
from typing import NamedTuple

from edgepass_sidecar import cli
from edgepass_sidecar.store import Commit
from edgepass_sidecar.stores import sqlite_clients
from edgepass_sidecar.stores.sqlite_file import Answer, SqliteFile, Work

_REVOKED = "session.revoked"


class Committed(NamedTuple):
    """When a revocation was committed. In between, the disk was waited for."""

    begun_ns: int
    returned_ns: int


def main() -> None:
    # A file descriptor without a buffer: what was noted survives a kill.
    notes = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    note_commits(notes)
    sys.exit(cli.main(["serve"]))


def note_commits(notes: int) -> None:
    """Write a line to the file descriptor `notes` for each revocation that is committed."""
    revoked: list[str] = []  # by the transaction under way: one thread writes
    begun_ns = 0
    write, transact = sqlite_clients._commit, SqliteFile._transact

    def noting_write(db: sqlite3.Connection, commit: Commit) -> bool:
        nonlocal begun_ns
        is_written = write(db, commit)
        revoked.extend(str(event.session_id) for event in commit.events if event.type == _REVOKED)
        begun_ns = monotonic_ns()
        return is_written

    def noting_transact(
        file: SqliteFile, connection: sqlite3.Connection | None, begin: str, work: Work[Answer]
    ) -> Answer:
        if connection is not file._connection:
            return transact(file, connection, begin, work)  # on the thread that only reads
        revoked.clear()
        answer = transact(file, connection, begin, work)
        returned_ns = monotonic_ns()
        for session_id in revoked:
            os.write(notes, f"{session_id} {begun_ns} {returned_ns}\n".encode("ascii"))
        return answer

    sqlite_clients._commit = noting_write
    SqliteFile._transact = noting_transact  # type: ignore[assignment, method-assign]


def read_commits(text: str) -> dict[str, Committed]:
    """Return what was noted of each session; a line that a kill cut off is left out."""
    commits: dict[str, Committed] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            session_id, begun_ns, returned_ns = line.split()
            commits.setdefault(session_id, Committed(int(begun_ns), int(returned_ns)))
    return commits


if __name__ == "__main__":
    main()
