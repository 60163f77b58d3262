"""How often the sidecar is asked: budgets by address, and by credential once it is proven.

Who can choose a key can escape its limit, or spend another's. An address is
chosen by nobody. A credential is whatever its sender writes, so one that is
unproven counts against its address; one that was accepted lately has a budget
of its own, which nobody can spend who does not hold it, and no longer depends
on what its neighbours behind the same address send.
"""

import ipaddress
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256

from cachetools import LRUCache
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgepass_sidecar.api.answers import error_answer
from edgepass_sidecar.api.asked import find_cookie
from edgepass_sidecar.api.fields import fields_of
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.token_bucket import Budget, TokenBuckets

# Behind one IPv4 address can be a campus or a carrier's customers. 10,000 pages that
# each mint every 43 seconds, as clerk-js does, ask 233 times a second; the burst is
# for all of them coming back at once after an outage.
FRONTEND_PER_ADDRESS = Budget(rate=300, burst=3_000)
# One browser: a mint per session and minute, a touch per focus, some calls for each
# page that loads, in as many tabs as one person can use.
FRONTEND_PER_CLIENT = Budget(rate=5, burst=100)
# The strictest, since each writes. Tickets hold 256 random bits, so this need not stop
# guessing (Clerk: 5 in 10 s); a school of 1,000 that signs in at one bell is through
# in 140 seconds.
SIGN_INS_PER_ADDRESS = Budget(rate=5, burst=300)
# Each keeps something for 10 seconds, and nothing proves who is sent here.
HANDSHAKES_PER_ADDRESS = Budget(rate=50, burst=1_000)
# What Clerk grants in production. Its tenth for development is not copied: it
# spares shared machines, and these are one's own.
BACKEND_PER_KEY = Budget(rate=100, burst=1_000)
# An app server's first requests arrive together, before any of them has proved its
# key; 100 guesses a second at 256 bits are none.
BACKEND_PER_ADDRESS = BACKEND_PER_KEY
# Edges and browsers keep these for minutes; health checks come every second.
PUBLIC_PER_ADDRESS = Budget(rate=200, burst=2_000)

# Per budget; at about 200 bytes each, 10 MB when somebody does his worst.
MAXIMUM_BUCKETS = 50_000
# Of each kind; at about 250 bytes each, 25 MB.
MAXIMUM_PROVEN = 100_000
# Seconds; more than the minute in which a page that is open mints again.
PROVEN_FOR = 600.0
# Of that, how long a success leaves the proof as it is: to write it down costs more than
# all the rest of a limit. So it lasts 5 minutes at least after the last success.
PROVEN_AGAIN_AFTER = PROVEN_FOR / 2
_NETWORK_BYTES = 8  # of an IPv6 address: a /64 is the least that one customer is given
_NOBODY = b""


# Told apart by identity: two kinds with equal budgets do not share them.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """What is asked for: its budgets, and whether clients or servers ask for it."""

    per_address: Budget
    per_credential: Budget | None = None
    has_cookie: bool = False


PUBLIC = Kind(per_address=PUBLIC_PER_ADDRESS)
SIGN_IN = Kind(per_address=SIGN_INS_PER_ADDRESS)
HANDSHAKE = Kind(per_address=HANDSHAKES_PER_ADDRESS)
FRONTEND = Kind(
    per_address=FRONTEND_PER_ADDRESS, per_credential=FRONTEND_PER_CLIENT, has_cookie=True
)
BACKEND = Kind(per_address=BACKEND_PER_ADDRESS, per_credential=BACKEND_PER_KEY)


@dataclass(frozen=True, slots=True)
class Area:
    """A path with all below it. `proves` if nothing there succeeds without the credential."""

    path: str
    kind: Kind
    proves: bool = False

    def has(self, path: str) -> bool:
        return path.startswith(self.path) and path[len(self.path) :][:1] in ("", "/")


# The first that has a path counts. What is not listed as proving does not prove, so
# that a route which answers anybody cannot make garbage a credential.
AREAS = (
    Area("/v1/client/sign_ins", SIGN_IN),
    Area("/v1/client/handshake", HANDSHAKE),
    Area("/v1/client/sync", HANDSHAKE),
    Area("/v1/client/sessions", FRONTEND, proves=True),
    Area("/v1/client", FRONTEND),
    Area("/v1/me", FRONTEND),
    Area("/v1/environment", FRONTEND),
    Area("/v1/health", PUBLIC),
    Area("/v1/users", BACKEND, proves=True),
    Area("/v1/sessions", BACKEND, proves=True),
    Area("/v1/sign_in_tokens", BACKEND, proves=True),
    Area("/v1/actor_tokens", BACKEND, proves=True),
    Area("/v1/clients", BACKEND, proves=True),
    Area("/v1/jwt_templates", BACKEND, proves=True),
    Area("/v1/jwks", BACKEND, proves=True),
    Area("/v1/events", BACKEND, proves=True),
    Area("/v1/revocations", BACKEND, proves=True),
    Area("/v1", BACKEND),
)
ELSEWHERE = Area("", PUBLIC)


