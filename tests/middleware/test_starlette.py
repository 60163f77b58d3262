"""Starlette sees the state as its own: request.user, request.auth, @requires and mounts."""

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from edgepass import EdgepassMiddleware, KeySet
from tests.middleware.calls import bearer, call, http, websocket
from tests.support.issuer import ISSUER, NOW, jwks, mint

SETTINGS = {
    "issuer": ISSUER,
    "keys": KeySet.from_jwks(jwks()),
    "clock": lambda: NOW,
    "public": ["/login"],
}


def whoami(request: Request) -> JSONResponse:
    user = request.user
    return JSONResponse([user.is_authenticated, user.identity, user.display_name])


@requires("authenticated")
def members(request: Request) -> JSONResponse:
    return JSONResponse(list(request.auth.scopes))


@requires(["authenticated", "admin"])
async def admins(request: Request) -> JSONResponse:
    return JSONResponse("admin")


@requires("authenticated")
async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


ROUTES = [
    Route("/login", whoami),
    Route("/whoami", whoami),
    Route("/members", members),
    Route("/admins", admins),
    WebSocketRoute("/live", live),
]


def wrapped(**settings: object):
    return EdgepassMiddleware(Starlette(routes=ROUTES), **{**SETTINGS, **settings})


def with_add_middleware(**settings: object):
    app = Starlette(routes=ROUTES)
    app.add_middleware(EdgepassMiddleware, **{**SETTINGS, **settings})
    return app


def with_a_middleware_list(**settings: object):
    middleware = Middleware(EdgepassMiddleware, **{**SETTINGS, **settings})
    return Starlette(routes=ROUTES, middleware=[middleware])


@pytest.fixture(params=[wrapped, with_add_middleware, with_a_middleware_list])
def make(request: pytest.FixtureRequest):
    return request.param


async def test_request_user_is_the_signed_in_user(make) -> None:
    reply = await http(make(), "/whoami", bearer(mint(name="Zoë")))
    assert reply.body.decode() == '[true,"user_1","Zoë"]'


async def test_request_user_on_a_public_path_is_nobody(make) -> None:
    assert (await http(make(), "/login")).body == b'[false,"",""]'


async def test_without_a_token_no_route_is_reached(make) -> None:
    for path in ("/whoami", "/members", "/nowhere"):
        assert (await http(make(), path)).status == 401


async def test_requires_follows_the_scopes(make) -> None:
    app = make()
    assert (await http(app, "/members", bearer(mint()))).body == b'["authenticated"]'
    assert (await http(app, "/admins", bearer(mint()))).status == 403
    assert (await http(app, "/admins", bearer(mint(scope="read admin")))).status == 200


async def test_requires_guards_where_the_middleware_only_annotates(make) -> None:
    app = make(required=False)
    assert (await http(app, "/whoami")).body == b'[false,"",""]'
    assert (await http(app, "/members")).status == 403
    assert (await http(app, "/members", bearer(mint()))).status == 200


async def test_requires_guards_websockets(make) -> None:
    app = make(required=False)
    accept, _ = await websocket(app, "/live", bearer(mint()))
    assert accept["type"] == "websocket.accept"
    (close,) = await websocket(app, "/live")
    assert close["type"] == "websocket.close"


async def test_lifespan_reaches_the_app(make) -> None:
    events = ({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    sent = await call(make(), {"type": "lifespan", "asgi": {"version": "3.0"}}, *events)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


async def test_a_mounted_app_names_its_public_paths_without_the_mount() -> None:
    guarded = EdgepassMiddleware(Starlette(routes=ROUTES), **SETTINGS)
    app = Starlette(routes=[Route("/whoami", whoami), Mount("/api", guarded)])
    assert (await http(app, "/api/login")).status == 200
    assert (await http(app, "/api/whoami")).status == 401
    assert (await http(app, "/api/whoami", bearer(mint()))).status == 200
    assert (await http(app, "/api/api/login")).status == 401


async def test_a_mount_named_like_a_public_path_opens_nothing() -> None:
    guarded = EdgepassMiddleware(Starlette(routes=ROUTES), **{**SETTINGS, "public": ["/login/*"]})
    app = Starlette(routes=[Mount("/login", guarded)])
    assert (await http(app, "/login/whoami")).status == 401
