"""The ASGI middleware: a request goes to the app with its auth state, or is refused (RFC 6750)."""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from time import perf_counter_ns
from typing import TYPE_CHECKING

from edgepass._asgi import ASGIApp, Message, Receive, Scope, Send
from edgepass._auth import Claims, SignedIn, SignedOut
from edgepass._claims import Expectations
from edgepass._credential import Credential, find_credential
from edgepass._errors import KeysUnavailable, TokenRefused, UnknownKey
from edgepass._fixed_keys import FixedKeys
from edgepass._key_set import KeySet
from edgepass._keyring import Keyring
from edgepass._paths import CanonicalPaths, PublicPaths, app_path
from edgepass._refusals import CREDENTIAL_MISSING, PATH_NOT_CANONICAL, REFUSALS
from edgepass._revocations import Revocations
from edgepass._signatures import preferred_backend
from edgepass._standing import validate_standing
from edgepass._token_cache import TokenCache
from edgepass._verify import verify

if TYPE_CHECKING:
    from edgepass._jwks_client import JwksClient
    from edgepass._live import Live

_NO_CREDENTIAL = SignedOut(CREDENTIAL_MISSING)
_log = logging.getLogger("edgepass")


class EdgepassMiddleware:
    """Lets only signed-in http and websocket requests through to `app`, except to `public` paths.

    `issuer` is the sidecar's public URL; its keys come from `jwks_uri`
    (`<issuer>/.well-known/jwks.json` by default), or are `keys`, and then nothing
    is fetched. With `required=False` every request passes. Either way
    `scope["edgepass"]`, `scope["user"]` and `scope["auth"]` are the `SignedIn` or
    `SignedOut`.

    With an `edge_key` it listens to the issuer's revocations at `revocations_uri`
    (`<issuer>/v1/revocations` by default). When they are not to be had for
    `stale_after` seconds (at least 3) it goes on verifying (`when_stale="allow"`),
    or answers 503 (`"refuse"`). `maximum_connection_life` is how many seconds a
    websocket or a streaming response may last; a renewed token starts it anew.
    Raises `ValueError` for settings that cannot work.
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
        edge_key: str | None = None,
        revocations_uri: str | None = None,
        when_stale: str = "allow",
        stale_after: float = 10,
        maximum_connection_life: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._expected = Expectations(issuer, audience, authorized_parties, leeway, algorithms)
        self._public = PublicPaths(public)
        self._required = required
        self._clock = clock
        self._canonical = CanonicalPaths()
        self._seen = self._canonical.seen  # at hand: a look-up by name less
        self._revocations = Revocations()
        self._cache = TokenCache(self._revocations)
        # A withdrawn key's tokens die with the cache that holds them.
        self._keys = _key_source(issuer, jwks_uri, keys, self._cache.clear)
        told = (revocations_uri, edge_key, when_stale, stale_after, maximum_connection_life)
        calls = (app, self._decide, self._verify_renewal)
        self._live = _make_live(told, calls, self._revocations, self._keys, self._expected, clock)
        # What servers look at to see that this is ASGI 3. They call the method.
        self.__call__ = self._call  # type: ignore[method-assign]
        _log.info("edgepass verifies tokens of %s with %s", issuer, preferred_backend().name)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # The way of nearly every request: it has been decided about its token before.
        # No coroutine of its own, and few calls: each would be a twentieth of the cost. So it
        # is decided when a server calls; most await in the same moment.
        if scope["type"] == "http" and (
            self._seen.get(scope.get("raw_path")) == scope["path"] or self._canonical.accepts(scope)
        ):
            headers = scope["headers"]
            # Most servers have a list. Of anything else `_decide` makes one.
            recalls = type(headers) is list
            signed_in = self._cache.recall(headers, self._clock()) if recalls else None
            if signed_in is not None:
                scope["edgepass"] = scope["user"] = scope["auth"] = signed_in
                if self._live.ends_streams:
                    version = self._revocations.version
                    return self._live.serve(scope, receive, send, signed_in, version)
                return self._app(scope, receive, send)
        return self._decide(scope, receive, send)

    async def _decide(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self._pass_on(scope, receive, send)
            return
        if type(scope["headers"]) is not list:
            # ASGI allows any iterable, also one that can be read once.
            scope["headers"] = list(scope["headers"])
        if self._required and not self._canonical.accepts(scope):
            await REFUSALS[PATH_NOT_CANONICAL].send(scope, receive, send)
            return
        state = scope["edgepass"] = scope["user"] = scope["auth"] = await self._judge(scope)
        if isinstance(state, SignedOut):
            if self._required and not self._is_open(scope):
                await REFUSALS[state.code].send(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        elif kind == "websocket" or self._live.ends_streams:
            await self._live.serve(scope, receive, send, state, self._revocations.version)
        else:
            await self._app(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self(scope, receive, send)

    def health(self) -> dict[str, object]:
        """Say how the edge stands, for a health page: plain values that can be JSON.

        `feed` is `off`, `catching_up`, `live` or `stale`, `feed_cursor` the last
        event of the log that was heard of, `feed_silent_for` seconds since the feed
        was last known to be complete, `revocations` how many are held; `tokens`
        how many verified tokens are remembered; `keys` how many keys there are to
        verify with, `None` while none could be had; `signatures` what checks them.
        """
        keys = self._keys.held_keys()
        return {
            **self._live.health(),
            "revocations": len(self._revocations),
            "tokens": len(self._cache),
            "keys": None if keys is None else len(keys),
            "signatures": preferred_backend().name,
        }

    async def _judge(self, scope: Scope) -> SignedIn | SignedOut:
        try:
            credential = find_credential(scope["headers"])
            if credential is None:
                return _NO_CREDENTIAL
            signed_in = self._cache.find(credential, self._clock())
            return await self._verify(credential) if signed_in is None else signed_in
        except TokenRefused as refusal:
            return SignedOut(refusal.code)

    async def _verify_renewal(self, token: bytes) -> SignedIn:
        return await self._verify(Credential(token, is_bearer=True))

    async def _verify(self, credential: Credential) -> SignedIn:
        await self._live.start_and_wait()
        claims, elapsed_ns = await self._verify_with_keys(credential.token)
        validate_standing(claims, self._revocations)
        refused_from = claims.expires_at + self._expected.leeway
        return self._cache.insert(credential, refused_from, claims, elapsed_ns)

    async def _verify_with_keys(self, token: bytes) -> tuple[Claims, int]:
        keys = await self._keys.find_keys()
        if keys is None:
            raise KeysUnavailable("no keys could be had from the issuer")
        try:
            return self._verify_now(token, keys)
        except UnknownKey:
            newer = await self._keys.find_newer_keys(keys)
            if newer is None:
                raise
            return self._verify_now(token, newer)

    def _verify_now(self, token: bytes, keys: KeySet) -> tuple[Claims, int]:
        started = perf_counter_ns()
        # The clock is read after the keys have come: a token may expire meanwhile.
        claims = verify(token, keys, self._expected, self._clock())
        return claims, perf_counter_ns() - started

    def _is_open(self, scope: Scope) -> bool:
        return app_path(scope) in self._public or _is_preflight(scope)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        self._keys.start()
        self._live.start()

        async def receive_and_stop() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                # Before the app has said that it is done: then a server may end everything.
                await self._stop()
            return message

        try:
            await self._app(scope, receive_and_stop, send)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        await self._live.stop()
        await self._keys.stop()


def _key_source(
    issuer: str, jwks_uri: str | None, keys: KeySet | None, on_change: Callable[[], None]
) -> "FixedKeys | JwksClient":
    if keys is not None:
        if jwks_uri is not None:
            raise ValueError("give either keys or jwks_uri: with keys nothing is fetched")
        return FixedKeys(keys, on_change)
    # Here and not above: asyncio and TLS are a third of the time to import edgepass,
    # and `verify` needs neither.
    from edgepass._jwks_client import JwksClient

    if jwks_uri is None:
        jwks_uri = issuer.rstrip("/") + "/.well-known/jwks.json"
    return JwksClient(jwks_uri, Keyring(), on_change)


def _make_live(
    told: tuple[str | None, str | None, str, float, float | None],
    calls: tuple[ASGIApp, ASGIApp, Callable[[bytes], Awaitable[SignedIn]]],
    revocations: Revocations,
    keys: "FixedKeys | JwksClient",
    expected: Expectations,
    clock: Callable[[], float],
) -> "Live":
    uri, edge_key, when_stale, stale_after, maximum_life = told
    if edge_key is None and (uri is not None or when_stale != "allow"):
        raise ValueError(
            "when_stale and revocations_uri need an edge_key: edgepass keys create --edge makes one"
        )
    from edgepass._live import Calls, Live, LiveSettings

    if uri is None:
        uri = expected.issuer.rstrip("/") + "/v1/revocations"
    settings = LiveSettings(uri, edge_key, when_stale, stale_after, maximum_life)
    return Live(settings, Calls(*calls), revocations, keys, expected, clock)


def _is_preflight(scope: Scope) -> bool:
    # A browser sends no credential with a preflight (Fetch standard, section 4.8),
    # so refusing it would refuse every cross-origin call.
    if scope.get("method") != "OPTIONS":
        return False
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and b"access-control-request-method" in names
