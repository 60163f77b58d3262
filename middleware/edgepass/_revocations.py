"""What the issuer has revoked within the life of a token: bounded, and looked up in nanoseconds."""

from itertools import islice

from edgepass._auth import Claims, SessionId, UserId
from edgepass._errors import ClaimsStale, RevocationsStale, SessionRevoked

MAXIMUM_ENTRIES = 200_000
_PRUNED_AT_ONCE = 5_000  # which takes about 1 ms
_PRUNED_EVERY = 0.1  # seconds

_Mark = tuple[float, float]  # tokens issued until the first time are refused, until the second


class Revocations:
    """The revocations that a token may still run into, whatever order they come in.

    Every time is in seconds since the epoch. An entry is kept until no token
    that it refuses can be alive. Each kind holds at most `maximum_entries`; what
    comes on top becomes a mark on the user, and then one on everybody: tokens
    issued before are refused, so a flood costs honest users one refresh and
    never lets a revoked session in. `version` changes with every change, and at
    every doubt: what was checked at this version still stands.
    """

    __slots__ = (
        "_claims",
        "_everybody",
        "_everybodys_claims",
        "_is_stale",
        "_maximum",
        "_pruned_at",
        "_sessions",
        "_users",
        "version",
    )

    def __init__(self, maximum_entries: int = MAXIMUM_ENTRIES) -> None:
        self._maximum = maximum_entries
        self._sessions: dict[str, float] = {}
        self._users: dict[str, _Mark] = {}
        self._claims: dict[str, _Mark] = {}
        self._everybody = 0.0
        self._everybodys_claims = 0.0
        self._is_stale = False
        self._pruned_at = 0.0
        self.version = 0

    def __len__(self) -> int:
        return len(self._sessions) + len(self._users) + len(self._claims)

    def validate(self, claims: Claims) -> None:
        """Return if nothing that is known speaks against `claims`.

        Raises `SessionRevoked`, `ClaimsStale`, or `RevocationsStale` after `refuse_all`.
        """
        if self._is_stale:
            raise RevocationsStale("the revocation feed has been silent for too long")
        session_id, user_id, issued_at = claims.session_id, claims.user_id, claims.issued_at
        if session_id in self._sessions or issued_at <= self._everybody:
            raise SessionRevoked("the session was revoked")
        mark = self._users.get(user_id)
        if mark is not None and issued_at <= mark[0]:
            raise SessionRevoked("the user's sessions were revoked")
        if self._claims or self._everybodys_claims:
            originally_issued_at = claims.originally_issued_at
            if originally_issued_at <= self._everybodys_claims:
                raise ClaimsStale("somebody's claims have changed since the token was issued")
            for name in (session_id, user_id):
                mark = self._claims.get(name)
                if mark is not None and originally_issued_at <= mark[0]:
                    raise ClaimsStale("the claims have changed since the token was issued")

    def end_session(self, session_id: SessionId, user_id: UserId, at: float, until: float) -> None:
        """Refuse every token of a session that was over at `at`, until `until`."""
        if not self._has_room(self._sessions, session_id):
            self.sign_out_user(user_id, at, until)
            return
        # Taken out first: the front of the dict is what ends first.
        known = self._sessions.pop(session_id, until)
        self._sessions[session_id] = max(known, until)
        self.version += 1

    def sign_out_user(self, user_id: UserId, before: float, until: float) -> None:
        """Refuse the tokens of a user that were issued until `before`."""
        if self._has_room(self._users, user_id):
            _put(self._users, user_id, before, until)
        else:
            self._everybody = max(self._everybody, before)
        self.version += 1

    def outdate_claims(self, name: str, before: float, until: float) -> None:
        """Refuse the tokens of a user or session whose claims were gathered until `before`."""
        if self._has_room(self._claims, name):
            _put(self._claims, name, before, until)
        else:
            self._everybodys_claims = max(self._everybodys_claims, before)
        self.version += 1

    def doubt(self) -> None:
        """Have everything checked once more."""
        self.version += 1

    def refuse_all(self, refuse: bool) -> None:
        """Refuse every token, because revocations are not known any more; or take that back."""
        if self._is_stale is not refuse:
            self._is_stale = refuse
            self.version += 1

    def prune(self, now: float, at_once: int = _PRUNED_AT_ONCE) -> None:
        """Forget at most `at_once` entries of each kind that no living token can run into.

        Called within a tenth of a second of the last time, it does nothing.
        """
        # A dict passes over all that was deleted at its front whenever it is read from
        # there: once for many entries, and not once for each.
        if 0 <= now - self._pruned_at < _PRUNED_EVERY:
            return
        self._pruned_at = now
        ends = islice(self._sessions.items(), at_once)
        for session_id in [session_id for session_id, until in ends if until <= now]:
            del self._sessions[session_id]
        for marks in (self._users, self._claims):
            held = islice(marks.items(), at_once)
            for name in [name for name, (_, until) in held if until <= now]:
                del marks[name]

    def _has_room(self, entries: dict[str, float] | dict[str, _Mark], name: str) -> bool:
        return len(entries) < self._maximum or name in entries


def _put(marks: dict[str, _Mark], name: str, before: float, until: float) -> None:
    known = marks.pop(name, (before, until))
    marks[name] = (max(known[0], before), max(known[1], until))
