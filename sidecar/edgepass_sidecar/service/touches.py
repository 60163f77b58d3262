"""Activity of sessions, gathered and written in batches (never one write per refresh)."""

import asyncio
import logging
from dataclasses import replace

from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import SessionStore, StoreUnavailable, Touch

WRITE_EVERY = 1.0  # seconds; what a crash can lose of it
MAXIMUM_BATCH = 1000
_log = logging.getLogger("edgepass.touches")


class Touches:
    """Remembers the last activity per session until it is written."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._waiting: dict[SessionId, float] = {}

    def add(self, session_id: SessionId, at: float) -> None:
        self._waiting[session_id] = max(at, self._waiting.get(session_id, at))

    def latest(self, client: Client) -> Client:
        """Return a client as it is with what waits to be written of its sessions' activity."""
        for session in client.sessions:
            if session.id in self._waiting:
                return replace(client, sessions=tuple(map(self.latest_of, client.sessions)))
        return client

    def latest_of(self, session: Session) -> Session:
        waiting = self._waiting.get(session.id, 0.0)
        if waiting <= session.last_active_at:
            return session
        return replace(session, last_active_at=waiting)

    async def write(self) -> None:
        """Write what waits, a bounded batch at a time; what fails goes on waiting."""
        while self._waiting:
            batch = [Touch(*item) for item in list(self._waiting.items())[:MAXIMUM_BATCH]]
            await self._store.touch(batch)
            for touch in batch:
                if self._waiting.get(touch.session_id) == touch.at:
                    del self._waiting[touch.session_id]

    async def keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY)
            try:
                await self.write()
            except StoreUnavailable as error:
                _log.warning("session activity not written: %s", error)
            except Exception:
                _log.exception("session activity not written")
