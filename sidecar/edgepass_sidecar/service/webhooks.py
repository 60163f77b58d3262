"""Webhooks: what the event log says is delivered at least once, in order for each session."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from edgepass_sidecar.delivery import TRIED_FOR, Delivery, DeliveryStatus, Failure, after_failure
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import random_text
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.store import StoreUnavailable

Send = Callable[[Delivery], Awaitable[Failure | None]]
# The body of an event: what it says, and the session as of then.
Describe = Callable[[Event, Session], bytes]

READER = "webhooks"
# What is delivered, and what its session was by it. What time ends has no webhook.
DELIVERED = {
    "session.created": Status.ACTIVE,
    "session.pending": Status.PENDING,
    "session.ended": Status.ENDED,
    "session.removed": Status.REMOVED,
    "session.revoked": Status.REVOKED,
}
AT_ONCE = 16
SENT_WITHIN = 15.0  # seconds, what Standard Webhooks 1.0.0 recommends at least
# Longer than an attempt can take: nothing is sent twice while the one who sends it lives.
CLAIMED_FOR = 45.0
LOOK_EVERY = 0.5
EVENTS_READ = 100
DEAD_KEPT_FOR = 30 * 86_400.0
DEAD_DROPPED_EVERY, DEAD_DROPPED = 60.0, 500
_log = logging.getLogger("edgepass.webhooks")


class Webhooks:
    """Reads the log from where its readers have come to, and sends what it says.

    Several sidecars may do that on one store: each event is enqueued once, and
    what one of them was sending when it died is sent again by another.
    """

    def __init__(self, core: Core, send: Send, describe: Describe) -> None:
        self._core = core
        self._send = send
        self._describe = describe
        self._read_up_to = -1
        self._dropped_at = 0.0

    async def begin(self) -> None:
        """Have what happens from here on delivered, if webhooks were never on before."""
        await self._core.store.begin_reading(READER)

    async def keep_delivering(self) -> None:
        """Read and send for ever, each at its own pace: a slow receiver holds up no reading."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep_on(self.read_log))
            group.create_task(_keep_on(self.deliver_due))

    async def read_log(self) -> None:
        """Enqueue the events that nobody has."""
        while await self._read_some():
            pass
        now = self._core.clock()
        if now - self._dropped_at >= DEAD_DROPPED_EVERY:
            await self._drop_dead(now - DEAD_KEPT_FOR)
            self._dropped_at = now

    async def deliver_due(self) -> None:
        """Send what is due, and what becomes due by that, until nothing more is under way."""
        under_way = set[asyncio.Task[None]]()
        try:
            while True:
                for delivery in await self._claim(AT_ONCE - len(under_way)):
                    under_way.add(asyncio.create_task(self._deliver(delivery)))
                if not under_way:
                    return
                _, under_way = await asyncio.wait(
                    under_way, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED
                )
        except StoreUnavailable:
            # What is under way may be in time for it.
            await asyncio.gather(*under_way, return_exceptions=True)
            raise
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _read_some(self) -> bool:
        """Enqueue a page of the log; say if there may be another."""
        store = self._core.store
        if await store.newest_cursor() == self._read_up_to:
            return False
        since = await store.load_position(READER)
        entries = await store.list_events(since, EVENTS_READ)
        until = entries[-1][0] if entries else since
        told = [await self._find_delivery(cursor, event) for cursor, event in entries]
        found = [delivery for delivery in told if delivery is not None]
        if entries and not await store.enqueue_deliveries(READER, since, until, found):
            return True  # another sidecar was first: on from where it has come to
        self._read_up_to = until
        return len(entries) == EVENTS_READ

    async def _find_delivery(self, cursor: int, event: Event) -> Delivery | None:
        if event.type not in DELIVERED or event.session_id is None:
            return None
        session = await self._core.store.find_session(event.session_id)
        if session is None:
            _log.warning("no %s of %s: it is no longer kept", event.type, event.session_id)
            return None
        # Since then it may have become something else; that is another event's to say.
        then = replace(session, status=DELIVERED[event.type], updated_at=event.at)
        now = self._core.clock()
        return Delivery(
            cursor=cursor,
            message_id="msg_" + random_text(self._core.random(16)),
            type=event.type,
            sequence=event.session_id,
            body=self._describe(event, then),
            created_at=now,
            give_up_at=now + TRIED_FOR,
            due_at=now,
        )

    async def _drop_dead(self, before: float) -> None:
        dropped = DEAD_DROPPED
        while dropped == DEAD_DROPPED:
            dropped = await self._core.store.drop_dead_deliveries(before, DEAD_DROPPED)

    async def _claim(self, limit: int) -> tuple[Delivery, ...]:
        if not limit:
            return ()
        now = self._core.clock()
        return await self._core.store.claim_deliveries(now, now + CLAIMED_FOR, limit)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            failure = await self._attempt(delivery)
            if failure is None:
                await self._core.store.finish_delivery(delivery)
            else:
                await self._put_back(delivery, failure)
        except StoreUnavailable as error:
            # Its claim runs out, and then it is sent once more.
            _log.warning("what became of %s is not stored: %s", delivery.message_id, error)
        except Exception:
            _log.exception("what became of %s is not stored", delivery.message_id)

    async def _attempt(self, delivery: Delivery) -> Failure | None:
        try:
            return await self._send(delivery)
        except Exception as error:
            _log.exception("%s was not sent", delivery.message_id)
            return Failure(problem=f"the sidecar failed: {type(error).__name__}")

    async def _put_back(self, delivery: Delivery, failure: Failure) -> None:
        jitter = int.from_bytes(self._core.random(4)) / 2**32
        changed = after_failure(delivery, failure, self._core.clock(), jitter)
        if not await self._core.store.put_back_delivery(delivery, changed):
            return  # it took longer than its claim, and somebody else tries now
        is_dead = changed.status is DeliveryStatus.DEAD
        _log.log(
            logging.ERROR if is_dead else logging.INFO,
            "%s (%s of %s) %s: %s",
            delivery.message_id,
            delivery.type,
            delivery.sequence,
            "is dead" if is_dead else "is tried again later",
            failure.problem,
        )


async def _keep_on(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except StoreUnavailable as error:
            _log.warning("webhooks wait: %s", error)
        except Exception:
            _log.exception("webhooks wait")
        await asyncio.sleep(LOOK_EVERY)
