"""From settings to an opened core: the one place that knows which store is in use."""

import contextlib
from collections.abc import AsyncIterator, Callable
from time import monotonic, time

from edgepass_sidecar.http_claims import HttpClaimsSource
from edgepass_sidecar.master_key import find_master_key
from edgepass_sidecar.service.claims_source import CachedClaims
from edgepass_sidecar.service.core import Core, SharedTokens
from edgepass_sidecar.service.key_keeper import KeyKeeper
from edgepass_sidecar.service.minted import Minted
from edgepass_sidecar.service.templates import Templates
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.setting_values import MEMORY
from edgepass_sidecar.settings import Settings, WrongSetting
from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.stores.memory import MemoryStore
from edgepass_sidecar.stores.sqlite import SqliteStore

Clock = Callable[[], float]


def make_store(settings: Settings, *, create: bool = True) -> SessionStore:
    """Return the store that the settings name, not yet opened; `create` lets it be a new one."""
    if settings.store == MEMORY:
        return MemoryStore()
    return SqliteStore(settings.sqlite_path, create=create)


def make_core(
    settings: Settings,
    store: SessionStore,
    clock: Clock = time,
    timer: Clock = monotonic,
    claims_source: CachedClaims | None = None,
) -> Core:
    return Core(
        store=store,
        keys=KeyKeeper(store, find_master_key(settings), settings.algorithm, clock),
        touches=Touches(store),
        minted=Minted(store, logs=settings.logs_tokens),
        shared_tokens=SharedTokens(timer),
        templates=Templates(store, timer),
        claims_source=claims_source,
        custom_claims=settings.session_claims,
        issuer=settings.public_url,
        policy=settings.policy,
        token_lifetime=settings.token_lifetime,
        clock=clock,
    )


@contextlib.asynccontextmanager
async def opened_core(
    settings: Settings, clock: Clock = time, timer: Clock = monotonic, *, create: bool = True
) -> AsyncIterator[Core]:
    """Open the store and the signing keys for as long as the context lasts.

    Without `create` neither is made, and a store that is not there is `StoreUnavailable`.
    """
    store = make_store(settings, create=create)
    await store.open()
    try:
        async with _claims_source(settings, clock, timer) as source:
            core = make_core(settings, store, clock, timer, source)
            await (core.keys.open() if create else core.keys.reload())
            yield core
            await core.touches.write()
            await core.minted.write()
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def _claims_source(
    settings: Settings, clock: Clock, timer: Clock
) -> AsyncIterator[CachedClaims | None]:
    hook = make_hook(settings, clock)
    if hook is None:
        yield None
        return
    cached = CachedClaims(hook, timer)
    try:
        yield cached
    finally:
        await cached.close()
        await hook.close()


def make_hook(settings: Settings, clock: Clock) -> HttpClaimsSource | None:
    if settings.claims_url is None:
        return None
    try:
        return HttpClaimsSource(settings.claims_url, settings.claims_secrets, clock=clock)
    except ValueError as error:
        raise WrongSetting("CLAIMS_URL", f"or EDGEPASS_CLAIMS_SECRET: {error}") from None
