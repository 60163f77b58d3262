"""Deliveries in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from edgepass_sidecar.delivery import Delivery, DeliveryStatus, revive
from edgepass_sidecar.stores.memory_log import MemoryLog


class MemoryDeliveries(MemoryLog):
    """The part of the store that holds what waits to be delivered. Each method is atomic."""

    def __init__(self) -> None:
        super().__init__()
        self._deliveries: dict[int, Delivery] = {}

    async def begin_reading(self, reader: str) -> None:
        self._positions.setdefault(reader, len(self._events))

    async def enqueue_deliveries(
        self, reader: str, since: int, until: int, deliveries: Sequence[Delivery]
    ) -> bool:
        if self._positions.get(reader) != since:
            return False
        self._positions[reader] = until
        for delivery in deliveries:
            waiting = [other.due_at for other in self._pending(delivery.sequence)]
            due_at = max([delivery.due_at, *waiting])
            self._deliveries[delivery.cursor] = replace(delivery, due_at=due_at)
        return True

    async def claim_deliveries(
        self, now: float, claimed_until: float, limit: int
    ) -> tuple[Delivery, ...]:
        heads: dict[str, Delivery] = {}
        busy = set()
        for delivery in sorted(self._pending(), key=lambda pending: pending.cursor):
            heads.setdefault(delivery.sequence, delivery)
            if delivery.claimed_until > now:
                busy.add(delivery.sequence)
        due = [d for d in heads.values() if d.due_at <= now and d.sequence not in busy]
        due.sort(key=lambda delivery: (delivery.due_at, delivery.cursor))
        claimed = tuple(replace(d, claimed_until=claimed_until) for d in due[:limit])
        self._deliveries |= {delivery.cursor: delivery for delivery in claimed}
        return claimed

    async def finish_delivery(self, delivery: Delivery) -> None:
        self._deliveries.pop(delivery.cursor, None)

    async def put_back_delivery(self, claimed: Delivery, changed: Delivery) -> bool:
        stored = self._deliveries.get(claimed.cursor)
        if stored is None or stored.claimed_until != claimed.claimed_until:
            return False
        self._deliveries[changed.cursor] = changed
        if changed.status is DeliveryStatus.PENDING:
            for other in list(self._pending(changed.sequence)):
                due_at = max(other.due_at, changed.due_at)
                self._deliveries[other.cursor] = replace(other, due_at=due_at)
        return True

    async def list_dead_deliveries(self, after: int, limit: int) -> tuple[Delivery, ...]:
        found = [d for d in self._dead() if d.cursor > after]
        return tuple(sorted(found, key=lambda delivery: delivery.cursor)[:limit])

    async def revive_deliveries(self, cursor: int | None, now: float) -> int:
        chosen = [revive(d, now) for d in self._dead() if cursor in (None, d.cursor)]
        self._deliveries |= {delivery.cursor: delivery for delivery in chosen}
        return len(chosen)

    async def drop_dead_deliveries(self, before: float, limit: int) -> int:
        past = [d.cursor for d in self._dead() if d.created_at < before][:limit]
        for cursor in past:
            del self._deliveries[cursor]
        return len(past)

    def _pending(self, sequence: str | None = None) -> Iterable[Delivery]:
        return (
            delivery
            for delivery in self._deliveries.values()
            if delivery.status is DeliveryStatus.PENDING and sequence in (None, delivery.sequence)
        )

    def _dead(self) -> Iterable[Delivery]:
        return (d for d in self._deliveries.values() if d.status is DeliveryStatus.DEAD)
