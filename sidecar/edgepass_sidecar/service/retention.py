"""Retention: events that are older than they shall be kept are deleted, oldest first."""

import asyncio
import logging

from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.webhooks import READER
from edgepass_sidecar.store import StoreUnavailable

REST_FOR = 60.0  # seconds between two rounds
STEP_EVERY = 0.05
_ANY = (1 << 63) - 1
_log = logging.getLogger("edgepass.retention")


class Retention:
    """Deletes whole sealed batches whose events are all older than `kept_for` seconds.

    What is left begins at a checkpoint, and so still verifies. What webhooks have not
    read yet stays.
    """

    def __init__(self, core: Core, kept_for: float) -> None:
        self._core = core
        self._kept_for = kept_for

    async def step(self) -> int:
        """Delete the oldest batch if it is old enough; return how many events it had."""
        read_to = await self._core.store.load_position(READER)
        before = self._core.clock() - self._kept_for
        return await self._core.store.prune_events(before, read_to or _ANY)

    async def keep_deleting(self) -> None:
        while True:
            deleted = 0
            try:
                deleted = await self.step()
            except StoreUnavailable as error:
                _log.warning("old events not deleted: %s", error)
            except Exception:
                _log.exception("old events not deleted")
            await asyncio.sleep(STEP_EVERY if deleted else REST_FOR)
