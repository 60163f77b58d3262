"""The sidecar as an ASGI app."""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic, time

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Scope

from edgepass_sidecar.api import backend, feed, frontend, scripts, well_known
from edgepass_sidecar.api.activities import ActivityReader
from edgepass_sidecar.api.addresses import client_address
from edgepass_sidecar.api.answers import (
    Layered,
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
from edgepass_sidecar.background import kept_in_background, make_sender
from edgepass_sidecar.locations import Locations
from edgepass_sidecar.opening import Clock, make_hook, opened_core
from edgepass_sidecar.secret_key import KeyScope
from edgepass_sidecar.service.key_keeper import NoActiveKey
from edgepass_sidecar.service.policy_record import record_policy
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.secret_keys import SecretKeys
from edgepass_sidecar.settings import Settings, WrongSetting
from edgepass_sidecar.store import StoreUnavailable

_FAILURES = {
    Refused: answer_refused,
    HTTPException: answer_http_exception,
    StoreUnavailable: answer_unavailable,
    NoActiveKey: answer_unavailable,
}


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
    make_sender(settings, clock)
    activities = ActivityReader(
        trusted=settings.trusted_proxies,
        locations=open_locations(settings),
        captures=settings.captures_devices,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            opened_core(settings, clock, timer) as core,
            kept_in_background(core, settings) as live_feed,
        ):
            await core.keys.adopt_algorithm()
            await record_policy(core)
            app.state.context = Context(
                core=core,
                settings=settings,
                secret_keys=SecretKeys(_configured_keys(settings), core.store, timer),
                cookies=cookies,
                activities=activities,
                feed=live_feed,
            )
            yield

    cookies = make_cookies(settings.public_url, settings.cookie_domain)
    app = Layered(
        routes=_routes(settings, cookies),
        middleware=_middleware(settings, timer),
        exception_handlers=_FAILURES,
        lifespan=lifespan,
    )
    # A redirect would repeat the Host header, which is whatever a client says it is.
    app.router.redirect_slashes = False
    return app


def _configured_keys(settings: Settings) -> dict[KeyScope, tuple[str, ...]]:
    return {KeyScope.BACKEND: settings.secret_keys, KeyScope.EDGE: settings.edge_keys}


def _routes(settings: Settings, cookies: Cookies) -> list[Route]:
    operations = [*frontend.ROUTES, *backend.ROUTES, *feed.ROUTES, *well_known.ROUTES]
    document = partial(
        make_document,
        operations,
        url=settings.public_url,
        cookie_name=cookies.client_token_name,
    )
    return [*operations, *scripts.ROUTES, document_route(document)]


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
    ]
