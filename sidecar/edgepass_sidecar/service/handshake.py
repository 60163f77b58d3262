"""What lets an app's server sign a browser in again: waiting payloads, and refresh tokens.

A page that comes to the app with an expired token is sent here and back. The
answer waits under a nonce that the app's server trades for it with its secret
key, so that no token is ever in a URL. A refresh token then spares the next
expiry the way here: it is bound to one session, and to the client token that
it was given for, and dies with either.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import jwt
import orjson

from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import ClientId, SessionId
from edgepass_sidecar.service.core import Core, Presented, authenticate
from edgepass_sidecar.service.minting import load_to_mint, mint
from edgepass_sidecar.service.refusal import Refused, not_found, session_over
from edgepass_sidecar.session import Session
from edgepass_sidecar.signing_keys import SigningKey, published_keys
from edgepass_sidecar.store import Note

# As long as a redirect takes on a slow line.
NONCE_LIFETIME = 10.0
_SECRET_BYTES = 32
# How often a nonce works is its first letter, which its hash covers like the rest.
_ONCE, _AGAIN = "o", "a"
_NONCE = re.compile(rf"[{_ONCE}{_AGAIN}][0-9a-f]{{64}}")
# To an error and to an empty list alike, @clerk/backend answers that nobody is signed
# in, and it leaves a used nonce in the URL: a page that is loaded again would say so.
_NOTHING = ["__session_of_no_handshake=none; Path=/; Max-Age=0"]
_REFRESH_TOKEN = re.compile(
    r"(key_[0-9a-f]{24})\.([A-Za-z0-9_-]{86,342})\.(client_[0-9A-Za-z]{25})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInBrowser:
    """What a browser with a live session goes back to the app with.

    `changed_at` is never after the token was issued. Who came with the client's
    previous token has no `refresh_token`: it would outlive that one's grace.
    """

    changed_at: int
    token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


async def recognise_browser(
    core: Core, presented: str | None, authorized_party: str
) -> SignedInBrowser | None:
    """Mint for the active session of the presented client; `None` where nobody is signed in."""
    found: list[Presented] = []

    async def load() -> Session:
        recognised = await authenticate(core, presented)
        found.append(recognised)
        session = recognised.find_session(recognised.client.last_active_session_id or SessionId(""))
        if session is None:
            raise not_found("session")
        return session

    try:
        session, pulled = await load_to_mint(core, load)
        client = found[-1].client
        token = mint(core, session, authorized_party, pulled=pulled, since=client.updated_at)
    except Refused as refusal:
        if refusal.status not in (401, 404):
            raise
        return None
    return SignedInBrowser(
        # The change may be on record by a clock that is ahead of ours.
        changed_at=min(int(client.updated_at), _issued_at(token)),
        token=token,
        refresh_token=_make_refresh_token(core, client, session) if found[-1].is_current else None,
    )


async def keep_payload(
    core: Core, directives: Sequence[str], *, is_secret: bool, once: bool
) -> str:
    """Keep what the app's server shall set as cookies, and return the nonce that it comes for.

    What is no secret is kept once for all who come within 2 seconds, so that
    nobody without a session makes the store write.
    """
    now = core.clock()
    shared = ("handshake", *directives)
    nonce = None if is_secret else core.shared_tokens.find(shared, now)
    if nonce is None:
        nonce = (_ONCE if is_secret and once else _AGAIN) + core.random(_SECRET_BYTES).hex()
        await core.store.keep_note(
            Note(hash=_hash(nonce), text=orjson.dumps(directives), expires_at=now + NONCE_LIFETIME)
        )
        if not is_secret:
            core.shared_tokens.keep(shared, nonce, now)
    return nonce


async def take_payload(core: Core, nonce: str) -> list[str]:
    """Return what waits under `nonce`, once if it was to be taken once.

    Where nothing does (any more), it is a directive that SDKs cannot verify: they
    then set nothing, and go by the cookies that the browser came with.
    """
    if _NONCE.fullmatch(nonce) is None:
        return _NOTHING
    find = core.store.take_note if nonce[0] == _ONCE else core.store.find_note
    text = await find(_hash(nonce), core.clock())
    directives: list[str] = _NOTHING if text is None else orjson.loads(text)
    return directives


async def refresh_with_token(
    core: Core, session_id: SessionId, refresh_token: str, authorized_party: str
) -> str:
    """Mint for the session that `refresh_token` is bound to, or raise `Refused` (401)."""

    async def load() -> Session:
        match = _REFRESH_TOKEN.fullmatch(refresh_token)
        client = await core.store.load_client(ClientId(match[3])) if match else None
        if match is None or client is None:
            raise _refresh_token_invalid()
        message = _refresh_message(match[1], client, session_id)
        if not _is_signed(core, match[1], match[2], message):
            raise _refresh_token_invalid()
        client = core.touches.latest(client)
        clients.append(client)
        session = client.find_session(session_id)
        if session is None:
            raise session_over("over")
        return session

    clients: list[Client] = []
    session, pulled = await load_to_mint(core, load)
    since = clients[-1].updated_at
    return mint(core, session, authorized_party, pulled=pulled, since=since)


def _make_refresh_token(core: Core, client: Client, session: Session) -> str:
    # Signed, not stored: a browser that asks again and again fills no store. It is no
    # JWT, and what is signed has line ends, so neither can be taken for the other.
    signer = core.keys.signer(core.clock())
    signature = signer.sign(_refresh_message(signer.key_id, client, session.id))
    return f"{signer.key_id}.{_base64url(signature)}.{client.id}"


def _refresh_message(key_id: str, client: Client, session_id: SessionId) -> bytes:
    # The hash of the present client token: who rotates that ends this.
    parts = ("edgepass refresh token", key_id, client.id, session_id, client.token_hash.hex())
    return "\n".join(parts).encode()


def _is_signed(core: Core, key_id: str, signature: str, message: bytes) -> bool:
    key = _find_key(core, key_id)
    try:
        raw = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError:
        return False
    if key is None or _base64url(raw) != signature:  # one token has one spelling
        return False
    algorithm = jwt.get_algorithm_by_name(key.algorithm)
    return algorithm.verify(message, jwt.PyJWK(key.public_jwk).key, raw)


def _find_key(core: Core, key_id: str) -> SigningKey | None:
    published = published_keys(core.keys.list_keys(), core.clock())
    return next((key for key in published if key.key_id == key_id), None)


def _refresh_token_invalid() -> Refused:
    return Refused(401, "refresh_token_invalid", "The refresh token is not this session's.")


def _issued_at(token: str) -> int:
    payload = token.split(".")[1]
    issued_at: int = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iat"]
    return issued_at


def _base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _hash(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
