"""The sidecar as an ASGI app: the one place that knows which store is in use."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from time import monotonic, time

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Scope

from edgepass_sidecar.api import backend, frontend, scripts, well_known
from edgepass_sidecar.api.activities import ActivityReader
from edgepass_sidecar.api.addresses import client_address
from edgepass_sidecar.api.answers import (
    AnswerFailures,
    answer_http_exception,
    answer_refused,
    answer_unavailable,
)
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.cookies import Cookies, make_cookies
from edgepass_sidecar.api.cors import Cors
from edgepass_sidecar.api.guard import Guard
from edgepass_sidecar.api.openapi import document_route, make_document
from edgepass_sidecar.api.rate_limits import RateLimits
from edgepass_sidecar.http_claims import HttpClaimsSource
from edgepass_sidecar.locations import Locations
from edgepass_sidecar.master_key import find_master_key
from edgepass_sidecar.service.claims_source import CachedClaims, ClaimsSource
from edgepass_sidecar.service.core import Core, SharedTokens
from edgepass_sidecar.service.key_keeper import KeyKeeper, NoActiveKey
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.secret_keys import SecretKeys
from edgepass_sidecar.service.sweeper import Sweeper
from edgepass_sidecar.service.templates import Templates
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.setting_values import MEMORY
from edgepass_sidecar.settings import Settings, WrongSetting
from edgepass_sidecar.store import SessionStore, StoreUnavailable
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
    claims_source: ClaimsSource | None = None,
) -> Core:
    return Core(
        store=store,
        keys=KeyKeeper(store, find_master_key(settings), settings.algorithm, clock),
        touches=Touches(store),
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
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def _claims_source(
    settings: Settings, clock: Clock, timer: Clock
) -> AsyncIterator[ClaimsSource | None]:
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


def open_locations(settings: Settings) -> Locations | None:
    if settings.locations_file is None:
        return None
    try:
        return Locations.open(settings.locations_file)
    except ValueError as error:
        raise WrongSetting("LOCATIONS", str(error)) from None


def make_app(settings: Settings, clock: Clock = time, timer: Clock = monotonic) -> Starlette:
    """Build the sidecar. Its lifespan opens the store and keeps its background work.

    `timer` is a monotonic clock, for what may only age and is never set back.
    """
    make_hook(settings, clock)  # what is wrong with it is said now and not at the first request
    locations = open_locations(settings)
    activities = ActivityReader(
        trusted=settings.trusted_proxies, locations=locations, captures=settings.captures_devices
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with opened_core(settings, clock, timer) as core, _background(core):
            await core.keys.adopt_algorithm()
            secret_keys = SecretKeys(settings.secret_keys, core.store, timer)
            app.state.context = Context(
                core=core,
                settings=settings,
                secret_keys=secret_keys,
                cookies=cookies,
                activities=activities,
            )
            yield

    cookies = make_cookies(settings.public_url, settings.cookie_domain)
    app = Starlette(
        routes=_routes(settings, cookies),
        middleware=_middleware(settings, timer),
        exception_handlers={
            Refused: answer_refused,
            HTTPException: answer_http_exception,
            StoreUnavailable: answer_unavailable,
            NoActiveKey: answer_unavailable,
        },
        lifespan=lifespan,
    )
    # A redirect would repeat the Host header, which is whatever a client says it is.
    app.router.redirect_slashes = False
    return app


def _routes(settings: Settings, cookies: Cookies) -> list[Route]:
    operations = [*frontend.ROUTES, *backend.ROUTES, *well_known.ROUTES]
    document = partial(
        make_document,
        operations,
        url=settings.public_url,
        cookie_name=cookies.client_token_name,
    )
    return [*operations, *scripts.ROUTES, document_route(document)]


@contextlib.asynccontextmanager
async def _background(core: Core) -> AsyncIterator[None]:
    work = (
        core.keys.keep_reloading(),
        core.touches.keep_writing(),
        Sweeper(core).keep_sweeping(),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _middleware(settings: Settings, timer: Clock) -> list[Middleware]:
    def address_of(scope: Scope) -> str:
        peer = scope["client"][0] if scope.get("client") else ""
        return client_address(peer, Headers(scope=scope), settings.trusted_proxies)

    return [
        Middleware(Guard, is_https=settings.is_https),
        Middleware(Cors, allow_origins=sorted(settings.allowed_origins)),
        Middleware(
            RateLimits,
            address_of=address_of,
            cookie_name=make_cookies(settings.public_url).client_token_name,
            timer=timer,
            scale=1.0 if settings.limits_rates else None,
        ),
        Middleware(AnswerFailures),
    ]
