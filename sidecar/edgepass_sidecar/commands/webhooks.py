"""`edgepass webhooks`: what could not be delivered, and another chance for it."""

import argparse
import sys
import time

from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import not_found
from edgepass_sidecar.settings import Settings

LISTED = 100


def add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="list dead letters, oldest first")
    listing.add_argument("--after", metavar="CURSOR", type=_parse_cursor, default=0)
    listing.set_defaults(command=_list)
    replaying = commands.add_parser("replay", help="deliver dead letters after all")
    chosen = replaying.add_mutually_exclusive_group(required=True)
    chosen.add_argument("cursor", metavar="CURSOR", type=_parse_cursor, nargs="?")
    chosen.add_argument("--all", action="store_true", help="every one that there is")
    replaying.set_defaults(command=_replay)


async def _list(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    found = await core.store.list_dead_deliveries(chosen.after, LISTED + 1)
    for dead in found[:LISTED]:
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(dead.created_at))
        attempts = f"{dead.attempts} attempts"
        print(dead.cursor, dead.type, dead.sequence, created, attempts, dead.problem, sep="\t")
    if len(found) > LISTED:
        print(f"there are more: use --after {found[LISTED - 1].cursor}", file=sys.stderr)


async def _replay(core: Core, _: Settings, chosen: argparse.Namespace) -> None:
    revived = await core.store.revive_deliveries(chosen.cursor, core.clock())
    if not revived and not chosen.all:
        raise not_found("dead letter")
    print(revived, "due", sep="\t")


def _parse_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"{text!r} must be a cursor, as `webhooks list` shows it")
    return int(text)
