"""What every use case has at hand, and the loop that changes a client: load, decide, save."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cachetools import TTLCache

from edgepass_sidecar.client import Client, Decision, revoke_stolen
from edgepass_sidecar.client_token import Recognition, find_client_token, recognise
from edgepass_sidecar.policy import SessionPolicy
from edgepass_sidecar.service.key_keeper import KeyKeeper
from edgepass_sidecar.service.refusal import client_token_invalid, too_many_races
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.store import Commit, SessionStore

# Seconds in which a token that was just rotated away still answers: as long as
# the requests that were under way with it may take.
PREVIOUS_TOKEN_GRACE = 10.0
# Seconds in which simultaneous refreshes of one session share one token.
SHARED_FOR = 2.0
# More requests than this at once on one client are not a browser's.
ATTEMPTS = 64


def _shared_tokens() -> "TTLCache[tuple[object, ...], str]":
    return TTLCache(maxsize=10_000, ttl=SHARED_FOR)


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
    shared_tokens: "TTLCache[tuple[object, ...], str]" = field(default_factory=_shared_tokens)


async def authenticate(core: Core, presented: str | None) -> tuple[Client, Recognition]:
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
            return client, recognition
        if recognition is Recognition.UNKNOWN or not client.live_sessions(now):
            raise client_token_invalid()
        robbed, events = revoke_stolen(client, now)
        if await core.store.commit(Commit(client=robbed, events=events)):
            raise client_token_invalid()
    raise too_many_races()


async def change_client(
    core: Core, presented: str | None, decide: Callable[[Client, Recognition], Decision]
) -> Client:
    """Apply `decide` to the client that `presented` names and store the outcome.

    A lost race loads and decides again, so `decide` may be called several times.
    """
    for _ in range(ATTEMPTS):
        client, recognition = await authenticate(core, presented)
        changed, events = decide(client, recognition)
        if await core.store.commit(Commit(client=changed, events=events)):
            return changed
    raise too_many_races()
