"""`edgepass purge`: erase a user, and what the event log says of that user."""

import argparse
import sys

from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.erasure import HEARD_AFTER, erase_user
from edgepass_sidecar.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", metavar="USER_ID", type=UserId, required=True)
    parser.set_defaults(command=_purge)


async def _purge(core: Core, settings: Settings, chosen: argparse.Namespace) -> None:
    has_webhooks = settings.webhook_url is not None
    erased = await erase_user(core, chosen.user, has_webhooks=has_webhooks)
    print(chosen.user, "erased", f"{erased.events} events", sep="\t")
    if not erased.is_finished:
        print(
            f"edges and webhooks have yet to hear of the newest events: the sidecar erases them"
            f" in {HEARD_AFTER / 60:g} minutes or later; where none runs, repeat this command then",
            file=sys.stderr,
        )
