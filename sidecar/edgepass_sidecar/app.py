"""The sidecar as an ASGI app: the one place that knows which store is in use."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from time import monotonic, time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from edgepass_sidecar.api import backend, frontend, scripts, well_known
from edgepass_sidecar.api.answers import (
    AnswerFailures,
    answer_http_exception,
    answer_refused,
    answer_unavailable,
)
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.guard import Guard
from edgepass_sidecar.master_key import find_master_key
from edgepass_sidecar.service.core import Core, SharedTokens
from edgepass_sidecar.service.key_keeper import KeyKeeper, NoActiveKey
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.secret_keys import SecretKeys
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.settings import MEMORY, Settings
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
    settings: Settings, store: SessionStore, clock: Clock = time, timer: Clock = monotonic
) -> Core:
    return Core(
        store=store,
        keys=KeyKeeper(store, find_master_key(settings), settings.algorithm, clock),
        touches=Touches(store),
        shared_tokens=SharedTokens(timer),
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
        core = make_core(settings, store, clock, timer)
        await (core.keys.open() if create else core.keys.reload())
        yield core
        await core.touches.write()
    finally:
        await store.close()


def make_app(settings: Settings, clock: Clock = time, timer: Clock = monotonic) -> Starlette:
    """Build the sidecar. Its lifespan opens the store and keeps its background work.

    `timer` is a monotonic clock, for what may only age and is never set back.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with opened_core(settings, clock, timer) as core, _background(core):
            await core.keys.adopt_algorithm()
            secret_keys = SecretKeys(settings.secret_keys, core.store, timer)
            app.state.context = Context(core=core, settings=settings, secret_keys=secret_keys)
            yield

    app = Starlette(
        routes=[*frontend.ROUTES, *backend.ROUTES, *well_known.ROUTES, *scripts.ROUTES],
        middleware=_middleware(settings),
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


@contextlib.asynccontextmanager
async def _background(core: Core) -> AsyncIterator[None]:
    work = (core.keys.keep_reloading(), core.touches.keep_writing())
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _middleware(settings: Settings) -> list[Middleware]:
    return [
        Middleware(Guard, is_https=settings.is_https),
        Middleware(
            CORSMiddleware,
            allow_origins=sorted(settings.allowed_origins),
            allow_credentials=True,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["content-type"],
            expose_headers=["retry-after"],
        ),
        Middleware(AnswerFailures),
    ]
