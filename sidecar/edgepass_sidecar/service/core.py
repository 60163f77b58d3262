"""What every use case has at hand, and how a client is recognised by its token."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cachetools import TTLCache

from edgepass_sidecar.claims_language import CompiledClaims
from edgepass_sidecar.client import Client, revoke_stolen
from edgepass_sidecar.client_token import (
    ClientToken,
    Recognition,
    find_client_token,
    recognise,
)
from edgepass_sidecar.event import Event
from edgepass_sidecar.feed_entry import COMMITTED_WITHIN
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.policy import SessionPolicy
from edgepass_sidecar.service.claims_source import CachedClaims
from edgepass_sidecar.service.key_keeper import KeyKeeper
from edgepass_sidecar.service.minted import Minted
from edgepass_sidecar.service.refusal import (
    Refused,
    client_token_invalid,
    not_found,
    session_over,
    too_many_races,
)
from edgepass_sidecar.service.templates import Templates
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.session import LIVE, Session, standing
from edgepass_sidecar.store import Commit, SessionStore
from edgepass_sidecar.user import User

# Seconds in which simultaneous refreshes of one session share one token.
SHARED_FOR = 2.0
# More requests than this at once on one client are not a browser's.
ATTEMPTS = 64


class SharedTokens:
    """Tokens minted within the last 2 seconds, by what they were minted for.

    Their age is judged by both clocks: by the monotonic one, which nobody sets,
    and by the one on the wall, whose time they carry.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._tokens = TTLCache[tuple[object, ...], tuple[float, str]](
            maxsize=10_000, ttl=SHARED_FOR, timer=monotonic
        )

    def find(self, minted_for: tuple[object, ...], now: float) -> str | None:
        minted_at, token = self._tokens.get(minted_for, (now, None))
        return token if 0 <= now - minted_at < SHARED_FOR else None

    def keep(self, minted_for: tuple[object, ...], token: str, now: float) -> None:
        self._tokens[minted_for] = (now, token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The sidecar without its HTTP. `clock` gives seconds since the epoch."""

    store: SessionStore
    keys: KeyKeeper
    touches: Touches
    minted: Minted
    shared_tokens: SharedTokens
    templates: Templates
    claims_source: CachedClaims | None
    custom_claims: CompiledClaims | None
    issuer: str
    policy: SessionPolicy
    token_lifetime: int
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = secrets.token_bytes


@dataclass(frozen=True, slots=True)
class Presented:
    """A client, and whether its present token or the previous one was presented.

    The previous token sees nothing of what came with its successor: it may have
    been planted before the sign-in (session fixation).
    """

    client: Client
    is_current: bool

    def sees(self, session: Session) -> bool:
        return self.is_current or session.id != self.client.rotated_for

    def visible_client(self) -> Client:
        sessions = tuple(filter(self.sees, self.client.sessions))
        active = self.client.last_active_session_id
        seen = active if any(session.id == active for session in sessions) else None
        return replace(self.client, sessions=sessions, last_active_session_id=seen)

    def find_session(self, session_id: SessionId) -> Session | None:
        session = self.client.find_session(session_id)
        return session if session is not None and self.sees(session) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a committed change came to: the client, and the session it was about.

    `client_token` is the client's new token, if the change brought one.
    """

    presented: Presented
    session: Session
    client_token: ClientToken | None = None


async def say_again_if_late(core: Core, events: tuple[Event, ...]) -> None:
    """Say once more which claims changed, where the commit took so long that a token with the
    old ones may have been minted after the time that it says.
    """
    now = core.clock()
    late = tuple(
        replace(event, at=now)
        for event in events
        if event.type == "claims.bumped" and now - event.at > COMMITTED_WITHIN
    )
    if late:
        await core.store.append_events(late)


async def load_user(core: Core, identifier: UserId) -> User:
    users = await core.store.load_users([identifier])
    if identifier not in users:
        raise not_found("user")
    return users[identifier]


async def authenticate(core: Core, presented: str | None) -> Presented:
    """Return the client that `presented` is a token of, or raise `Refused` (401).

    A token that was rotated away and comes back after its grace was stolen, or
    its successor was: everything on that client is revoked.
    """
    token = find_client_token(presented) if presented else None
    if token is None:
        raise client_token_invalid()
    for _ in range(ATTEMPTS):
        client = await core.store.load_client(token.client_id)
        if client is None:
            raise client_token_invalid()
        client = core.touches.latest(client)
        now = core.clock()
        recognition = recognise(client, token, now)
        if recognition in (Recognition.CURRENT, Recognition.PREVIOUS):
            return Presented(client, recognition is Recognition.CURRENT)
        if recognition is Recognition.UNKNOWN or not client.live_sessions(now):
            raise client_token_invalid()
        robbed, events = revoke_stolen(client, now)
        if await core.store.commit(Commit(client=robbed, events=events)):
            raise client_token_invalid()
    raise too_many_races()


async def refusal_of_missing(core: Core, client: Client, session_id: SessionId) -> Refused:
    """Tell a client that its own session is over; of any other it learns nothing."""
    session = await core.store.find_session(session_id)
    if session is None or session.client_id != client.id:
        return not_found("session")
    stands = standing(session, core.clock())
    return not_found("session") if stands in LIVE else session_over(stands)
