"""The chain over the event log in memory."""

from edgepass_sidecar.audit.chain import GENESIS, Entry, Seal, Sealed
from edgepass_sidecar.audit.checkpoint import Jwk
from edgepass_sidecar.delivery import Delivery, DeliveryStatus
from edgepass_sidecar.event import Event
from edgepass_sidecar.seals import Batch, Unsealed
from edgepass_sidecar.stores.memory_log import MemoryLog


class MemorySeals(MemoryLog):
    """The part of the store that holds the chain. Each method is atomic."""

    _deliveries: dict[int, Delivery]

    def __init__(self) -> None:
        super().__init__()
        self._seals: dict[int, Seal] = {}
        # By the last cursor of each, without what is kept elsewhere.
        self._checkpoints: dict[int, tuple[int, bytes, str, str]] = {}
        self._checkpoint_keys: dict[str, Jwk] = {}

    async def find_unsealed(self, limit: int) -> Unsealed:
        cursor = max(self._seals, default=0)
        link = self._seals[cursor].link if cursor else GENESIS
        entries: list[Entry] = [
            (number, self._events[number - 1])
            for number in range(cursor + 1, min(cursor + limit, len(self._events)) + 1)
        ]
        return Unsealed(cursor=cursor, link=link, entries=tuple(entries))

    async def append_seals(self, after: int, batch: Batch) -> bool:
        if max(self._seals, default=0) != after:
            return False
        self._seals |= {sealed.cursor: sealed.seal for sealed in batch.sealed}
        key_id = batch.key["kid"]
        self._checkpoint_keys.setdefault(key_id, batch.key)
        self._checkpoints[batch.last] = (batch.first, batch.previous, batch.checkpoint, key_id)
        return True

    async def find_batch(self, after: int) -> Batch | None:
        last = min((cursor for cursor in self._checkpoints if cursor > after), default=None)
        if last is None:
            return None
        first, previous, checkpoint, key_id = self._checkpoints[last]
        sealed = tuple(
            Sealed(cursor=cursor, event=self._events[cursor - 1], seal=self._seals[cursor])
            for cursor in range(first, last + 1)
        )
        return Batch(
            first=first,
            last=last,
            previous=previous,
            sealed=sealed,
            checkpoint=checkpoint,
            key=self._checkpoint_keys[key_id],
        )

    async def load_checkpoint_keys(self) -> tuple[Jwk, ...]:
        return tuple(self._checkpoint_keys[key_id] for key_id in sorted(self._checkpoint_keys))

    async def prune_events(self, before: float, until: int) -> int:
        last = min(self._checkpoints, default=0)
        if not self._checkpoints or last == max(self._checkpoints) or last > until:
            return 0
        pruned = range(self._checkpoints[last][0], last + 1)
        if any(self._events[cursor - 1].at >= before for cursor in pruned):
            return 0
        if any(self._is_waited_for(cursor, before) for cursor in pruned):
            return 0
        del self._checkpoints[last]
        for cursor in pruned:
            del self._seals[cursor]
            self._deliveries.pop(cursor, None)
            self._events[cursor - 1] = Event(type="", at=0.0)
        self._pruned = last
        return len(pruned)

    def _is_waited_for(self, cursor: int, before: float) -> bool:
        delivery = self._deliveries.get(cursor)
        return (
            delivery is not None
            and delivery.status is DeliveryStatus.PENDING
            and delivery.give_up_at >= before
        )
