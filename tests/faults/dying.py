"""A process that has children of its own change a store, and die or run out of disk amid it.

Started as `python -m tests.faults.dying DIRECTORY`. It makes one store there; for
each `Trial` on a line it hands a copy to a child and answers with its `Outcome`.
"""

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextlib import closing
from enum import StrEnum
from pathlib import Path

import msgspec

from edgepass_sidecar.activity import UNKNOWN
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.revocation import ban_user, revoke_session
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, sign_out, start_session_for
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import POLICY_TERMS
from edgepass_sidecar.signing_keys import HURRIED_PUBLISHED_FOR
from edgepass_sidecar.store import StoreUnavailable
from edgepass_sidecar.stores import rows
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.support.issuer import NOW
from tests.support.sidecar import make_settings

USER = UserId("ada")
Facts = dict[str, str]


class Fault(StrEnum):
    """What befalls the child: at its `at`-th statement, or beyond `at` bytes of the log's file."""

    KILLED_AT_A_STATEMENT = "statement"
    KILLED_IN_A_WRITE = "killed"
    WRITE_FAILS = "failing"


class Trial(msgspec.Struct):
    file: str
    kind: str
    fault: Fault
    at: int


class Outcome(msgspec.Struct, kw_only=True):
    """What a child said before its end, and the signal that ended it.

    `acknowledged`: the operation returned. `when_refused` is what was kept and what
    the events told of it after `StoreUnavailable`. `written` are the bytes that the
    write-ahead log had before and after the operation.
    """

    acknowledged: bool = False
    when_refused: tuple[Facts, Facts] | None = None
    written: tuple[int, int] = (0, 0)
    error: str = ""
    signal: int = 0


class Made(msgspec.Struct):
    """What the store has at the start: two clients with a session of one user, and a ticket."""

    client_token: str
    session_id: str
    ticket: str


OPERATIONS: dict[str, Callable[[Core, Made], Awaitable[object]]] = {
    "sign-in": lambda core, _: start_session_for(core, USER, POLICY_TERMS),
    "ticket use": lambda core, made: sign_in_with_ticket(
        core, made.client_token, made.ticket, UNKNOWN
    ),
    "revoke": lambda core, made: revoke_session(core, SessionId(made.session_id)),
    "sign-out": lambda core, made: sign_out(core, made.client_token),
    "ban": lambda core, _: ban_user(core, USER),
    "key rotation": lambda core, _: core.keys.rotate(HURRIED_PUBLISHED_FOR),
}


def kept_and_told(file: Path) -> tuple[Facts, Facts]:
    """Return what the tables of a sound database say, and what its events tell of the same."""
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kept = dict(db.execute("SELECT id, status FROM sessions"))
        kept |= dict(db.execute("SELECT id, status FROM tickets"))
        kept |= {i: "banned" if b else "created" for i, b in db.execute(_USERS)}
        kept |= {i: "rotated" for (i,) in db.execute(_ROTATED)}
        for (keys,) in db.execute("SELECT keys FROM signing_keys"):
            kept |= {key.key_id: "published" for key in rows.parse_signing_keys(keys)}
        told: Facts = {}
        for kind, subject in db.execute(_EVENTS):
            told[subject] = _TOLD_BY.get(kind, kind.partition(".")[2])
        return kept, told


_USERS = "SELECT id, is_banned FROM users"
_ROTATED = "SELECT id FROM clients WHERE previous_token_hash IS NOT NULL"
_SUBJECT = (
    "CASE substr(type, 1, instr(type, '.') - 1) WHEN 'session' THEN session_id"
    " WHEN 'user' THEN user_id WHEN 'client' THEN client_id"
    " WHEN 'ticket' THEN data ->> 'ticket_id' WHEN 'key' THEN data ->> 'key_id' END"
)
_EVENTS = f"SELECT type, {_SUBJECT} FROM events ORDER BY cursor"
_TOLD_BY = {
    "session.created": "active",
    "ticket.created": "pending",
    "ticket.used": "accepted",
}


async def make(file: Path) -> Made:
    async with opened_core(make_settings(STORE=f"sqlite:///{file}"), clock=lambda: NOW) as core:
        await create_user(core, USER, {})
        one, _ = [await start_session_for(core, USER, POLICY_TERMS) for _ in range(2)]
        _, ticket = await create_ticket(core, USER, 3600, POLICY_TERMS)
        return Made(one.client_token.reveal(), one.session.id, ticket.reveal())


async def attempt(trial: Trial, made: Made, report: Callable[[Outcome], None]) -> None:
    file = Path(trial.file)
    settings = make_settings(STORE=f"sqlite:///{file}")
    operate = OPERATIONS[trial.kind]
    async with opened_core(settings, clock=lambda: NOW + 60.0, create=False) as core:
        outcome = Outcome(written=(_size(file), 0))
        await _prepare(trial, core)
        try:
            await operate(core, made)
        except StoreUnavailable:
            _limit_files(None)
            outcome.when_refused = kept_and_told(file)
            await operate(core, made)
        outcome.acknowledged = True
        outcome.written = outcome.written[0], _size(file)
        report(outcome)
        os.kill(os.getpid(), signal.SIGKILL)


async def _prepare(trial: Trial, core: Core) -> None:
    if trial.fault is Fault.KILLED_AT_A_STATEMENT:
        await _die_at_statement(core, trial.at)
        return
    if trial.fault is Fault.KILLED_IN_A_WRITE:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    _limit_files(trial.at)


async def _die_at_statement(core: Core, number: int) -> None:
    left = number

    def trace(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    assert isinstance(core.store, SqliteStore)
    file = core.store._file
    for connection in (file._connection, file._reader):
        assert connection is not None
    file._reader.set_trace_callback(trace)
    await file._run(file._thread, lambda: file._connection.set_trace_callback(trace))


def _limit_files(size: int | None) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))


def _size(file: Path) -> int:
    log = Path(f"{file}-wal")
    return log.stat().st_size if log.exists() else 0


def run_in_child(trial: Trial, made: Made) -> Outcome:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(
                attempt(trial, made, lambda said: _write(theirs, msgspec.json.encode(said)))
            )
        except BaseException:  # noqa: BLE001 - it is for the parent to judge
            _write(theirs, msgspec.json.encode(Outcome(error=traceback.format_exc())))
        os._exit(1)
    os.close(theirs)
    with open(ours, "rb") as said:
        text = said.read()
    _, status = os.waitpid(child, 0)
    outcome = msgspec.json.decode(text, type=Outcome) if text else Outcome()
    outcome.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return outcome


def _write(descriptor: int, text: bytes) -> None:
    # Less than a pipe holds, so it is written whole.
    os.write(descriptor, text)


def main(directory: Path) -> None:
    store = directory / "made.db"
    made = asyncio.run(make(store))
    print("ready", flush=True)
    for line in sys.stdin:
        trial = msgspec.json.decode(line, type=Trial)
        shutil.copyfile(store, trial.file)
        print(msgspec.json.encode(run_in_child(trial, made)).decode(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
