"""The revocation feed: follows the event log once, for all edges that listen here."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import NamedTuple

import orjson

from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import Entries, EventQuery
from edgepass_sidecar.feed_entry import (
    FEED_EVENTS,
    KEY_EVENTS,
    FeedEntry,
    encode_message,
    feed_entry,
)
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.policy_record import longest_token_lifetime
from edgepass_sidecar.store import StoreUnavailable

POLL_EVERY = 0.004  # seconds; half of it is added to the latency of a revocation, on average
HEARTBEAT_EVERY = 1.0
RETRY_AFTER = 0.5  # seconds, while the store does not answer
# Beyond a token's life: what an edge adds as leeway, and clocks that differ.
MARGIN = 60.0
_LONGEST_TOKEN = 300.0
_PAGE = 100  # read on the event loop
_BACKLOG_PAGE = 500
_PIECE = 200  # messages that are sent at once: a chunk stays small, and others have their turn
_FAR_BEHIND = 10_000
_log = logging.getLogger("edgepass.feed")


class _Kept(NamedTuple):
    cursor: int
    until: float
    message: bytes


class Feed:
    """The entries that are still alive, in the order of the log, and who waits for more.

    Each sidecar reads the whole log, whoever wrote it. While nobody listens
    nothing is read.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._kept: deque[_Kept] = deque()
        self._kept_after = 0  # what came up to here is no longer in `_kept`
        self._position: int | None = None
        self._read_moment = 0.0  # of the event loop's clock
        self._listeners = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._reading = asyncio.Lock()
        self._is_closed = False
        self._token_lifetime = float(core.token_lifetime)

    async def keep_following(self) -> None:
        """Follow the log for ever, as long as somebody listens."""
        while True:
            await self._wanted.wait()
            try:
                await self._read_news()
                await asyncio.sleep(POLL_EVERY)
            except StoreUnavailable as error:
                _log.warning("feed not read: %s", error)
                await asyncio.sleep(RETRY_AFTER)
            except Exception:
                _log.exception("feed not read")
                await asyncio.sleep(RETRY_AFTER)

    def close(self) -> None:
        """Let every listener go: they find another sidecar, or this one once it is back."""
        self._is_closed = True
        self._tell()

    async def listen(self, last: int | None) -> AsyncIterator[bytes]:
        """Yield messages for ever: what `last` has missed, or all that is alive; then what comes.

        Raises `StoreUnavailable`.
        """
        self._listeners += 1
        self._wanted.set()
        try:
            since = self._core.clock() - _LONGEST_TOKEN
            self._token_lifetime = await longest_token_lifetime(self._core, since)
            position = await self._read_news()
            is_resumed = last is not None and await self._oldest() - 1 <= last <= position
            hello = {"token_lifetime": self._token_lifetime, "resumed": is_resumed}
            yield encode_message("hello", hello, None)
            if last is not None and is_resumed:
                async for messages in self._backlog(last, position):
                    yield messages
                if await self._oldest() - 1 > last:
                    return  # some of it may have been deleted meanwhile: it is not resumed
            else:
                for piece in self._pieces(-1, position):
                    yield piece
            yield self._key_set(position) + encode_message("caught_up", {}, position)
            async for messages in self._what_comes(position):
                yield messages
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._wanted.clear()

    async def _what_comes(self, position: int) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        spoken_moment = loop.time()
        while not self._is_closed:
            news = self._news
            if self._position == position:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(spoken_moment + HEARTBEAT_EVERY):
                        await news.wait()
            else:
                assert self._position is not None, "it was read before anybody listened"
                reached, has_spoken = self._position, False
                async for messages in self._news_between(position, reached):
                    yield messages
                    has_spoken = True
                position = reached
                if has_spoken:
                    yield encode_message("heartbeat", {}, position)
                    spoken_moment = loop.time()
            if loop.time() >= spoken_moment + HEARTBEAT_EVERY:
                spoken_moment = loop.time()
                # Who cannot read the log knows of nothing: its silence says so.
                if self._is_reading():
                    yield encode_message("heartbeat", {}, position)

    async def _news_between(self, position: int, reached: int) -> AsyncIterator[bytes]:
        if position < self._kept_after:
            async for messages in self._backlog(position, reached):
                yield messages
            yield self._key_set(reached)
        else:
            for piece in self._pieces(position, reached):
                yield piece

    def _pieces(self, after: int, through: int) -> Iterator[bytes]:
        """Yield what is kept between two cursors, as it is now."""
        found: list[bytes] = []
        for kept in reversed(self._kept):
            if kept.cursor <= after:
                break
            if kept.cursor <= through:
                found.append(kept.message)
        found.reverse()
        for start in range(0, len(found), _PIECE):
            yield b"".join(found[start : start + _PIECE])

    async def _backlog(self, after: int, through: int) -> AsyncIterator[bytes]:
        """Yield what the log has between two cursors, alive or not: connections outlive tokens."""
        while after < through:
            query = EventQuery(after=after, types=FEED_EVENTS, limit=_BACKLOG_PAGE)
            entries = await self._core.store.find_events(query)
            after = entries[-1][0] if len(entries) == _BACKLOG_PAGE else through
            found = ((cursor, self._entry(event)) for cursor, event in entries)
            messages = [entry.encode(cursor) for cursor, entry in found if entry is not None]
            # Whoever is cut off goes on from here.
            yield b"".join((*messages, encode_message("heartbeat", {}, after)))

    async def _read_news(self) -> int:
        """Read on to the end of the log, and return where that is."""
        async with self._reading:
            newest = await self._core.store.newest_cursor()
            if self._position is None or not 0 <= newest - self._position <= _FAR_BEHIND:
                await self._begin(newest)
            while self._position is not None and self._position < newest:
                entries = await self._core.store.list_events(self._position, _PAGE)
                self._kept.extend(await self._messages(entries))
                self._position = entries[-1][0] if entries else newest
                self._tell()
            self._forget()
            self._read_moment = asyncio.get_running_loop().time()
            assert self._position is not None, "it was set above"
            return self._position

    async def _begin(self, newest: int) -> None:
        """Read what is alive out of the log, whose newest event has the cursor `newest`."""
        kept: deque[_Kept] = deque()
        now = self._core.clock()
        since = now - _LONGEST_TOKEN - MARGIN
        after = await self._core.store.find_cursor_before(since)
        while True:
            query = EventQuery(after=after, types=FEED_EVENTS, limit=_BACKLOG_PAGE)
            entries = await self._core.store.find_events(query)
            found = await self._messages(tuple(each for each in entries if each[0] <= newest))
            kept.extend(each for each in found if each.until + MARGIN > now)
            if len(entries) < _BACKLOG_PAGE:
                break
            after = entries[-1][0]
        # All at once: listeners that are behind read what is kept while others wait here.
        self._kept = kept
        # Nobody here has been told what of this is over.
        self._kept_after = newest
        self._position = newest
        self._tell()

    async def _messages(self, entries: Entries) -> list[_Kept]:
        now = self._core.clock()
        kept: list[_Kept] = []
        for cursor, event in entries:
            entry = self._entry(event)
            if entry is not None:
                kept.append(_Kept(cursor, entry.until, entry.encode(cursor)))
            if event.type in KEY_EVENTS:
                await self._core.keys.reload()
                message = self._key_set(cursor)
                kept.append(_Kept(cursor, now, message))
        return kept

    def _forget(self) -> None:
        now = self._core.clock()
        while self._kept and self._kept[0].until + MARGIN <= now:
            self._kept_after = max(self._kept_after, self._kept.popleft().cursor)

    def _is_reading(self) -> bool:
        return asyncio.get_running_loop().time() - self._read_moment < HEARTBEAT_EVERY

    def _entry(self, event: Event) -> FeedEntry | None:
        return feed_entry(event, self._token_lifetime)

    def _key_set(self, cursor: int) -> bytes:
        body, _ = self._core.keys.key_set(self._core.clock())
        return encode_message("keys", orjson.loads(body), cursor)

    async def _oldest(self) -> int:
        return await self._core.store.oldest_cursor()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
