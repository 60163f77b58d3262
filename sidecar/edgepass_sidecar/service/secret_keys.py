"""Who may call the backend API: keys from the settings, and keys made into the store."""

import secrets
from collections.abc import Callable, Mapping, Sequence

from cachetools import TTLCache

from edgepass_sidecar.event import Event
from edgepass_sidecar.secret_key import (
    SECRET_BYTES,
    KeyScope,
    SecretKey,
    hash_secret_key,
    is_one_of,
)
from edgepass_sidecar.store import SessionStore

# Seconds in which a revoked key may still be taken; without it each call would read the store.
REREAD_EVERY = 2.0


class SecretKeys:
    """Recognises secret keys by their hashes. `timer` is a monotonic clock."""

    def __init__(
        self,
        configured: Mapping[KeyScope, Sequence[str]],
        store: SessionStore,
        timer: Callable[[], float],
    ) -> None:
        self._configured = {
            scope: tuple(hash_secret_key(key) for key in configured.get(scope, ()))
            for scope in KeyScope
        }
        self._store = store
        self._stored: TTLCache[str, tuple[SecretKey, ...]] = TTLCache(
            maxsize=1, ttl=REREAD_EVERY, timer=timer
        )

    async def recognises(self, text: str, scope: KeyScope) -> bool:
        stored = (key.hash for key in await self._load() if key.scope is scope)
        return is_one_of(text, (*self._configured[scope], *stored))

    async def _load(self) -> tuple[SecretKey, ...]:
        keys = self._stored.get("keys")
        if keys is None:
            found = await self._store.load_secret_keys()
            keys = self._stored["keys"] = tuple(key for key in found if key.revoked_at is None)
        return keys


async def create_secret_key(
    store: SessionStore,
    *,
    production: bool,
    clock: Callable[[], float],
    scope: KeyScope = KeyScope.BACKEND,
) -> tuple[SecretKey, str]:
    """Make a key and store its hash. The text is returned here and never again."""
    kind = "sk" if scope is KeyScope.BACKEND else "ek"
    instance = "live" if production else "test"
    text = f"{kind}_{instance}_{secrets.token_hex(SECRET_BYTES)}"
    now = clock()
    key = SecretKey(
        id=f"{kind}_{secrets.token_hex(6)}",
        hash=hash_secret_key(text),
        hint=text[-4:],
        created_at=now,
        scope=scope,
    )
    data = {"secret_key_id": key.id, "scope": scope}
    await store.insert_secret_key(key, (Event(type="secret_key.created", at=now, data=data),))
    return key, text


async def revoke_secret_key(store: SessionStore, key_id: str, clock: Callable[[], float]) -> bool:
    now = clock()
    event = Event(type="secret_key.revoked", at=now, data={"secret_key_id": key_id})
    return await store.revoke_secret_key(key_id, now, (event,))
