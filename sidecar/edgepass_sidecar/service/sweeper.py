"""Clean-up in the background: ends are put on record, and what is long over is deleted."""

import asyncio
import logging

from edgepass_sidecar.client import finish_sessions
from edgepass_sidecar.identifier import ClientId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.session import Status
from edgepass_sidecar.store import Commit, StoreUnavailable

# Bounds of one step, so that nothing else has to wait long for the store.
SESSIONS_LOOKED_AT = 1000
RECORDS_DELETED = 500
KEPT_FOR = 30 * 86_400.0  # seconds that a session stays in lists after its end
STEP_EVERY = 1.0
REST_FOR = 60.0  # seconds between two rounds
_log = logging.getLogger("edgepass.sweeper")


class Sweeper:
    """Goes round all live sessions, a bounded step at a time.

    Nothing depends on it: a session that is over mints nothing, whether or not
    its end is on record. Several sidecars may sweep one store.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._after = ""

    async def step(self) -> bool:
        """Look at some sessions and delete some that are long over; say if the round is done."""
        now = self._core.clock()
        # What was active a moment ago is not abandoned.
        await self._core.touches.write()
        over = await self._core.store.find_over(self._after, SESSIONS_LOOKED_AT, now)
        for client_id in over.clients:
            await self._record_ends(client_id)
        self._after = over.last
        deleted = await self._core.store.purge(now - KEPT_FOR, RECORDS_DELETED)
        dropped = await self._core.store.drop_notes(now, RECORDS_DELETED)
        return not over.last and max(deleted, dropped) < RECORDS_DELETED

    async def keep_sweeping(self) -> None:
        while True:
            is_done = True
            try:
                is_done = await self.step()
            except StoreUnavailable as error:
                _log.warning("not swept: %s", error)
            except Exception:
                _log.exception("not swept")
            await asyncio.sleep(REST_FOR if is_done else STEP_EVERY)

    async def _record_ends(self, client_id: ClientId) -> None:
        client = await self._core.store.load_client(client_id)
        if client is None:
            return
        now = self._core.clock()
        changed, events = finish_sessions(client, Status.EXPIRED, now, lambda _: False)
        if events:
            # Who lost this race changed the client, and the next round comes by again.
            await self._core.store.commit(Commit(client=changed, events=events))
