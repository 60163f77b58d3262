"""Tokens already verified, with the state they stand for: bounded, and no bookkeeping on a hit."""

from edgepass._asgi import Headers
from edgepass._auth import Claims, SignedIn
from edgepass._credential import BEARER, MAXIMUM_COOKIE_BYTES, SESSION_COOKIE, Credential
from edgepass._errors import TokenRefused
from edgepass._revocations import Revocations

MAXIMUM_TOKENS = 10_000
# A signature's last bytes: no two tokens share them but by chance, and a slice
# this short costs a quarter of hashing the whole token.
_TAIL = 24
_NEEDLE = SESSION_COOKIE + b"="
_LONGEST_KEPT = 2_048  # bytes of a Cookie header: a token and what usually is beside it


class _Entry:
    """A verified token as it was last sent: by the whole Authorization field, or by a cookie."""

    __slots__ = ("authorization", "cookie", "refused_from", "signed_in", "version")

    authorization: bytes | None
    cookie: bytes | None
    refused_from: float
    signed_in: SignedIn
    version: int

    def send_as(self, credential: Credential) -> None:
        # One of them, so that no token is kept twice.
        is_bearer, token = credential.is_bearer, credential.token
        self.authorization = BEARER + token if is_bearer else None
        self.cookie = None if is_bearer else token

    def holds(self, token: bytes) -> bool:
        return self.cookie == token or self.authorization == BEARER + token


class TokenCache:
    """States by token, for one key set, one `Expectations` and one issuer's `revocations`.

    Two generations of at most half of `maximum_tokens` each: when the younger
    is full it becomes the older, and the older is forgotten. An entry that is
    used at least once a generation stays. Only verified tokens may be inserted,
    so garbage cannot push anything out. All bytes of a token are compared: its
    tail finds an entry, and proves nothing. Whole Cookie headers find entries of
    the younger generation: at most a sixth of `maximum_tokens` headers.
    """

    __slots__ = ("_by_cookies", "_half", "_most_cookies", "_old", "_revocations", "_young")

    def __init__(self, revocations: Revocations, maximum_tokens: int = MAXIMUM_TOKENS) -> None:
        self._half = max(1, maximum_tokens // 2)
        self._most_cookies = maximum_tokens // 6
        self._revocations = revocations
        self._young: dict[bytes, _Entry] = {}
        self._old: dict[bytes, _Entry] = {}
        self._by_cookies: dict[bytes | None, _Entry] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def recall(self, headers: Headers, now: float) -> SignedIn | None:
        """Return the state of a request whose token was sent in just this way before.

        `None` says nothing about a request but that it is not of the usual kind:
        `find_credential` and `find` are to tell. What they would refuse, or read in
        another way, is never recalled.
        """
        authorization: bytes | None = None
        cookies: bytes | None = None
        for name, value in headers:
            if name == b"authorization":
                if authorization is not None:
                    return None
                authorization = value
            elif name == b"cookie":
                # What is too long is to be refused before it is hashed or searched.
                if cookies is not None or len(value) > MAXIMUM_COOKIE_BYTES:
                    return None
                cookies = value
        if authorization is None:
            # None is no key of it, so that a request without cookies needs no case of its own.
            entry = self._by_cookies.get(cookies) or self._recall_cookie(cookies, now)
        else:
            # The whole field, with its scheme: a slice of it would be a copy of it.
            entry = self._young.get(authorization[-_TAIL:])
            if entry is None or entry.authorization != authorization:
                return None
        if entry is None or not now < entry.refused_from:
            return None
        if entry.version == self._revocations.version or self._stands_again(entry):
            return entry.signed_in
        return None

    def _recall_cookie(self, cookies: bytes | None, now: float) -> _Entry | None:
        if cookies is None:
            return None
        before, _, rest = cookies.partition(_NEEDLE)
        token, _, after = rest.partition(b";")
        entry = self._young.get(token[-_TAIL:])
        if entry is None or entry.cookie != token or before[-2:] not in (b"", b"; "):
            return None
        # find() and not "in", which first takes its operand for a number.
        if after.find(_NEEDLE) >= 0:
            return None
        # Nothing is pushed out by a token that is to be refused.
        stands = now < entry.refused_from and entry.version == self._revocations.version
        if stands and len(cookies) <= _LONGEST_KEPT:
            if len(self._by_cookies) >= self._most_cookies:
                self._by_cookies = {}
            self._by_cookies[cookies] = entry
        return entry

    def find(self, credential: Credential, now: float) -> SignedIn | None:
        """Return the state of a token that was inserted and is not yet refused at `now`.

        Raises what `Revocations.validate` raises for a token that was revoked since.
        """
        tail = credential.token[-_TAIL:]
        entry = self._young.get(tail) or self._old.get(tail)
        if entry is None or not entry.holds(credential.token) or not now < entry.refused_from:
            return None
        if entry.version != self._revocations.version:
            self._validate(entry)
        entry.send_as(credential)
        if tail not in self._young:
            self._keep(tail, entry)
        return entry.signed_in

    def insert(
        self, credential: Credential, refused_from: float, claims: Claims, elapsed_ns: int
    ) -> SignedIn:
        """Remember a verified token until `refused_from` (seconds since the epoch, exclusive).

        Only one that stands by the revocations known at this moment. Returns the
        state of all its requests.
        """
        entry = _Entry()
        entry.send_as(credential)
        entry.refused_from = refused_from
        entry.signed_in = SignedIn(claims.with_shared_names(), elapsed_ns)
        entry.version = self._revocations.version
        self._keep(credential.token[-_TAIL:], entry)
        return entry.signed_in

    def clear(self) -> None:
        """Forget all tokens; a live request that has not begun is decided anew."""
        self._young = {}
        self._old = {}
        self._by_cookies = {}
        self._revocations.doubt()

    def _stands_again(self, entry: _Entry) -> bool:
        try:
            self._validate(entry)
        except TokenRefused:
            return False
        return True

    def _validate(self, entry: _Entry) -> None:
        self._revocations.validate(entry.signed_in.claims)
        entry.version = self._revocations.version

    def _keep(self, tail: bytes, entry: _Entry) -> None:
        if len(self._young) >= self._half:
            self._old = self._young
            self._young = {}
            self._by_cookies = {}
        self._young[tail] = entry
