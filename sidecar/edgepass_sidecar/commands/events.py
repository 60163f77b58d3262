"""`edgepass events`: look at the event log, follow it, and export all of it."""

import argparse
import asyncio
import calendar
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from edgepass_sidecar.audit.canonical import canonical
from edgepass_sidecar.commands.failure import CommandFailed
from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import Entries, EventQuery
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.exporter import ExportOvertaken, export_lines
from edgepass_sidecar.settings import Settings

LOOK_EVERY = 0.5  # seconds between two looks of `tail`
_PAGE = 500
_TIME = "%Y-%m-%dT%H:%M:%SZ"
# What goes into a file at once.
_CHUNK = 1 << 20


def add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="list events, newest first")
    _add_filters(listing)
    listing.add_argument("--since", metavar="TIME", type=_parse_time, help="such as 2030-01-31")
    listing.add_argument("--until", metavar="TIME", type=_parse_time, help="exclusive")
    listing.add_argument(
        "--after", metavar="CURSOR", type=_parse_number, help="what followed it, oldest first"
    )
    listing.add_argument("--limit", type=_parse_number, default=50)
    listing.set_defaults(command=_list)
    following = commands.add_parser("tail", help="show the newest events, and those to come")
    _add_filters(following)
    following.set_defaults(command=_tail)
    exporting = commands.add_parser("export", help="write all events, to be verified anywhere")
    exporting.add_argument("file", metavar="FILE", type=Path, nargs="?")
    exporting.set_defaults(command=_export)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="USER_ID", type=UserId)
    parser.add_argument("--session", metavar="SESSION_ID", type=SessionId)
    parser.add_argument("--client", metavar="CLIENT_ID", type=ClientId)
    parser.add_argument("--type", metavar="TYPE", action="append", default=[])


async def _list(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    query = EventQuery(
        user_id=chosen.user,
        session_id=chosen.session,
        client_id=chosen.client,
        types=frozenset(chosen.type),
        since=chosen.since,
        until=chosen.until,
        after=chosen.after or 0,
        newest_first=chosen.after is None,
        limit=chosen.limit + 1,
    )
    entries = await core.store.find_events(query)
    with _while_somebody_reads():
        _print(entries[: chosen.limit])
    if len(entries) > chosen.limit:
        print("there are more: use --limit", file=sys.stderr)


async def _tail(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    def query(after: int, limit: int, *, newest_first: bool = False) -> EventQuery:
        return EventQuery(
            user_id=chosen.user,
            session_id=chosen.session,
            client_id=chosen.client,
            types=frozenset(chosen.type),
            after=after,
            newest_first=newest_first,
            limit=limit,
        )

    # Ctrl-C is how one stops looking, and no failure.
    with contextlib.suppress(asyncio.CancelledError), _while_somebody_reads():
        newest = await core.store.newest_cursor()
        _print((await core.store.find_events(query(newest + 1, 10, newest_first=True)))[::-1])
        while True:
            reached = await core.store.newest_cursor()
            while newest < reached:
                entries = await core.store.find_events(query(newest, _PAGE))
                _print(entries)
                newest = entries[-1][0] if len(entries) == _PAGE else reached
            await asyncio.sleep(LOOK_EVERY)


async def _export(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    if chosen.file is None:
        with _while_somebody_reads():
            async for chunk in _chunks(core):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return
    try:
        file = _create(chosen.file)
        try:
            with file:
                async for chunk in _chunks(core):
                    file.write(chunk)
        except BaseException:
            # A part of an export proves nothing, and would be in the way of another attempt.
            chosen.file.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CommandFailed(f"{chosen.file} cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def _while_somebody_reads() -> Iterator[None]:
    """Stop quietly once whoever reads the output, such as `head`, has had enough of it."""
    try:
        yield
    except BrokenPipeError:
        # Or the interpreter would fail once more, when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _create(file: Path) -> BinaryIO:
    # It holds personal data: nobody else on this machine may read it.
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


async def _chunks(core: Core) -> AsyncIterator[bytes]:
    chunk = bytearray()
    try:
        async for line in export_lines(core):
            chunk += line + b"\n"
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
    except ExportOvertaken as error:
        raise CommandFailed(str(error)) from None
    yield bytes(chunk)


def _print(entries: Entries) -> None:
    for cursor, event in entries:
        print(cursor, *_columns(event), sep="\t")
    sys.stdout.flush()


def _columns(event: Event) -> tuple[str, ...]:
    return (
        time.strftime(_TIME, time.gmtime(event.at)),
        event.type,
        event.user_id or "-",
        event.session_id or "-",
        event.client_id or "-",
        event.ip_address or "-",
        canonical(event.data).decode(),
    )


def _parse_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 53):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1 on")
    return int(text)


def _parse_time(text: str) -> float:
    for form in ("%Y-%m-%d", _TIME):
        try:
            return float(calendar.timegm(time.strptime(text, form)))
        except ValueError:
            continue
    raise argparse.ArgumentTypeError(
        f"{text!r} must be a day, 2030-01-31, or a time in UTC, 2030-01-31T12:00:00Z"
    )
