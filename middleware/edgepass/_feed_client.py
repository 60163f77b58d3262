"""Listens to the issuer's revocation feed in the background, and never stops trying."""

import asyncio
import contextvars
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress

from edgepass._errors import KeySetRefused
from edgepass._event_stream import Message, MessageParser, MessageTooLong
from edgepass._feed import Feed, FeedBroken
from edgepass._http import Endpoint, FetchFailed, Stream
from edgepass._jwks_client import load_in_thread

CONNECT_TIMEOUT = 2.0
LONGEST_SILENCE = 3.0  # the sidecar speaks every second
FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = 0.1, 5.0
_MESSAGES_AT_ONCE = 100
_QUICK = frozenset(("session", "claims", "heartbeat"))
_log = logging.getLogger("edgepass")


class FeedClient:
    """Keeps `feed` supplied from `uri`, with the edge key that the sidecar knows us by.

    `on_stale` is called when nothing was heard for `stale_after` seconds. Raises
    `ValueError` for a URL or a key that cannot be used.
    """

    def __init__(
        self,
        uri: str,
        edge_key: str,
        feed: Feed,
        clock: Callable[[], float],
        *,
        stale_after: float,
        on_stale: Callable[[], None],
        on_heard: Callable[[], None],
    ) -> None:
        if not (edge_key.isascii() and edge_key.isprintable() and edge_key.strip()):
            raise ValueError("edge_key must be a key made with: edgepass keys create --edge")
        self._endpoint = Endpoint(uri)
        self._edge_key = edge_key
        self._feed = feed
        self._clock = clock
        self._stale_after = stale_after
        self._on_stale = on_stale
        self._on_heard = on_heard
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._ready: asyncio.Event | None = None
        self._heard_moment: float | None = None
        self._failures = 0

    def start(self) -> bool:
        """Listen in the background of the running event loop, unless one that runs does already.

        Says whether this was the beginning.
        """
        loop = asyncio.get_running_loop()
        if self._loop is loop or (self._loop is not None and self._loop.is_running()):
            return False
        self._loop = loop
        # What a loop that ended without a word left behind says nothing about now.
        self._feed.lose()
        self._ready = asyncio.Event()
        self._heard_moment = time.monotonic()
        # In contexts of their own: they outlive the request that they may start in.
        self._tasks = tuple(
            loop.create_task(work(loop), context=contextvars.Context())
            for work in (self._listen, self._watch)
        )
        return True

    async def stop(self) -> None:
        """End the background work and wait for its end."""
        tasks, self._tasks, self._loop = self._tasks, (), None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._feed.lose()

    async def wait_until_ready(self, within: float) -> None:
        """Return once the feed was caught up with for the first time, or after so many seconds.

        They count from the start: while there is no feed to be had, not every
        request waits for it.
        """
        left = within - (self.silent_for or 0.0)
        if self._ready is None or self._loop is not asyncio.get_running_loop():
            return  # another thread's event loop listens for this one too
        if left > 0 and not self._ready.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._ready.wait()

    @property
    def silent_for(self) -> float | None:
        """Seconds since the feed was last known to be complete, or else since listening began.

        `None` before that.
        """
        return None if self._heard_moment is None else time.monotonic() - self._heard_moment

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        # Where another event loop has taken over, it has a listener of its own.
        while self._loop is loop:
            try:
                await self._follow(loop)
            except (FetchFailed, FeedBroken, MessageTooLong, UnicodeDecodeError) as error:
                _log.warning("revocation feed lost, at %s: %s", self._endpoint.url, error)
            except Exception:
                # Whatever this is, an edge that stopped listening would not know of revocations.
                _log.exception("revocation feed lost, at %s", self._endpoint.url)
            if self._loop is not loop:
                return
            self._feed.lose()
            retry_after = min(FIRST_RETRY_AFTER * 2.0**self._failures, LONGEST_RETRY_AFTER)
            self._failures = min(self._failures + 1, 16)
            await asyncio.sleep(retry_after * (0.5 + 0.5 * random.random()))

    async def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        headers = {
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
            "Authorization": f"Bearer {self._edge_key}",
        }
        if self._feed.cursor is not None:
            headers["Last-Event-ID"] = str(self._feed.cursor)
        stream = await self._endpoint.stream(headers=headers, within=CONNECT_TIMEOUT)
        try:
            await self._read(stream, loop)
        finally:
            stream.close()

    async def _read(self, stream: Stream, loop: asyncio.AbstractEventLoop) -> None:
        parser = MessageParser()
        told_moment = time.monotonic()
        while self._loop is loop:
            # Whole messages count: bytes that a proxy drips into a dead stream say nothing.
            left = told_moment + LONGEST_SILENCE - time.monotonic()
            messages = parser.parse(await stream.read(left))
            if not messages:
                continue
            for number, message in enumerate(messages, start=1):
                await self._apply(message)
                # Requests have their turn. What looks at every connection is much at once.
                if number % _MESSAGES_AT_ONCE == 0 or message.kind not in _QUICK:
                    await asyncio.sleep(0)
            told_moment = time.monotonic()

    async def _apply(self, message: Message) -> None:
        if message.kind == "keys":
            await self._accept_keys(message)
        else:
            self._feed.apply(message, self._clock())
        if self._feed.is_caught_up:
            self._heard_moment = time.monotonic()
            self._failures = 0
            self._on_heard()
            if self._ready is not None:
                self._ready.set()

    async def _accept_keys(self, message: Message) -> None:
        try:
            keys = await load_in_thread(message.data)
        except KeySetRefused as error:
            # The keys that are fetched are still there.
            _log.warning("keys of the revocation feed not taken: %s", error)
        else:
            self._feed.accept_keys(keys, message.id)

    async def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        was_stale = False
        while self._loop is loop:
            silent_for = self.silent_for or 0.0
            left = self._stale_after - silent_for
            if left <= 0:
                if not was_stale:
                    _log.error("nothing heard of revocations for %g seconds", silent_for)
                self._on_stale()
            was_stale = left <= 0
            await asyncio.sleep(left if left > 0 else LONGEST_SILENCE / 10)
