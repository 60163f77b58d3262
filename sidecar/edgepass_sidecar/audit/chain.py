"""The hash chain over the event log: what is sealed of an event, and how one link follows another.

An event has a public part (cursor, type, time) and a personal part (all else):

    digest(n) = SHA-256(salt(n) || canonical(personal part of n))
    link(n)   = SHA-256(link(n - 1) || canonical(public part of n with digest(n)))

with RFC 8785 (JCS) as the canonical form. The salt, 16 random bytes of each event,
goes with the personal part when that is erased: nobody can then try out from what the
digest was made, while the chain, which holds the digest only, still verifies.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from edgepass_sidecar.audit.canonical import canonical
from edgepass_sidecar.event import Event

SALT_BYTES = 16
# What the first event of all follows.
GENESIS = bytes(32)
USER_ERASED = "user.erased"
PERSONAL = (
    "client_id", "session_id", "user_id", "actor_id", "ip_address", "user_agent", "data",
)  # fmt: skip
# What an administrator does to keys and templates names no user, and is never erased.
_KEPT = ("key.", "secret_key.", "template.", USER_ERASED)

Entry = tuple[int, Event]
Ranges = list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What the chain holds of one event. Without a `salt` its personal part was erased."""

    salt: bytes | None = field(repr=False)
    digest: bytes
    link: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An event in its place in the chain. Where its personal part was erased, it has none."""

    cursor: int
    event: Event
    seal: Seal


def personal_part(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in PERSONAL}


def make_digest(event: Event, salt: bytes) -> bytes:
    return sha256(salt + canonical(personal_part(event))).digest()


def make_link(previous: bytes, cursor: int, event: Event, digest: bytes) -> bytes:
    public = {"at": event.at, "cursor": cursor, "digest": digest.hex(), "type": event.type}
    return sha256(previous + canonical(public)).digest()


def seal_events(
    previous: bytes, entries: Sequence[Entry], random: Callable[[int], bytes]
) -> tuple[Sealed, ...]:
    """Seal `entries` one after the other, the first after the link `previous`."""
    sealed = []
    for cursor, event in entries:
        salt = random(SALT_BYTES)
        digest = make_digest(event, salt)
        previous = make_link(previous, cursor, event, digest)
        seal = Seal(salt=salt, digest=digest, link=previous)
        sealed.append(Sealed(cursor=cursor, event=event, seal=seal))
    return tuple(sealed)


def is_erasable(event_type: str) -> bool:
    return not event_type.startswith(_KEPT)


def erase(event: Event) -> Event:
    """Return what is left of an event without its personal part."""
    return Event(type=event.type, at=event.at)


def erasure_event(cursors: Iterable[int], at: float) -> Event:
    """Return the event that accounts for what was erased, and names nobody."""
    return Event(type=USER_ERASED, at=at, data={"erased": ranges_of(cursors)})


def ranges_of(cursors: Iterable[int]) -> Ranges:
    """Put cursors together to ranges, each with its first and its last."""
    ranges: Ranges = []
    for cursor in sorted(cursors):
        if ranges and ranges[-1][1] == cursor - 1:
            ranges[-1][1] = cursor
        else:
            ranges.append([cursor, cursor])
    return ranges
