"""Tokens already verified, with their claims: bounded, and without bookkeeping on a hit."""

from edgepass._auth import Claims
from edgepass._revocations import Revocations

MAXIMUM_TOKENS = 10_000
# A signature's last bytes: no two tokens share them but by chance, and a slice
# this short costs a quarter of hashing the whole token.
_TAIL = 24

_Entry = tuple[bytes, float, Claims, int]


class TokenCache:
    """Claims by token, for one key set, one `Expectations` and one issuer's `revocations`.

    Two generations of at most half of `maximum_tokens` each: when the younger
    is full it becomes the older, and the older is forgotten. An entry that is
    used at least once a generation stays. Only verified tokens may be inserted,
    so garbage cannot push anything out.
    """

    __slots__ = ("_half", "_old", "_revocations", "_young")

    def __init__(self, revocations: Revocations, maximum_tokens: int = MAXIMUM_TOKENS) -> None:
        self._half = max(1, maximum_tokens // 2)
        self._revocations = revocations
        self._young: dict[bytes, _Entry] = {}
        self._old: dict[bytes, _Entry] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, token: bytes, now: float) -> Claims | None:
        """Return the claims of `token` if it was inserted and is not yet refused at `now`.

        Raises what `Revocations.validate` raises for a token that was revoked since.
        """
        tail = token[-_TAIL:]
        entry = self._young.get(tail)
        if entry is None:
            entry = self._old.get(tail)
            if entry is None or entry[0] != token:
                return None
            self._keep(tail, entry)
        # All bytes are compared: the tail finds an entry, it proves nothing.
        if entry[0] != token or now >= entry[1]:
            return None
        if entry[3] != self._revocations.version:
            self._revocations.validate(entry[2])
            self._young[tail] = (*entry[:3], self._revocations.version)
        return entry[2]

    def insert(self, token: bytes, refused_from: float, claims: Claims) -> None:
        """Remember a verified token until `refused_from` (seconds since the epoch, exclusive).

        Only one that stands by the revocations known at this moment.
        """
        claims = claims.with_shared_names()
        self._keep(token[-_TAIL:], (token, refused_from, claims, self._revocations.version))

    def clear(self) -> None:
        self._young = {}
        self._old = {}

    def _keep(self, tail: bytes, entry: _Entry) -> None:
        if len(self._young) >= self._half:
            self._old = self._young
            self._young = {}
        self._young[tail] = entry
