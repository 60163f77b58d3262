"""What an edge does besides verifying: it hears of revocations, and ends what is under way."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from edgepass._asgi import ASGIApp, Receive, Scope, Send
from edgepass._auth import SignedIn
from edgepass._claims import Expectations
from edgepass._connections import (
    Connection,
    ConnectionOver,
    Connections,
    HttpConnection,
    WebSocketConnection,
)
from edgepass._errors import RevocationsStale
from edgepass._feed import Feed, KeyHolder
from edgepass._feed_client import LONGEST_SILENCE, FeedClient
from edgepass._renewal import RenewableSignedIn, Verify
from edgepass._revocations import Revocations

# The sidecar keeps what it tells for a minute beyond the life of tokens, for edges that are
# late to accept them, and for clocks that differ.
LONGEST_LEEWAY = 55.0
READY_TIMEOUT = 2.5  # seconds that a first request waits for the first snapshot
_PATIENCE = 2.0  # seconds that the client of a cancelled request has to take its farewell


class Calls(NamedTuple):
    """The wrapped app, what decides about a request for it, and what verifies a renewed token."""

    app: ASGIApp
    decide: ASGIApp
    verify: Verify


class LiveSettings(NamedTuple):
    """What `EdgepassMiddleware` was told about revocations; see there."""

    uri: str
    edge_key: str | None
    when_stale: str
    stale_after: float
    maximum_connection_life: float | None


class Live:
    """The feed and the connections under way. Raises `ValueError` for settings that cannot work."""

    def __init__(
        self,
        settings: LiveSettings,
        calls: Calls,
        revocations: Revocations,
        keys: KeyHolder,
        expected: Expectations,
        clock: Callable[[], float],
    ) -> None:
        _validate(settings, expected.leeway)
        self._settings = settings
        self._app, self._decide, self._verify = calls
        self._revocations = revocations
        self._connections = Connections(settings.maximum_connection_life)
        self._feed = Feed(
            revocations,
            self._connections,
            keys,
            leeway=expected.leeway,
            longest_lifetime=expected.maximum_lifetime,
        )
        self._refuses = settings.when_stale == "refuse"
        # Nothing is known yet: who wants to know refuses until then.
        revocations.refuse_all(self._refuses)
        self._client: FeedClient | None = None
        if settings.edge_key is not None:
            self._client = FeedClient(
                settings.uri,
                settings.edge_key,
                self._feed,
                clock,
                stale_after=settings.stale_after,
                on_stale=self._go_stale,
                on_heard=self._be_fresh,
            )

        self.ends_streams = (
            settings.edge_key is not None or settings.maximum_connection_life is not None
        )

    def start(self) -> None:
        """Listen in the background of the running event loop, if that has not begun."""
        if self._client is not None and self._client.start():
            self._revocations.refuse_all(self._refuses)

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.stop()

    async def start_and_wait(self) -> None:
        """Start listening; where an edge refuses without it, wait for the first snapshot."""
        self.start()
        if self._client is not None and self._refuses:
            await self._client.wait_until_ready(READY_TIMEOUT)

    def health(self) -> dict[str, object]:
        """Say how the feed stands; see `EdgepassMiddleware.health`."""
        if self._client is None:
            return {"feed": "off"}
        silent_for = self._client.silent_for
        state = "live" if self._feed.is_caught_up else "catching_up"
        if silent_for is not None and silent_for >= self._settings.stale_after:
            state = "stale"
        return {"feed": state, "feed_cursor": self._feed.cursor, "feed_silent_for": silent_for}

    async def serve(
        self, scope: Scope, receive: Receive, send: Send, signed_in: SignedIn, version: int
    ) -> None:
        """Run the app. What is a websocket, or becomes a stream, ends with its session.

        `signed_in` was decided at this `version` of the revocations.
        """
        if version != self._revocations.version:
            # A server may call long before it awaits: what was heard meanwhile counts.
            await self._decide(scope, receive, send)
            return
        if scope["type"] == "http":
            connection: Connection = HttpConnection(receive, send, signed_in, self._connections)
        else:
            connection = WebSocketConnection(receive, send, signed_in, self._connections)
            life = self._settings.maximum_connection_life
            state = RenewableSignedIn(signed_in, connection, self._verify, life)
            scope["edgepass"] = scope["user"] = scope["auth"] = state
        patience = None
        try:
            await self._app(scope, connection.receive, connection.send)
        except asyncio.CancelledError:
            # A client that does not read must not hold up who cancels.
            patience = _PATIENCE
            raise
        except Exception as error:
            # The app only ran into the end that we made.
            if not _is_caused_by_the_end(error, connection):
                raise
        finally:
            if connection.lasts:
                self._connections.remove(connection)
            else:
                self._connections.brief.discard(connection)
            if connection.farewell is not None:
                # wait() and not await: who cancels the app does not cancel the farewell.
                await asyncio.wait((connection.farewell,), timeout=patience)
                connection.farewell.cancel()

    def _be_fresh(self) -> None:
        self._revocations.refuse_all(False)

    def _go_stale(self) -> None:
        if self._refuses:
            self._revocations.refuse_all(True)
            self._connections.end_all(RevocationsStale.code)


def _validate(settings: LiveSettings, leeway: float) -> None:
    if settings.when_stale not in ("allow", "refuse"):
        raise ValueError(f"when_stale must be 'allow' or 'refuse', not {settings.when_stale!r}")
    if settings.edge_key is not None and leeway > LONGEST_LEEWAY:
        raise ValueError(f"leeway must be at most {LONGEST_LEEWAY:g} seconds with an edge_key")
    if not settings.stale_after >= LONGEST_SILENCE:
        raise ValueError(f"stale_after must be at least {LONGEST_SILENCE:g} seconds")
    life = settings.maximum_connection_life
    if life is not None and not life > 0:
        raise ValueError("maximum_connection_life must be more than 0 seconds, or None")


def _is_caused_by_the_end(error: BaseException, connection: Connection) -> bool:
    if isinstance(error, ExceptionGroup):
        return all(_is_caused_by_the_end(each, connection) for each in error.exceptions)
    if isinstance(error, ConnectionOver):
        # An app may send on several, and the end of another is its own affair.
        return error.connection is connection
    # Starlette's own words for it. Any other error is the app's, whenever it was made.
    cause = error.__cause__ or error.__context__
    is_word = type(error).__name__ in ("ClientDisconnect", "WebSocketDisconnect")
    return is_word and cause is not None and _is_caused_by_the_end(cause, connection)
