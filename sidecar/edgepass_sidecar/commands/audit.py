"""`edgepass audit`: verify an export anywhere, and list the public keys to do it with."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import orjson

from edgepass_sidecar.audit.checkpoint import CheckpointKeys
from edgepass_sidecar.audit.export import LONGEST_LINE
from edgepass_sidecar.audit.misplaced import Finding
from edgepass_sidecar.audit.verification import NotAnExport, Verification
from edgepass_sidecar.commands.failure import CommandFailed
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.exporter import list_public_keys
from edgepass_sidecar.settings import Settings

# Findings printed: beyond that it is plain that the file is not what it was.
MOST_SHOWN = 100
_UNTRUSTED = (
    "the keys are those in the file itself: this shows damage, but not forgery;"
    " keep the output of `edgepass audit keys` elsewhere, and name it with --keys"
)


def add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    verifying = commands.add_parser("verify", help="verify an export, with nothing but public keys")
    verifying.add_argument("file", metavar="FILE", type=Path)
    verifying.add_argument("--keys", metavar="JWKS_FILE", type=Path, help="a JWK Set to trust")
    verifying.set_defaults(alone=verify)
    listing = commands.add_parser("keys", help="print all public keys, to keep them elsewhere")
    listing.set_defaults(command=_list_keys)


async def _list_keys(core: Core, _: Settings, __: argparse.Namespace) -> None:
    document = {"keys": await list_public_keys(core)}
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def verify(chosen: argparse.Namespace) -> int:
    """Print what is wrong with an export. Return 0 for nothing, 1 otherwise."""
    keys = _read_keys(chosen.keys) if chosen.keys is not None else None
    verification = Verification(keys)
    shown = more = 0
    try:
        with chosen.file.open("rb") as file:
            for finding in _merged(_findings(verification, file)):
                if shown < MOST_SHOWN:
                    print(finding)
                    shown += 1
                else:
                    more += 1
    except OSError as error:
        raise CommandFailed(f"{chosen.file} cannot be read: {error.strerror}") from None
    except NotAnExport as error:
        raise CommandFailed(f"{chosen.file} is no export to verify: {error}") from None
    if more:
        print(f"and {more} more like these")
    if keys is None:
        print(f"edgepass: {_UNTRUSTED}", file=sys.stderr)
    if shown:
        return 1
    assert verification.end is not None, "without a last line the file is truncated"
    end = verification.end
    signed = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end.at))
    print(f"ok: {end.count} events, cursors {end.first} to {end.last}, as of {signed}", end.issuer)
    return 0


def _findings(verification: Verification, file: BinaryIO) -> Iterator[Finding]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise NotAnExport(f"line {number} is longer than {LONGEST_LINE:,} bytes")
        yield from verification.read(line.removesuffix(b"\n"))
    yield from verification.finish()


def _merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Put what is wrong in the same way with neighbours into one line."""
    last: Finding | None = None
    for finding in findings:
        if last is not None and (last.problem, last.last + 1) == (finding.problem, finding.first):
            last = replace(last, last=finding.last)
            continue
        if last is not None:
            yield last
        last = finding
    if last is not None:
        yield last


def _read_keys(file: Path) -> CheckpointKeys:
    try:
        return CheckpointKeys(orjson.loads(file.read_bytes()))
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CommandFailed(f"{file} holds no keys to verify with: {error}") from None
