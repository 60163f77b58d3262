"""What each message of the revocation feed does at the edge: rules without I/O.

Messages may come twice, late and in any order: each is applied in a way that
makes this harmless. The cursor only says where to go on after a loss; it is
that of the last message which says that all up to here was sent.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from edgepass._auth import SessionId, UserId
from edgepass._connections import Connections
from edgepass._errors import SessionRevoked
from edgepass._event_stream import Message
from edgepass._json import parse_object
from edgepass._key_set import KeySet
from edgepass._revocations import Revocations

_LONGEST_CURSOR = 19  # digits of a 64-bit number
_REVOKED = SessionRevoked.code
KEY_WITHDRAWN = "key_withdrawn"
LOG_LOST = "revocations_lost"
_MILESTONES = frozenset(("caught_up", "heartbeat"))


class FeedBroken(Exception):
    """A message is not one that a sidecar sends. The text names its kind, for a log."""


class KeyHolder(Protocol):
    """Who holds the issuer's keys."""

    def accept_keys(self, keys: KeySet) -> None:
        """Hold these from now on."""

    def withdraw_key(self, key_id: str) -> bool:
        """Never again verify anything with this key; say whether that is new."""


class Feed:
    """Applies messages to what the edge knows. All times are seconds since the epoch.

    `leeway` is by how much the edge takes tokens beyond their `exp`;
    `longest_lifetime` the longest life of a token it takes at all, which counts
    until the sidecar has said how long its tokens live.
    """

    def __init__(
        self,
        revocations: Revocations,
        connections: Connections,
        keys: KeyHolder,
        *,
        leeway: float,
        longest_lifetime: float,
    ) -> None:
        self._revocations = revocations
        self._connections = connections
        self._keys = keys
        self._leeway = leeway
        self._longest_lifetime = longest_lifetime
        self._lifetime = longest_lifetime
        self._heard_lifetime = 0.0
        self._keys_cursor = -1
        self._rules: dict[str, Callable[[Mapping[str, object], float], None]] = {
            "hello": self._hello,
            "caught_up": self._caught_up,
            "session": self._session,
            "client": self._client,
            "user": self._user,
            "claims": self._claims,
            "key": self._key,
            "erased": self._erased,
        }
        self.cursor: int | None = None
        self.is_caught_up = False

    def apply(self, message: Message, now: float) -> None:
        """Apply one message, or raise `FeedBroken`. A kind that is not known changes nothing."""
        try:
            cursor = _cursor(message.id) if message.id else None
            rule = self._rules.get(message.kind)
            if rule is not None:
                # Also of what it ends without an entry: a request may be about to begin.
                self._revocations.doubt()
                rule(parse_object(message.data), now)
        except (ValueError, TypeError, KeyError) as error:
            raise FeedBroken(f"a {message.kind!r:.40} message: {type(error).__name__}") from None
        self._revocations.prune(now)
        if cursor is not None and message.kind in _MILESTONES:
            self.cursor = cursor if self.cursor is None else max(self.cursor, cursor)

    def accept_keys(self, keys: KeySet, cursor: str) -> None:
        """Take over a key set that came with the message of this cursor, unless a newer one did.

        Raises `FeedBroken` for a cursor that is none.
        """
        try:
            at = _cursor(cursor)
        except ValueError:
            raise FeedBroken("a 'keys' message without a cursor") from None
        if at >= self._keys_cursor:
            self._keys_cursor = at
            self._keys.accept_keys(keys)

    def lose(self) -> None:
        """Note that the connection is gone: what comes next begins with a catching up."""
        self.is_caught_up = False

    def _hello(self, data: Mapping[str, object], now: float) -> None:
        lifetime = _number(data["token_lifetime"])
        if not lifetime > 0:
            raise ValueError
        # Tokens from before it was lowered live as long as they were to live.
        self._lifetime = max(self._heard_lifetime, min(lifetime, self._longest_lifetime))
        self._heard_lifetime = self._lifetime
        if data["resumed"] is True:
            return
        if self.cursor is None:
            # What is alive is told; of what had ended before, connections may be left.
            self._connections.end_older(now - self._lifetime, LOG_LOST)
            return
        # What was revoked between our cursor and the first event that is still kept
        # can no longer be told: whatever is under way may be of such a session.
        self._connections.end_all(LOG_LOST)
        self._keys_cursor = -1
        self.cursor = None

    def _caught_up(self, data: Mapping[str, object], now: float) -> None:
        self.is_caught_up = True

    def _session(self, data: Mapping[str, object], now: float) -> None:
        session_id, at = SessionId(_text(data["session_id"])), _at(data)
        user_id = UserId(_text(data["user_id"]))
        until = self._until(data, at)
        if until > now:
            self._revocations.end_session(session_id, user_id, at, until)
        self._connections.end_session(session_id, _REVOKED)

    def _client(self, data: Mapping[str, object], now: float) -> None:
        sessions = data["sessions"]
        if not isinstance(sessions, list):
            raise TypeError
        for session in sessions:
            self._session({"at": data["at"], **session}, now)

    def _user(self, data: Mapping[str, object], now: float) -> None:
        user_id, at = UserId(_text(data["user_id"])), _at(data)
        until = self._until(data, at)
        if until > now:
            self._revocations.sign_out_user(user_id, at, until)
        self._connections.end_user(user_id, at, _REVOKED)

    def _claims(self, data: Mapping[str, object], now: float) -> None:
        at = _at(data)
        name = _text(data["session_id"] if "session_id" in data else data["user_id"])
        until = self._until(data, at)
        if until > now:
            self._revocations.outdate_claims(name, at, until)

    def _key(self, data: Mapping[str, object], now: float) -> None:
        if self._keys.withdraw_key(_text(data["key_id"])):
            # Whoever has the private key can have opened a connection in anybody's name.
            self._connections.end_all(KEY_WITHDRAWN)

    def _erased(self, data: Mapping[str, object], now: float) -> None:
        # Of this session nobody can say any more which it was. Its tokens are dead.
        self._connections.end_all(LOG_LOST)

    def _until(self, data: Mapping[str, object], at: float) -> float:
        # A server may have asked for a token that lives longer than others.
        tokens_until = min(_number(data.get("tokens_until", 0)), at + self._longest_lifetime)
        return max(at + self._lifetime, tokens_until) + self._leeway


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_CURSOR):
        raise ValueError
    return int(text)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _number(value: object) -> float:
    if type(value) is not int and type(value) is not float:
        raise TypeError
    return value


def _at(data: Mapping[str, object]) -> float:
    return _number(data["at"])
