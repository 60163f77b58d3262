"""Sealing in the background: what was written to the event log since is added to the chain."""

import asyncio
import logging

from edgepass_sidecar.audit.chain import seal_events
from edgepass_sidecar.audit.checkpoint import Statement, sign_statement
from edgepass_sidecar.seals import Batch
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.key_keeper import NoActiveKey
from edgepass_sidecar.store import StoreUnavailable

# Events sealed at once: a few milliseconds of work, so that nobody waits for long.
MOST_SEALED = 100
SEAL_EVERY = 1.0  # seconds, in which what is not sealed yet could be changed unseen
_log = logging.getLogger("edgepass.sealer")


async def seal_batch(core: Core) -> bool:
    """Seal the events that come next, at most 100; say if there were any.

    Several sidecars may try: one of them appends the batch, and for the others
    it is as if they had.
    """
    unsealed = await core.store.find_unsealed(MOST_SEALED)
    if not unsealed.entries:
        return False
    now = core.clock()
    signer = core.keys.signer(now)
    key = next(key for key in core.keys.list_keys() if key.key_id == signer.key_id)
    sealed = seal_events(unsealed.link, unsealed.entries, core.random)
    statement = Statement(
        issuer=core.issuer,
        first=sealed[0].cursor,
        last=sealed[-1].cursor,
        previous=unsealed.link,
        link=sealed[-1].seal.link,
        count=len(sealed),
        at=now,
    )
    batch = Batch(
        first=statement.first,
        last=statement.last,
        previous=unsealed.link,
        sealed=sealed,
        checkpoint=sign_statement(statement, signer),
        key=key.public_jwk,
    )
    await core.store.append_seals(unsealed.cursor, batch)
    return True


async def seal_everything(core: Core) -> None:
    """Seal until nothing is left. Raises `NoActiveKey` where nothing can sign."""
    is_left = True
    while is_left:
        is_left = await seal_batch(core)
        await asyncio.sleep(0)  # whoever waits for this process goes first


async def keep_sealing(core: Core) -> None:
    while True:
        try:
            await seal_everything(core)
        except (StoreUnavailable, NoActiveKey) as error:
            _log.warning("events not sealed: %s", error)
        except Exception:
            _log.exception("events not sealed")
        await asyncio.sleep(SEAL_EVERY)
