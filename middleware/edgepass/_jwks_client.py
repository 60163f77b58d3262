"""Fetches the issuer's key set, in the background and on demand, one fetch at a time (RFC 9111)."""

import asyncio
import contextvars
import logging
import random
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from edgepass._errors import KeySetRefused
from edgepass._http import Endpoint, FetchFailed, Response
from edgepass._key_set import MAXIMUM_DOCUMENT_BYTES, KeySet
from edgepass._keyring import Keyring

FETCH_TIMEOUT = 2.0
MAXIMUM_WAITING = 10_000
PAUSE_BETWEEN_STEPS = 0.005
_DEFAULT_FRESH_FOR = 300.0
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_log = logging.getLogger("edgepass")


class JwksClient:
    """Keeps `keyring` filled from `jwks_uri`.

    `on_change` is called after the keys have changed. Raises `ValueError` for a
    URL that cannot be used. It starts by itself on the first demand, so it also
    works under a server that sends no lifespan events.
    """

    def __init__(self, jwks_uri: str, keyring: Keyring, on_change: Callable[[], None]) -> None:
        self._endpoint = Endpoint(jwks_uri)
        self._keyring = keyring
        self._on_change = on_change
        self._etag: str | None = None
        self._sent_by_issuer = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refresher: asyncio.Task[None] | None = None
        self._flight: asyncio.Task[None] | None = None
        self._rescheduled: asyncio.Event | None = None
        self._waiting = 0

    def start(self) -> None:
        """Refresh in the background of the running event loop; a second call does nothing."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._flight = None
            self._rescheduled = asyncio.Event()
            # In a context of its own: this outlives the request that it may start in.
            self._refresher = loop.create_task(
                self._refresh(self._rescheduled), context=contextvars.Context()
            )

    async def stop(self) -> None:
        """End the background work and wait for its end."""
        tasks = [task for task in (self._refresher, self._flight) if task is not None]
        self._loop = self._refresher = self._flight = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def held_keys(self) -> KeySet | None:
        """Return the keys held, and ask for none."""
        return self._keyring.find_keys(time.monotonic())

    async def find_keys(self) -> KeySet | None:
        """Return the keys held; when there are none yet, wait for the fetch under way."""
        self.start()
        keys = self._keyring.find_keys(time.monotonic())
        if keys is None:
            await self._demand()
            keys = self._keyring.find_keys(time.monotonic())
        return keys

    async def find_newer_keys(self, present: KeySet) -> KeySet | None:
        """Return a key set other than `present`, if there is one and the budget allows to look."""
        self.start()
        keys = self._keyring.find_keys(time.monotonic())
        if keys is present:
            await self._demand()
            keys = self._keyring.find_keys(time.monotonic())
        return None if keys is present else keys

    def accept_keys(self, keys: KeySet) -> None:
        """Hold keys that the issuer sent by itself; whoever sends none is asked again."""
        if not len(keys):
            return
        fresh_for, jitter = _DEFAULT_FRESH_FOR, random.random()
        # What is fetched next is judged by these, not by what was fetched before.
        self._etag = None
        self._sent_by_issuer += 1
        if self._keyring.replace(keys, time.monotonic(), fresh_for, jitter):
            self._on_change()
        if self._rescheduled is not None:
            self._rescheduled.set()

    def withdraw_key(self, key_id: str) -> bool:
        is_new = self._keyring.withdraw(key_id)
        self._on_change()
        return is_new

    async def _demand(self) -> None:
        if self._flight is None:
            moment = time.monotonic()
            if self._keyring.due_in(moment) > 0 and not self._keyring.wants_fetch_on_demand(moment):
                return
            self._take_off()
        if self._flight is None or self._waiting >= MAXIMUM_WAITING:
            return
        self._waiting += 1
        try:
            # wait() and not wait_for(): a request that goes away must not take
            # the fetch with it that others are waiting for.
            await asyncio.wait((self._flight,), timeout=FETCH_TIMEOUT + 0.5)
        finally:
            self._waiting -= 1

    def _take_off(self) -> asyncio.Task[None]:
        if self._flight is None:
            self._flight = asyncio.get_running_loop().create_task(
                self._fetch(), context=contextvars.Context()
            )
            self._flight.add_done_callback(self._land)
        return self._flight

    def _land(self, flight: asyncio.Task[None]) -> None:
        if self._flight is flight:
            self._flight = None
        if self._rescheduled is not None:
            self._rescheduled.set()

    async def _refresh(self, rescheduled: asyncio.Event) -> None:
        # Where another event loop has taken over, its own refresher has too.
        while self._refresher is asyncio.current_task():
            await self._widen_keys()
            due_in = self._keyring.due_in(time.monotonic())
            if due_in <= 0:
                await asyncio.wait((self._take_off(),))
                continue
            rescheduled.clear()
            try:
                async with asyncio.timeout(due_in):
                    await rescheduled.wait()
            except TimeoutError:
                pass

    async def _widen_keys(self) -> None:
        keys = self._keyring.find_keys(time.monotonic())
        for _ in keys.widen() if keys is not None else ():
            # Between steps of about 1 ms the requests have their turn.
            await asyncio.sleep(PAUSE_BETWEEN_STEPS)

    async def _fetch(self) -> None:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._etag is not None:
            headers["If-None-Match"] = self._etag
        sent_before = self._sent_by_issuer
        try:
            response = await self._endpoint.get(
                headers=headers, maximum_bytes=MAXIMUM_DOCUMENT_BYTES, within=FETCH_TIMEOUT
            )
            if self._sent_by_issuer == sent_before:  # else it may be older than what came
                await self._accept(response)
        except (FetchFailed, KeySetRefused) as error:
            self._keyring.postpone(time.monotonic(), random.random())
            _log.warning("keys not fetched from %s: %s", self._endpoint.url, error)
        except Exception:
            # Whatever this is, without the back-off it would come again at once.
            self._keyring.postpone(time.monotonic(), random.random())
            _log.exception("keys not fetched from %s", self._endpoint.url)

    async def _accept(self, response: Response) -> None:
        keys: KeySet | None = None
        if response.status == 200:
            keys = await load_in_thread(response.body)
            for reason in keys.left_out:
                _log.warning("left out of the keys from %s: %s", self._endpoint.url, reason)
            if not len(keys):
                raise KeySetRefused("the key set has no usable key")
        elif response.status != 304 or self._etag is None:
            # Also a redirect: where keys come from is decided by configuration.
            raise FetchFailed(f"the answer has status {response.status}")
        max_age = _MAX_AGE.search(response.headers.get("cache-control", ""))
        fresh_for = float(max_age[1]) if max_age else _DEFAULT_FRESH_FOR
        changed = self._keyring.replace(keys, time.monotonic(), fresh_for, random.random())
        self._etag = _find_etag(response) or (self._etag if keys is None else None)
        if changed:
            self._on_change()


async def load_in_thread(document: bytes) -> KeySet:
    # Without `cryptography`, loading 64 keys takes 300 ms. The thread is our own:
    # the event loop's may all be taken by an app that blocks them.
    thread = ThreadPoolExecutor(1, thread_name_prefix="edgepass-keys")
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(thread, KeySet.from_jwks, document)
    finally:
        thread.shutdown(wait=False)


def _find_etag(response: Response) -> str | None:
    etag = response.headers.get("etag", "")
    # It goes into our next request, so it must be one that a request may carry.
    return etag if etag.isascii() and etag.isprintable() else None
