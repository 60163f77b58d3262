"""Erasing a user: sessions end as always, and then nothing is left that names the user."""

import asyncio
import logging
from dataclasses import dataclass

from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.seals import Beginning
from edgepass_sidecar.service.core import ATTEMPTS, Core
from edgepass_sidecar.service.key_keeper import NoActiveKey
from edgepass_sidecar.service.refusal import not_found, too_many_races
from edgepass_sidecar.service.revocation import ban_user, revoke_session
from edgepass_sidecar.service.sealer import seal_everything
from edgepass_sidecar.service.webhooks import READER
from edgepass_sidecar.store import StoreUnavailable

# Edges learn of a revocation from its event, as long as there may be a token that it is
# about: 300 seconds at most, and a minute for clocks.
HEARD_AFTER = 360.0
# Seconds after which webhooks that do not read on are waited for no more.
WEBHOOKS_AWAITED_FOR = 3 * 86_400.0
# Seconds for webhooks to read what happened to sessions that are about to be deleted.
READ_WITHIN, LOOK_EVERY = 5.0, 0.05
STEP = 500
CONTINUE_EVERY = 10.0
_log = logging.getLogger("edgepass.erasure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How many events lost their personal part, and whether any that shall lose it is left."""

    events: int
    is_finished: bool


async def erase_user(core: Core, identifier: UserId, *, has_webhooks: bool) -> Erased:
    """Erase a user for good. Raises `Refused` (404) where nothing is known of one.

    The ban comes first: nothing is minted from then on. Events that edges and webhooks
    have yet to hear of, those of this very end, are erased once they had the time;
    `keep_erasing` does that. Erasing again finishes what was cut short.
    """
    if await core.store.load_users([identifier]):
        await ban_user(core, identifier)
    for _ in range(ATTEMPTS):
        for session_id in await core.store.find_acting(identifier):
            await revoke_session(core, session_id, by="backend", reason="actor erased")
        if has_webhooks:
            await _let_webhooks_read(core)
        begun = await core.store.begin_erasure(identifier, core.clock())
        if begun is Beginning.UNKNOWN:
            raise not_found("user")
        if begun is Beginning.BEGUN:
            return await continue_erasure(core, identifier)
    raise too_many_races()


async def continue_erasure(core: Core, identifier: UserId) -> Erased:
    """Erase those events of a user, whose erasure was begun, that everybody has heard of."""
    await seal_everything(core)
    until = await _heard_until(core)
    events = 0
    while True:
        erased = await core.store.erase_events(identifier, until, STEP, core.clock())
        events += erased
        if erased < STEP:
            break
    return Erased(events=events, is_finished=await core.store.finish_erasure(identifier))


async def keep_erasing(core: Core) -> None:
    while True:
        await asyncio.sleep(CONTINUE_EVERY)
        try:
            # Younger ones have an event, that of the ban, which is not erased yet.
            begun = await core.store.list_erasures(core.clock() - HEARD_AFTER)
        except StoreUnavailable as error:
            _log.warning("users not erased: %s", error)
            continue
        for identifier in begun:
            await _continue_one(core, identifier)


async def _continue_one(core: Core, identifier: UserId) -> None:
    try:
        await continue_erasure(core, identifier)
    except (StoreUnavailable, NoActiveKey) as error:
        _log.warning("a user is not erased: %s", error)
    except Exception:
        _log.exception("a user is not erased")


async def _let_webhooks_read(core: Core) -> None:
    newest, read_to = await core.store.newest_cursor(), await core.store.load_position(READER)
    try:
        async with asyncio.timeout(READ_WITHIN):
            while 0 < read_to < newest:
                await asyncio.sleep(LOOK_EVERY)
                read_to = await core.store.load_position(READER)
    except TimeoutError:
        _log.warning("webhooks have read up to %d of %d: the rest is not sent", read_to, newest)


async def _heard_until(core: Core) -> int:
    now = core.clock()
    heard = await core.store.find_cursor_before(now - HEARD_AFTER)
    read_to = await core.store.load_position(READER)
    if not read_to:
        return heard
    given_up = await core.store.find_cursor_before(now - WEBHOOKS_AWAITED_FOR)
    return min(heard, max(read_to, given_up))
