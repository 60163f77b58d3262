"""The signing keys as a running sidecar holds them: loaded, opened, published, reloaded."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import orjson

from edgepass_sidecar.event import Event
from edgepass_sidecar.key_material import LocalSigner, make_signing_key, open_signer
from edgepass_sidecar.signing_keys import (
    HURRIED_PUBLISHED_FOR,
    PUBLISHED_FOR,
    SigningKey,
    Stage,
    find_active_key,
    published_keys,
    revoke,
    rotate,
)
from edgepass_sidecar.store import SessionStore, StoreUnavailable

RELOAD_EVERY = HURRIED_PUBLISHED_FOR / 2
_log = logging.getLogger("edgepass.keys")

_STAGE_EVENTS = {Stage.ACTIVE: "key.promoted", Stage.RETIRED: "key.retired"}

Keys = tuple[SigningKey, ...]
Update = tuple[Keys, tuple[Event, ...]]


class NoActiveKey(Exception):
    """There is no key to sign with: all were revoked, or the clock is before the first."""


class KeyKeeper:
    """Holds the signing keys of one store, opened with one master key."""

    def __init__(
        self, store: SessionStore, master_key: bytes, algorithm: str, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._master_key = master_key
        self._algorithm = algorithm
        self._clock = clock
        self._keys: Keys = ()
        self._signers: dict[str, LocalSigner] = {}

    async def open(self) -> None:
        """Load the keys, and make the first one where there is none to sign with.

        Raises `WrongMasterKey` if any of them cannot be opened, because finding
        that out at the next rotation would be too late.
        """
        await self._replace(self._with_a_first_key)

    async def adopt_algorithm(self) -> None:
        """Publish a key of this keeper's algorithm where another is going to sign."""
        await self._replace(self._with_a_key_of_the_algorithm)

    async def reload(self) -> None:
        _, keys = await self._store.load_signing_keys()
        self._signers = {
            key.key_id: self._signers.get(key.key_id) or open_signer(key, self._master_key)
            for key in keys
        }
        self._keys = keys

    async def keep_reloading(self) -> None:
        """Reload for ever, so that a key made elsewhere is published here before it signs."""
        while True:
            await asyncio.sleep(RELOAD_EVERY)
            try:
                await self.record_stages()
            except StoreUnavailable as error:
                _log.warning("signing keys not reloaded: %s", error)
            except Exception:
                # Whatever it is, a sidecar that stopped reloading would go on
                # publishing keys that were revoked.
                _log.exception("signing keys not reloaded")

    async def record_stages(self) -> None:
        """Reload the keys, and say in the log which of them time has promoted or retired."""
        await self._replace(self._with_stages_on_record)

    def signer(self, now: float) -> LocalSigner:
        key = find_active_key(self._keys, now)
        if key is None:
            raise NoActiveKey("no signing key is active: make one with edgepass keys rotate")
        return self._signers[key.key_id]

    def key_set(self, now: float) -> tuple[bytes, str]:
        """Return the published JWK Set and its entity tag."""
        document = {"keys": [key.public_jwk for key in published_keys(self._keys, now)]}
        body = orjson.dumps(document)
        return body, f'"{sha256(body).hexdigest()[:32]}"'

    def published_algorithms(self, now: float) -> list[str]:
        return sorted({key.algorithm for key in published_keys(self._keys, now)})

    def list_keys(self) -> Keys:
        return self._keys

    async def rotate(self, published_for: float) -> SigningKey:
        """Make a key that is published now and signs in `published_for` seconds.

        Where nothing signs yet, nobody can hold an older key set: it signs at once.
        """
        keys = await self._replace(lambda keys: self._with_successor(keys, published_for))
        return keys[-1]

    async def revoke(self, key_id: str) -> bool:
        """Withdraw a key at once; where it was the one that signs, another takes over at once."""
        now = self._clock()
        if all(key.key_id != key_id or key.revoked_at is not None for key in self._keys):
            return False
        event = Event(type="key.revoked", at=now, data={"key_id": key_id})

        def update(keys: Keys) -> Update:
            kept = revoke(keys, key_id, now)
            if find_active_key(kept, now) is not None:
                return kept, (event,)
            replaced, events = self._with_successor(kept, PUBLISHED_FOR)
            return replaced, (event, *events)

        await self._replace(update)
        return True

    def _with_stages_on_record(self, keys: Keys) -> Update | None:
        now = self._clock()
        events = tuple(
            Event(type=_STAGE_EVENTS[stage], at=now, data={"key_id": key.key_id})
            for key in keys
            if (stage := key.stage(now)) is not key.recorded_stage and stage in _STAGE_EVENTS
        )
        if not events:
            return None
        return tuple(replace(key, recorded_stage=key.stage(now)) for key in keys), events

    def _with_a_first_key(self, keys: Keys) -> Update | None:
        if find_active_key(keys, self._clock() + PUBLISHED_FOR) is not None:
            return None
        return self._with_successor(keys, PUBLISHED_FOR)

    def _with_a_key_of_the_algorithm(self, keys: Keys) -> Update | None:
        # The one that will sign once all that is published has taken over: a key
        # that signs today may be on its way out.
        last = find_active_key(keys, self._clock() + PUBLISHED_FOR)
        if last is not None and last.algorithm == self._algorithm:
            return None
        return self._with_successor(keys, PUBLISHED_FOR)

    def _with_successor(self, keys: Keys, published_for: float) -> Update:
        now = self._clock()
        delay = published_for if find_active_key(keys, now) else 0.0
        successor = make_signing_key(
            self._algorithm, self._master_key, created_at=now, active_at=now + delay
        )
        # The public key as well: what it signs is to be verified when it is long gone.
        data = {"key_id": successor.key_id, "public_jwk": successor.public_jwk}
        event = Event(type="key.published", at=now, data=data)
        return rotate(keys, successor, now), (event,)

    async def _replace(self, update: Callable[[Keys], Update | None]) -> Keys:
        """Store what `update` makes of the keys; a lost race asks it again, `None` leaves them."""
        while True:
            version, keys = await self._store.load_signing_keys()
            changed = update(keys)
            if changed is None or await self._store.replace_signing_keys(version, *changed):
                await self.reload()
                return keys if changed is None else changed[0]