# It makes a client for anybody, which is kept for 30 days.
NEW_CLIENT = Area("/v1/client", SIGN_IN)


def area_of(path: str, method: str = "GET") -> Area:
    if path == NEW_CLIENT.path and method in ("POST", "PUT"):
        return NEW_CLIENT
    for area in AREAS:
        # First what needs no call for each: most areas are elsewhere.
        if path.startswith(area.path) and area.has(path):
            return area
    return ELSEWHERE


class RateLimits:
    """ASGI middleware that answers 429 with `Retry-After` to who asks too often.

    Belongs inside the CORS middleware, so that pages can read its refusals.
    `address_of` says where a request came from; addresses that it cannot say
    share one budget. `timer` is a monotonic clock in seconds. `scale` multiplies
    every budget; `None` switches all limits off.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        address_of: Callable[[Scope], str],
        cookie_name: str,
        timer: Callable[[], float],
        scale: float | None = 1.0,
    ) -> None:
        if scale is not None and not 0 < scale < math.inf:
            raise ValueError(f"scale {scale} must be a positive number, or None for no limits")
        self._app = app
        self._address_of = address_of
        self._cookie_name = cookie_name
        self._timer = timer
        kinds = () if scale is None else (PUBLIC, SIGN_IN, HANDSHAKE, FRONTEND, BACKEND)
        self._limits = {kind: _Limit(kind, scale or 1.0) for kind in kinds}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or not self._limits:
            return self._app(scope, receive, send)
        area = area_of(scope["path"], scope["method"])
        limit = self._limits[area.kind]
        credential = self._find_credential(scope, area.kind)
        now = self._timer()
        proven_at = limit.proven_at(credential, now)
        if credential is not None and proven_at is not None:
            wait = limit.credentials.take(credential, now)
        else:
            wait = limit.addresses.take(address_key(self._address_of(scope)), now)
        if wait > 0:
            return refusal(wait)(scope, receive, send)
        if credential is None or not area.proves:
            return self._app(scope, receive, send)
        is_fresh = proven_at is not None and now - proven_at < PROVEN_AGAIN_AFTER
        noted_at = None if is_fresh else now
        return self._app(scope, receive, _noting(send, limit, credential, noted_at))

    def _find_credential(self, scope: Scope, kind: Kind) -> bytes | None:
        """Return the hash of the one credential that a request presents, or `None`."""
        if kind.per_credential is None:
            return None
        headers = fields_of(scope)
        # Without its scheme and white space: one credential shall not have as many
        # budgets as it has spellings.
        secrets = headers.getlist("authorization")
        if secrets:
            secrets = [word for text in secrets for word in text.split()[-1:]]
        if kind.has_cookie:
            try:
                cookie = find_cookie(headers, self._cookie_name)
            except Refused:  # as the route will, too
                return None
            secrets += [cookie] if cookie else []
        # Of two, the one that is not looked at could be another each time.
        return sha256(secrets[0].encode()).digest() if len(secrets) == 1 else None


class _Limit:
    """The buckets of one kind, and the hashes of the credentials that were accepted lately."""

    def __init__(self, kind: Kind, scale: float) -> None:
        per_credential = kind.per_credential or kind.per_address
        self.addresses = TokenBuckets(MAXIMUM_BUCKETS, kind.per_address.scaled(scale))
        self.credentials = TokenBuckets(MAXIMUM_BUCKETS, per_credential.scaled(scale))
        self.proven = LRUCache[bytes, float](MAXIMUM_PROVEN)

    def proven_at(self, credential: bytes | None, now: float) -> float | None:
        """Return when it was accepted, if that is no longer ago than it counts."""
        proven_at = self.proven.get(credential) if credential is not None else None
        return proven_at if proven_at is not None and now - proven_at < PROVEN_FOR else None


def _noting(send: Send, limit: _Limit, credential: bytes, noted_at: float | None) -> Send:
    """Note that `credential` was accepted at `noted_at` (`None`: not again), or is no more."""

    def send_noting(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            if message["status"] < 400:
                if noted_at is not None:
                    limit.proven[credential] = noted_at
            elif message["status"] == 401:
                limit.proven.pop(credential, None)
        return send(message)

    return send_noting


def refusal(wait: float) -> Response:
    """Answer 429: come back in `wait` seconds, rounded up to whole ones (RFC 9110 10.2.3)."""
    response = error_answer(
        429, "too_many_requests", "Too many requests: wait for the seconds in Retry-After."
    )
    response.headers["retry-after"] = str(max(1, math.ceil(wait)))
    return response


def address_key(text: str) -> bytes:
    """Return what stands for whoever has the address `text`, however it is spelled.

    An IPv4 address whole, also where it is written as IPv6; of an IPv6 address
    its /64; and one key for all that is no address.
    """
    # Bytes, since their hashes are secret: of numbers one could choose those that collide.
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _NOBODY
    if isinstance(address, ipaddress.IPv4Address):
        return address.packed
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped.packed
    return address.packed[:_NETWORK_BYTES]
