"""Claims that the app is asked for when a token is minted: the port, and the cache before it.

Where the app cannot be asked, the last good claims of the same session are used
for an hour. Where there are none, nothing is minted: the caller answers 503. A
token without its claims is no lesser token: an app that withholds by role would
deny what its user has, one that grants by absence (no `plan` is the trial, no
flag is not suspended) would give what he has not, and neither can tell the
outage from an answer. A retry cures a 503, and tokens already minted go on.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from cachetools import LRUCache

from edgepass_sidecar.identifier import SessionId, UserId

DEFAULT_FRESH_FOR, LONGEST_FRESH_FOR = 30.0, 300.0
USABLE_FOR = 3600.0
FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = 1.0, 30.0
MAXIMUM_CLAIMS_BYTES = 8192
_log = logging.getLogger("edgepass.claims")

Key = tuple[UserId, SessionId, str | None, float]


class ClaimsUnavailable(Exception):
    """There are no claims to mint with, and there may be later. No text repeats any of them."""


class ClaimsUnusable(ClaimsUnavailable):
    """The source answered with what cannot be used: wrong for this session, but it is up."""


class FetchedClaims(dict[str, Any]):
    """Claims from a source that says for how many seconds they need not be asked for again."""

    def __init__(self, claims: dict[str, Any], fresh_for: float = DEFAULT_FRESH_FOR) -> None:
        super().__init__(claims)
        self.fresh_for = fresh_for


class ClaimsSource(Protocol):
    """Knows the claims of a session beyond those that the sidecar knows itself."""

    async def fetch(
        self, user_id: UserId, session_id: SessionId, organization_id: str | None
    ) -> dict[str, Any]:
        """Return the claims, {} where there are none, or raise `ClaimsUnavailable`.

        `organization_id` is the session's active organization. May return
        `FetchedClaims`. May be called concurrently, and be cancelled.
        """


class CachedClaims:
    """A claims source that asks another one no more than it must; `timer` is a monotonic clock.

    Callers with the same question share one fetch. A source that failed is left
    alone for 1, 2, 4 … 30 seconds, by all alike, so that its time-out is not added
    to every mint. At most `maximum` answers are kept, of 8 kB of JSON at most.
    """

    def __init__(
        self, source: ClaimsSource, timer: Callable[[], float], maximum: int = 10_000
    ) -> None:
        if maximum < 1:
            raise ValueError("a cache of claims must have room for one")
        self._source = source
        self._timer = timer
        self._kept: LRUCache[Key, _Kept] = LRUCache(maxsize=maximum)
        self._flights: dict[Key, _Flight] = {}
        self._tasks: set[_Flight] = set()
        self._back_off = _BackOff()

    async def fetch(
        self,
        user_id: UserId,
        session_id: SessionId,
        organization_id: str | None,
        changed_at: float = 0.0,
    ) -> dict[str, Any]:
        """Return the claims, the caller's own to change, or raise `ClaimsUnavailable`.

        `changed_at` is when the user last changed, as it was just read from the
        store: no answer counts that was asked for with another.
        """
        key = (user_id, session_id, organization_id, changed_at)
        kept = self._find(key)
        if kept is None or self._timer() >= kept.fresh_until:
            kept = await self._ask(key)
        claims: dict[str, Any] = orjson.loads(kept.json)
        return claims

    async def close(self) -> None:
        """Give up what is under way. The source is closed by whoever opened it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, key: Key) -> "_Kept":
        flight = self._flights.get(key)
        if flight is None:
            if not self._back_off.is_over(self._timer()):
                return self._last_good(key)
            flight = self._take_off(key)
        # wait() and not the task itself: a caller that goes away must not take
        # the fetch with it that others are waiting for.
        await asyncio.wait((flight,))
        kept = None if flight.cancelled() else flight.result()
        return self._last_good(key) if kept is None else kept

    def _take_off(self, key: Key) -> "_Flight":
        # A context of its own: the fetch is not the request's that happened to come first.
        flight = asyncio.get_running_loop().create_task(
            self._fetch(key), context=contextvars.Context()
        )
        self._flights[key] = flight
        self._tasks.add(flight)
        flight.add_done_callback(lambda flight: self._land(key, flight))
        return flight

    def _land(self, key: Key, flight: "_Flight") -> None:
        self._tasks.discard(flight)
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def _fetch(self, key: Key) -> "_Kept | None":
        # What went wrong is for the log. Those who wait are told that there are no
        # claims, because what they are told may reach a browser.
        asked_at, asked_after = self._timer(), self._back_off.verdicts
        try:
            kept = _weigh(await self._source.fetch(*key[:3]), asked_at)
        except ClaimsUnusable as error:
            self._note_answer()
            reason = str(error)
        except ClaimsUnavailable as error:
            self._back_off.note_failure(self._timer(), asked_after)
            reason = str(error)
        except Exception as error:
            # Only its name: nobody knows what the text of a stranger's error quotes.
            self._back_off.note_failure(self._timer(), asked_after)
            reason = f"the claims source raised {type(error).__name__}"
        else:
            self._note_answer()
            self._kept[key] = kept
            return kept
        _log.warning("claims not fetched: %s", reason, extra={"user_id": key[0]})
        return None

    def _note_answer(self) -> None:
        if self._back_off.note_answer():
            _log.info("the claims source answers again")

    def _find(self, key: Key) -> "_Kept | None":
        kept = self._kept.get(key)
        if kept is not None and self._timer() >= kept.usable_until:
            del self._kept[key]
            return None
        return kept

    def _last_good(self, key: Key) -> "_Kept":
        kept = self._find(key)
        if kept is None:
            raise ClaimsUnavailable("the app gave none that can be used")
        return kept


