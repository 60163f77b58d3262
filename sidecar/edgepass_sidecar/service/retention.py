"""Retention: events that are older than they shall be kept are deleted, oldest first."""

import asyncio
import logging

from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.erasure import WEBHOOKS_AWAITED_FOR
from edgepass_sidecar.service.webhooks import READER
from edgepass_sidecar.store import StoreUnavailable

REST_FOR = 60.0  # seconds between two rounds
_ANY = (1 << 63) - 1
_log = logging.getLogger("edgepass.retention")


class Retention:
    """Deletes whole sealed batches whose events are all older than `kept_for` seconds.

    What is left begins at a checkpoint, and so still verifies. What webhooks, if there
    are any, have not read yet stays, for as long as they are waited for.
    """

    def __init__(self, core: Core, kept_for: float, *, has_webhooks: bool) -> None:
        self._core = core
        self._kept_for = kept_for
        self._has_webhooks = has_webhooks

    async def step(self) -> int:
        """Delete the oldest batch if it is old enough; return how many events it had."""
        before = self._core.clock() - self._kept_for
        return await self._core.store.prune_events(before, await self._until())

    async def delete_old(self) -> None:
        """Delete all batches that are old enough, and say if webhooks keep more from it."""
        is_left = True
        while is_left:
            is_left = await self.step() > 0
            await asyncio.sleep(0)  # whoever waits for this process goes first
        until = await self._until()
        old = await self._core.store.find_cursor_before(self._core.clock() - self._kept_for)
        if old > until:
            _log.warning("events to cursor %d are old, but webhooks have read to %d", old, until)

    async def keep_deleting(self) -> None:
        while True:
            try:
                await self.delete_old()
            except StoreUnavailable as error:
                _log.warning("old events not deleted: %s", error)
            except Exception:
                _log.exception("old events not deleted")
            await asyncio.sleep(REST_FOR)

    async def _until(self) -> int:
        """Return the cursor up to which webhooks have read, or are waited for no more."""
        if not self._has_webhooks:
            return _ANY
        store = self._core.store
        read_to = await store.load_position(READER)
        given_up = await store.find_cursor_before(self._core.clock() - WEBHOOKS_AWAITED_FOR)
        return max(read_to, given_up)
