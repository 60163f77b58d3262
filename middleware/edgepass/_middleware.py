"""The ASGI middleware: a request goes to the app with its auth state, or is refused (RFC 6750)."""

import logging
import time
from collections.abc import Callable, Collection, Iterable
from time import perf_counter_ns
from typing import TYPE_CHECKING

from edgepass._asgi import ASGIApp, Receive, Scope, Send
from edgepass._auth import Claims, SignedIn, SignedOut
from edgepass._claims import Expectations
from edgepass._credential import find_credential
from edgepass._errors import KeysUnavailable, TokenRefused, UnknownKey
from edgepass._key_set import KeySet
from edgepass._keyring import Keyring
from edgepass._paths import CanonicalPaths, PublicPaths, app_path
from edgepass._refusals import CREDENTIAL_MISSING, PATH_NOT_CANONICAL, REFUSALS
from edgepass._signatures import preferred_backend
from edgepass._standing import validate_standing
from edgepass._token_cache import TokenCache
from edgepass._verify import verify

if TYPE_CHECKING:
    from edgepass._jwks_client import JwksClient

SESSION_COOKIE = b"__session"
_NO_CREDENTIAL = SignedOut(CREDENTIAL_MISSING)
_log = logging.getLogger("edgepass")


class EdgepassMiddleware:
    """Lets only signed-in http and websocket requests through to `app`, except to `public` paths.

    `issuer` is the sidecar's public URL; its keys come from `jwks_uri`
    (`<issuer>/.well-known/jwks.json` by default), or are `keys`, and then nothing
    is fetched. With `required=False` every request passes. Either way
    `scope["edgepass"]`, `scope["user"]` and `scope["auth"]` are the `SignedIn` or
    `SignedOut`. Raises `ValueError` for settings that cannot work.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        issuer: str,
        public: Iterable[str] = (),
        required: bool = True,
        audience: str | Collection[str] | None = None,
        authorized_parties: str | Collection[str] | None = None,
        leeway: float = 5,
        algorithms: Collection[str] = ("RS256", "ES256", "EdDSA"),
        jwks_uri: str | None = None,
        keys: KeySet | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._expected = Expectations(issuer, audience, authorized_parties, leeway, algorithms)
        self._public = PublicPaths(public)
        self._required = required
        self._clock = clock
        self._canonical = CanonicalPaths()
        self._cache = TokenCache()
        self._keys = keys
        for _ in keys.widen() if keys is not None else ():
            pass  # at start there is nobody whose turn it could be
        if jwks_uri is None:
            jwks_uri = issuer.rstrip("/") + "/.well-known/jwks.json"
        elif keys is not None:
            raise ValueError("give either keys or jwks_uri: with keys nothing is fetched")
        # A withdrawn key's tokens die with the cache that holds them.
        self._client = _make_client(jwks_uri, self._cache.clear) if keys is None else None
        _log.info("edgepass verifies tokens of %s with %s", issuer, preferred_backend().name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # One function and few calls: each would cost a tenth of all that a token
        # which was seen before costs.
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self._pass_on(scope, receive, send)
            return
        started = perf_counter_ns()
        if self._required and not self._canonical.accepts(scope):
            await REFUSALS[PATH_NOT_CANONICAL].send(scope, receive, send)
            return
        state: SignedIn | SignedOut
        try:
            token = find_credential(scope["headers"], SESSION_COOKIE)
            if token is None:
                state = _NO_CREDENTIAL
            else:
                claims = self._cache.find(token, self._clock())
                if claims is None:
                    claims = await self._verify(token)
                state = SignedIn(claims, perf_counter_ns() - started)
        except TokenRefused as refusal:
            state = SignedOut(refusal.code)
        scope["edgepass"] = scope["user"] = scope["auth"] = state
        if state.__class__ is SignedOut and self._required and not self._is_open(scope):
            await REFUSALS[state.code].send(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _verify(self, token: bytes) -> Claims:
        if self._client is None:
            assert self._keys is not None
            claims = verify(token, self._keys, self._expected, self._clock())
        else:
            claims = await self._verify_with_fetched_keys(self._client, token)
        validate_standing(claims)
        self._cache.insert(token, claims.expires_at + self._expected.leeway, claims)
        return claims

    async def _verify_with_fetched_keys(self, client: "JwksClient", token: bytes) -> Claims:
        keys = await client.find_keys()
        if keys is None:
            raise KeysUnavailable("no keys could be had from the issuer")
        try:
            # The clock is read after the keys have come: a token may expire meanwhile.
            return verify(token, keys, self._expected, self._clock())
        except UnknownKey:
            newer = await client.find_newer_keys(keys)
            if newer is None:
                raise
            return verify(token, newer, self._expected, self._clock())

    def _is_open(self, scope: Scope) -> bool:
        return app_path(scope) in self._public or _is_preflight(scope)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" or self._client is None:
            await self._app(scope, receive, send)
            return
        self._client.start()
        try:
            await self._app(scope, receive, send)
        finally:
            await self._client.stop()


def _make_client(jwks_uri: str, on_change: Callable[[], None]) -> "JwksClient":
    # Here and not above: asyncio and TLS are a third of the time to import edgepass,
    # and `verify` needs neither.
    from edgepass._jwks_client import JwksClient

    return JwksClient(jwks_uri, Keyring(), on_change)


def _is_preflight(scope: Scope) -> bool:
    # A browser sends no credential with a preflight (Fetch standard, section 4.8),
    # so refusing it would refuse every cross-origin call.
    if scope.get("method") != "OPTIONS":
        return False
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and b"access-control-request-method" in names
