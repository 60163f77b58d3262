"""Tokens that were minted: counted, and named in the event log where a setting asks for that."""

import asyncio
import logging

from edgepass_sidecar.event import Event
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import SessionStore, StoreUnavailable

WRITE_EVERY = 1.0  # seconds; what a crash can lose of it
MAXIMUM_BATCH = 1000
COUNTED_EVERY = 60.0
_log = logging.getLogger("edgepass.minted")


class Minted:
    """Notes tokens without a write for each: `logs` says whether their events are wanted."""

    def __init__(self, store: SessionStore, *, logs: bool) -> None:
        self._store = store
        self._logs = logs
        self._waiting: list[Event] = []
        self.count = 0

    def note(self, session: Session, now: float) -> None:
        self.count += 1
        if self._logs:
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
        """Write what waits, a bounded batch at a time; what fails goes on waiting."""
        while self._waiting:
            batch = tuple(self._waiting[:MAXIMUM_BATCH])
            await self._store.append_events(batch)
            del self._waiting[: len(batch)]

    async def keep_writing(self) -> None:
        said, due = 0, COUNTED_EVERY
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
                said, due = self.count, COUNTED_EVERY
