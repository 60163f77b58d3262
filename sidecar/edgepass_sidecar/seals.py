"""The port to the seals of the event log: the chain, its checkpoints, erasure and retention.

Writers of events know nothing of it. Of several sidecars that seal one log, exactly
one appends each batch; the others find that they were late.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from edgepass_sidecar.audit.chain import Entry, Sealed
from edgepass_sidecar.audit.checkpoint import Jwk
from edgepass_sidecar.identifier import SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events that were sealed together, and the checkpoint that was signed over them.

    It is over the cursors `first` to `last`, whether or not their events are all there.
    `previous` is the link that they follow, `key` the public key of the checkpoint's
    signature (a JWK).
    """

    first: int
    last: int
    previous: bytes
    sealed: tuple[Sealed, ...]
    checkpoint: str
    key: Jwk


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsealed:
    """Where the chain ends, and what comes after it."""

    cursor: int
    link: bytes
    entries: tuple[Entry, ...]


class Beginning(Enum):
    """What came of beginning an erasure."""

    BEGUN = "begun"
    # Nothing is known of the user, not in the events either.
    UNKNOWN = "unknown"
    # The user acts in live sessions of others, and nothing was changed.
    STILL_ACTING = "still acting"


class Seals(Protocol):
    """The chain over the event log."""

    async def find_unsealed(self, limit: int) -> Unsealed:
        """Return the end of the chain (cursor 0 and `GENESIS` before the first seal), and
        at most `limit` events after it, in the order of their cursors.
        """

    async def append_seals(self, after: int, batch: Batch) -> bool:
        """Store a batch if the chain still ends at the cursor `after`."""

    async def find_batch(self, after: int) -> Batch | None:
        """Return the batch that follows the one which ends at the cursor `after`, or the
        oldest that is kept; `None` behind the last one.
        """

    async def load_checkpoint_keys(self) -> tuple[Jwk, ...]:
        """Return the public keys of all checkpoints ever appended."""

    async def prune_events(self, before: float, until: int) -> int:
        """Delete the oldest batch with its events, if all of these happened `before` and have
        cursors up to `until`, and it is not the last of the chain. Return how many events.

        It waits for deliveries that are pending, unless they were to be given up `before`;
        all others of its events go with it.
        """

    async def find_acting(self, user_id: UserId) -> tuple[SessionId, ...]:
        """Return the live sessions of others that this user acts in."""

    async def begin_erasure(self, user_id: UserId, at: float) -> Beginning:
        """Delete a user with all sessions and tickets of or by the user, and the clients that
        only the user had sessions on; put on record that the events are to follow.

        These are all there are, and those yet to be written that happened until `at`. While
        the user acts in a live session of somebody else nothing is deleted.
        """

    async def find_cursor_before(self, at: float) -> int:
        """Return the cursor of the last event that happened before `at`, 0 for none."""

    async def erase_events(self, user_id: UserId, until: int, limit: int, at: float) -> int:
        """Erase the personal part of at most `limit` sealed events of or by the user, with
        cursors up to `until`, of which no delivery waits that has time left at `at`.

        Returns how many. In the same moment an event is appended that names their
        cursors. Deliveries of them that are dead go as well.
        """

    async def finish_erasure(self, user_id: UserId) -> bool:
        """Strike an erasure off the record if no event of the user is left."""

    async def list_erasures(self, before: float) -> tuple[UserId, ...]:
        """Return the users whose erasure was begun `before` and not finished, in that order."""
