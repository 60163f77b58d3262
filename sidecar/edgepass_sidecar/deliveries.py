"""The port to what waits to be delivered, which several sidecars work on together."""

from collections.abc import Sequence
from typing import Protocol

from edgepass_sidecar.delivery import Delivery


class Deliveries(Protocol):
    """Deliveries, each known by the cursor of its event, and how far the log was read for them."""

    async def begin_reading(self, reader: str) -> None:
        """Place `reader` at the end of the log where it has no position yet."""

    async def enqueue_deliveries(
        self, reader: str, since: int, until: int, deliveries: Sequence[Delivery]
    ) -> bool:
        """Keep `deliveries` and move `reader` from cursor `since` to `until`, or neither.

        `False` if the reader is elsewhere. What follows others that wait in its
        sequence is due no earlier than they are.
        """

    async def claim_deliveries(
        self, now: float, claimed_until: float, limit: int
    ) -> tuple[Delivery, ...]:
        """Return what is due, longest due first, and keep it from others until `claimed_until`.

        Of each sequence that is the first that is pending, and nothing while
        something of it is claimed.
        """

    async def finish_delivery(self, delivery: Delivery) -> None:
        """Delete what was delivered, even if its claim is over by now."""

    async def put_back_delivery(self, claimed: Delivery, changed: Delivery) -> bool:
        """Store a delivery as `changed`; `False` if the claim with which it was `claimed`
        is no longer the present one. What waits behind it is due no earlier than it is.
        """

    async def list_dead_deliveries(self, after: int, limit: int) -> tuple[Delivery, ...]:
        """Return dead ones with a cursor beyond `after`, in the order of their cursors."""

    async def revive_deliveries(self, cursor: int | None, now: float) -> int:
        """Make the dead one at `cursor`, or all, due at once; return how many."""

    async def drop_dead_deliveries(self, before: float, limit: int) -> int:
        """Delete at most `limit` dead ones that were created `before`; return how many."""
