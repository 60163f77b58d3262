"""What every use case has at hand, and the loop that changes a client: load, decide, save."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cachetools import TTLCache

from edgepass_sidecar.client import Client, Decision, revoke_stolen
from edgepass_sidecar.client_token import Recognition, find_client_token, recognise
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.policy import SessionPolicy
from edgepass_sidecar.service.key_keeper import KeyKeeper
from edgepass_sidecar.service.refusal import client_token_invalid, too_many_races
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import Commit, SessionStore

# Seconds in which simultaneous refreshes of one session share one token.
SHARED_FOR = 2.0
# More requests than this at once on one client are not a browser's.
ATTEMPTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The sidecar without its HTTP. `clock` gives seconds since the epoch."""

    store: SessionStore
    keys: KeyKeeper
    touches: Touches
    issuer: str
    policy: SessionPolicy
    token_lifetime: int
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = secrets.token_bytes
    shared_tokens: "TTLCache[tuple[object, ...], str]" = field(init=False)

    def __post_init__(self) -> None:
        shared = TTLCache[tuple[object, ...], str](maxsize=10_000, ttl=SHARED_FOR, timer=self.clock)
        object.__setattr__(self, "shared_tokens", shared)


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


async def change_client(
    core: Core, presented: str | None, decide: Callable[[Presented], Decision]
) -> Client:
    """Apply `decide` to the client that `presented` names and store the outcome.

    A lost race loads and decides again, so `decide` may be called several times.
    """
    for _ in range(ATTEMPTS):
        changed, events = decide(await authenticate(core, presented))
        if await core.store.commit(Commit(client=changed, events=events)):
            return changed
    raise too_many_races()