@dataclass(slots=True, kw_only=True)
class _Kept:
    """An answer as JSON, so that it takes little room and no caller can change another's."""

    json: bytes
    fresh_until: float
    usable_until: float


_Flight = asyncio.Task[_Kept | None]


class _BackOff:
    """When a source that failed may be asked again. Every `moment` is a monotonic reading."""

    def __init__(self) -> None:
        self.verdicts = 0
        self._failures = 0
        self._over_at = float("-inf")

    def is_over(self, moment: float) -> bool:
        return moment >= self._over_at

    def note_answer(self) -> bool:
        """Note that the source is up, and say whether it was down until here."""
        was_down = self._failures > 0
        self.verdicts += 1
        self._failures, self._over_at = 0, float("-inf")
        return was_down

    def note_failure(self, moment: float, asked_after: int) -> None:
        """Note that a call failed which began after `asked_after` verdicts.

        One that a later verdict has overtaken says nothing: the source was found
        down already, or it is up, and slow for this one session.
        """
        if asked_after != self.verdicts:
            return
        self.verdicts += 1
        self._over_at = moment + min(FIRST_RETRY_AFTER * 2.0**self._failures, LONGEST_RETRY_AFTER)
        self._failures = min(self._failures + 1, 16)


def _weigh(claims: dict[str, Any], asked_at: float) -> _Kept:
    fresh_for = claims.fresh_for if isinstance(claims, FetchedClaims) else DEFAULT_FRESH_FOR
    try:
        json = orjson.dumps(claims)
    except orjson.JSONEncodeError:
        raise ClaimsUnusable("the claims cannot be written as JSON") from None
    if len(json) > MAXIMUM_CLAIMS_BYTES:
        raise ClaimsUnusable(
            f"the claims have {len(json)} bytes of JSON, and {MAXIMUM_CLAIMS_BYTES} is the most"
        )
    return _Kept(
        json=json,
        fresh_until=asked_at + min(fresh_for, LONGEST_FRESH_FOR),
        usable_until=asked_at + USABLE_FOR,
    )
