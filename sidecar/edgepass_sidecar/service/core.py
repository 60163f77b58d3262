"""What every use case has at hand, and how a client is recognised by its token."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

from edgepass_sidecar.client import Client, revoke_stolen
from edgepass_sidecar.client_token import Recognition, find_client_token, recognise
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.policy import SessionPolicy
from edgepass_sidecar.service.key_keeper import KeyKeeper
from edgepass_sidecar.service.refusal import client_token_invalid, too_many_races
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.session import Session
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
    shared_tokens: SharedTokens
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
        return self.is_current or session.created_at < self.client.rotated_at

    def find_session(self, session_id: SessionId) -> Session | None:
        session = self.client.find_session(session_id)
        return session if session is not None and self.sees(session) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a committed change came to: the client, the session it was about, and the users.

    `users` are those of all the client's sessions, loaded before the commit.
    """

    presented: Presented
    session: Session
    users: dict[UserId, User]


async def load_users_of(core: Core, client: Client, *others: UserId) -> dict[UserId, User]:
    """Return the users of a client's sessions, and `others`, as far as they exist."""
    wanted = {session.user_id for session in client.sessions} | set(others)
    return await core.store.load_users(sorted(wanted)) if wanted else {}


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
