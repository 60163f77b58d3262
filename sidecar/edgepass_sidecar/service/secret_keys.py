"""Who may call the backend API: keys from the settings, and keys made into the store."""

import secrets
from collections.abc import Callable, Sequence

from cachetools import TTLCache

from edgepass_sidecar.event import Event
from edgepass_sidecar.secret_key import SECRET_BYTES, SecretKey, hash_secret_key, is_one_of
from edgepass_sidecar.store import SessionStore

# Seconds in which a revoked key may still be taken; without it each call would read the store.
REREAD_EVERY = 2.0


class SecretKeys:
    """Recognises secret keys by their hashes. `timer` is a monotonic clock."""

    def __init__(
        self, configured: Sequence[str], store: SessionStore, timer: Callable[[], float]
    ) -> None:
        self._configured = tuple(hash_secret_key(key) for key in configured)
        self._store = store
        self._stored: TTLCache[str, tuple[bytes, ...]] = TTLCache(
            maxsize=1, ttl=REREAD_EVERY, timer=timer
        )

    async def recognises(self, text: str) -> bool:
        return is_one_of(text, (*self._configured, *await self._load()))

    async def _load(self) -> tuple[bytes, ...]:
        hashes = self._stored.get("hashes")
        if hashes is None:
            keys = await self._store.load_secret_keys()
            hashes = tuple(key.hash for key in keys if key.revoked_at is None)
            self._stored["hashes"] = hashes
        return hashes


async def create_secret_key(
    store: SessionStore, *, production: bool, clock: Callable[[], float]
) -> tuple[SecretKey, str]:
    """Make a key and store its hash. The text is returned here and never again."""
    text = ("sk_live_" if production else "sk_test_") + secrets.token_hex(SECRET_BYTES)
    now = clock()
    key = SecretKey(
        id=f"sk_{secrets.token_hex(6)}",
        hash=hash_secret_key(text),
        hint=text[-4:],
        created_at=now,
    )
    await store.insert_secret_key(
        key, (Event(type="secret_key.created", at=now, data={"secret_key_id": key.id}),)
    )
    return key, text


async def revoke_secret_key(store: SessionStore, key_id: str, clock: Callable[[], float]) -> bool:
    now = clock()
    event = Event(type="secret_key.revoked", at=now, data={"secret_key_id": key_id})
    return await store.revoke_secret_key(key_id, now, (event,))
