"""What lets an app's server sign a browser in again: one-time payloads, and refresh tokens.

A page that comes to the app with an expired token is sent here and back. The
answer waits under a nonce that the app's server trades for it with its secret
key, so that no token is ever in a URL. A refresh token then spares the next
expiry the way here: it is bound to one session, and dies with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import orjson

from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.minting import load_to_mint, mint
from edgepass_sidecar.service.refusal import Refused, not_found
from edgepass_sidecar.service.revocation import load_session
from edgepass_sidecar.service.sessions import refresh, view_client
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import Note

# As long as a redirect takes on a slow line.
NONCE_LIFETIME = 10.0
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInBrowser:
    """What a browser with a live session goes back to the app with. All of it is secret."""

    changed_at: float
    token: str = field(repr=False)
    refresh_token: str = field(repr=False)


async def recognise_browser(
    core: Core, presented: str | None, authorized_party: str
) -> SignedInBrowser | None:
    """Mint for the active session of the presented client; `None` where nobody is signed in."""
    try:
        viewed = await view_client(core, presented, None)
        if viewed.active_session_id is None:
            return None
        token = await refresh(core, presented, viewed.active_session_id, authorized_party)
    except Refused as refusal:
        if refusal.status not in (401, 404):
            raise
        return None
    active = next(s for s in viewed.sessions if s.id == viewed.active_session_id)
    secret = core.random(_SECRET_BYTES).hex()
    await core.store.keep_note(
        Note(hash=_hash(secret), text=active.id.encode(), expires_at=active.expire_at)
    )
    return SignedInBrowser(changed_at=viewed.client.updated_at, token=token, refresh_token=secret)


async def keep_payload(core: Core, directives: Sequence[str]) -> str:
    """Keep what the app's server shall set as cookies, and return the nonce that it comes for."""
    nonce = core.random(_SECRET_BYTES).hex()
    expires_at = core.clock() + NONCE_LIFETIME
    note = Note(hash=_hash(nonce), text=orjson.dumps(directives), expires_at=expires_at)
    await core.store.keep_note(note)
    return nonce


async def take_payload(core: Core, nonce: str) -> list[str]:
    """Return what was kept under `nonce`, once, or raise `Refused` (404)."""
    text = await core.store.take_note(_hash(nonce), core.clock())
    if text is None:
        raise not_found("handshake payload")
    directives: list[str] = orjson.loads(text)
    return directives


async def refresh_with_token(
    core: Core, session_id: SessionId, refresh_token: str, authorized_party: str
) -> str:
    """Mint for the session that `refresh_token` is bound to, or raise `Refused` (401)."""

    async def load() -> Session:
        held = await core.store.find_note(_hash(refresh_token), core.clock())
        if held != session_id.encode():
            raise Refused(401, "refresh_token_invalid", "The refresh token is not this session's.")
        return await load_session(core, session_id)

    session, pulled = await load_to_mint(core, load)
    return mint(core, session, authorized_party, pulled=pulled)


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
