"""What edges are told of an event: the messages of the revocation feed, by rule."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from edgepass_sidecar.event import Event

# Seconds within which a change is usually committed after its time was read: tokens that
# are minted meanwhile, and claims that are gathered, are still the old ones.
COMMITTED_WITHIN = 0.25
# Seconds that a commit may take at most, waiting for those of others. An entry on a session
# may well live longer than it must: of a session that is over no token is good.
COMMITTED_AT_LATEST = 6.0


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One message: its kind, and its data.

    `until` is when the last token that it refuses has expired (seconds since the
    epoch, without any edge's leeway).
    """

    kind: str
    data: Mapping[str, Any]
    until: float

    def encode(self, cursor: int) -> bytes:
        return encode_message(self.kind, self.data, cursor)


def encode_message(kind: str, data: Mapping[str, Any], cursor: int | None) -> bytes:
    """Spell a server-sent event (WHATWG HTML, section 9.2). Without a cursor it moves nobody's."""
    name = b"" if cursor is None else b"id: %d\n" % cursor
    return b"event: %s\n%sdata: %s\n\n" % (kind.encode("ascii"), name, orjson.dumps(data))


def feed_entry(event: Event, token_lifetime: float) -> FeedEntry | None:
    """Return what edges need to know of `event`, `None` for nothing.

    `token_lifetime` is how many seconds a token usually lives.
    """
    make = _ENTRIES.get(event.type)
    if make is None:
        return None
    if _is_erased(event):
        return FeedEntry("erased", {}, event.at)
    return make(event, event.at + COMMITTED_AT_LATEST + token_lifetime)


def _is_erased(event: Event) -> bool:
    # All that named somebody was taken out of it, long after edges were told.
    named = (event.user_id, event.session_id, event.client_id, *event.data)
    return all(name is None for name in named)


def _session(event: Event, until: float) -> FeedEntry:
    data: dict[str, Any] = {
        "session_id": event.session_id,
        "user_id": event.user_id,
        "at": event.at + COMMITTED_AT_LATEST,
    }
    if "tokens_until" in event.data:
        until = data["tokens_until"] = max(until, event.data["tokens_until"])
    return FeedEntry("session", data, until)


def _client(event: Event, until: float) -> FeedEntry:
    data = {
        "client_id": event.client_id,
        "sessions": event.data.get("sessions", []),
        "at": event.at + COMMITTED_AT_LATEST,
    }
    return FeedEntry("client", data, until)


def _user(event: Event, until: float) -> FeedEntry:
    at = event.data.get("not_before", event.at) + COMMITTED_WITHIN
    return FeedEntry("user", {"user_id": event.user_id, "at": at}, until)


def _not_before(event: Event, until: float) -> FeedEntry | None:
    # Without a mark the one that the user had was later, and stays.
    return _user(event, until) if "not_before" in event.data else None


def _claims(event: Event, until: float) -> FeedEntry:
    name = (
        {"user_id": event.user_id} if event.session_id is None else {"session_id": event.session_id}
    )
    return FeedEntry("claims", {**name, "at": event.at + COMMITTED_WITHIN}, until)


def _key(event: Event, until: float) -> FeedEntry:
    return FeedEntry("key", {"key_id": event.data["key_id"]}, until)


_ENTRIES: dict[str, Callable[[Event, float], FeedEntry | None]] = {
    "session.ended": _session,
    "session.removed": _session,
    "session.replaced": _session,
    "session.revoked": _session,
    "session.expired": _session,
    "session.abandoned": _session,
    "client.theft": _client,
    "user.banned": _user,
    "user.not_before": _not_before,
    "claims.bumped": _claims,
    "key.revoked": _key,
}

KEY_EVENTS = frozenset({"key.published", "key.promoted", "key.retired", "key.revoked"})
FEED_EVENTS = frozenset(_ENTRIES) | KEY_EVENTS
