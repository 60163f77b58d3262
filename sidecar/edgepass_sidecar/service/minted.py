"""Tokens that were minted: counted, and named in the event log where a setting asks for that."""

import asyncio
import logging

from edgepass_sidecar.event import Event
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import SessionStore, StoreUnavailable

WRITE_EVERY = 1.0  # seconds; what a crash can lose of it
MAXIMUM_BATCH = 1000
# Events that wait while the store takes none; further ones are dropped.
MAXIMUM_WAITING = 100_000
COUNTED_EVERY = 60.0
_log = logging.getLogger("edgepass.minted")


class Minted:
    """Notes tokens without a write for each: `logs` says whether their events are wanted.

    `count` is how many were minted, `dropped` how many of them will never be on record.
    """

    def __init__(self, store: SessionStore, *, logs: bool) -> None:
        self._store = store
        self._logs = logs
        self._waiting: list[Event] = []
        self._writing: asyncio.Task[None] | None = None
        self.count = 0
        self.dropped = 0

    def note(self, session: Session, now: float) -> None:
        self.count += 1
        if not self._logs:
            return
        if len(self._waiting) >= MAXIMUM_WAITING:
            self.dropped += 1
            return
        self._waiting.append(
            Event(
                type="session.token.created",
                at=now,
                client_id=session.client_id,
                session_id=session.id,
                user_id=session.user_id,
                actor_id=session.actor_id,
            )
        )

    async def write(self) -> None:
        """Write what waits, a bounded batch at a time; what fails goes on waiting.

        Cancelled, it leaves the batch that is under way to itself; the next call awaits it.
        """
        while self._waiting or self._writing is not None:
            if self._writing is None:
                self._writing = asyncio.create_task(self._write_batch())
            # A write that was begun may reach the disk, and must not be begun again.
            await asyncio.shield(self._writing)

    async def keep_writing(self) -> None:
        said, missed, due = 0, 0, COUNTED_EVERY
        while True:
            await asyncio.sleep(WRITE_EVERY)
            try:
                await self.write()
            except StoreUnavailable as error:
                _log.warning("minted tokens not on record: %s", error)
            except Exception:
                _log.exception("minted tokens not on record")
            due -= WRITE_EVERY
            if due <= 0:
                if self.count > said:
                    _log.info("minted %d tokens", self.count - said)
                if self.dropped > missed:
                    _log.error("%d minted tokens will not be on record", self.dropped - missed)
                said, missed, due = self.count, self.dropped, COUNTED_EVERY

    async def _write_batch(self) -> None:
        batch = self._waiting[:MAXIMUM_BATCH]
        del self._waiting[: len(batch)]
        try:
            await self._store.append_events(tuple(batch))
        except BaseException:
            self._waiting[:0] = batch
            raise
        finally:
            self._writing = None
