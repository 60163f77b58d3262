"""Paths as servers hand them over: ambiguous ones are refused, public ones are the app's own."""

from urllib.parse import unquote

import pytest

from edgepass import EdgepassMiddleware, KeySet
from tests.middleware.calls import REJECTION_EXTENSION, App, bearer, http, websocket
from tests.support.issuer import ISSUER, jwks, mint

KEYS = KeySet.from_jwks(jwks())
PUBLIC = ["/login", "/public/*"]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def guard(app: App, clock) -> EdgepassMiddleware:
    return EdgepassMiddleware(app, issuer=ISSUER, keys=KEYS, public=PUBLIC, clock=clock)


def as_sent(target: bytes) -> dict[str, object]:
    """What uvicorn makes of a request target."""
    return {"path": unquote(target.decode("latin-1")), "raw_path": target}


AMBIGUOUS = [
    b"/public/../admin",
    b"/public/./../admin",
    b"/public/..",
    b"/public/.",
    b"//admin",
    b"/public//admin",
    b"/public/;/../admin",
    b"/admin;x",
    b"/public\\..\\admin",
    b"/public%2f..%2fadmin",
    b"/public/%2e%2e/admin",
    b"/public/%2E./admin",
    b"/public/..%2fadmin",
    b"/public%5c..%5cadmin",
    b"/public%2fadmin",
    b"/login%00",
    b"/login%0d%0a",
    b"/login%0aX",
    b"/login%ff",
    b"/login%c0%af",
    b"/login%3b",
    b"/login%23",
    b"/login%3f",
    b"/public#/admin",
    b"http://evil/admin",
    b"http://evil/login",
    b"login",
    b"*",
    b"",
]


@pytest.mark.parametrize("target", AMBIGUOUS)
async def test_an_ambiguous_path_is_400_with_and_without_a_token(guard, app, target) -> None:
    for headers in ([], bearer(mint())):
        reply = await http(guard, headers=headers, **as_sent(target))
        assert (reply.status, reply.code) == (400, "path_not_canonical")
    assert not app.scopes


@pytest.mark.parametrize("target", AMBIGUOUS)
async def test_an_ambiguous_path_opens_no_websocket(guard, app, target) -> None:
    sent = {**as_sent(target), "headers": bearer(mint())}
    start, _ = await websocket(guard, **sent, extensions=REJECTION_EXTENSION)
    assert start["status"] == 400
    (close,) = await websocket(guard, **sent)
    assert close["type"] == "websocket.close"
    assert not app.scopes


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/login", 200),
        (b"/%6cogin", 200),
        (b"/public/", 200),
        (b"/public/a%20b/c", 200),
        (b"/", 401),
        (b"/admin", 401),
        (b"/%61dmin", 401),
        (b"/LOGIN", 401),
        (b"/login/", 401),
        (b"/login/admin", 401),
        (b"/loginadmin", 401),
        (b"/public", 401),
        (b"/publicadmin", 401),
        (b"/admin/login", 401),
        (b"/admin/public/", 401),
        (b"/.../login", 401),
        (b"/login%20", 401),
        (b"/login.", 401),
        (b"/%6cogin%2520", 401),
    ],
)
async def test_a_canonical_path_is_public_or_needs_a_token(guard, target, status: int) -> None:
    assert (await http(guard, **as_sent(target))).status == status
    assert (await http(guard, headers=bearer(mint()), **as_sent(target))).status == 200


async def test_the_query_has_no_say(guard) -> None:
    assert (await http(guard, "/admin", query_string=b"/login")).status == 401
    assert (await http(guard, "/login", query_string=b"../admin;//")).status == 200


@pytest.mark.parametrize(
    ("root_path", "path", "status"),
    [
        ("/api", "/api/login", 200),
        ("/api", "/api/public/x", 200),
        ("/api", "/api/admin", 401),
        ("/api", "/api", 401),
        ("/api", "/apilogin", 401),
        ("/api", "/api/api/login", 401),
        ("/public", "/public/admin", 401),
        ("/public", "/public/login", 200),
        ("/login", "/login", 401),
        ("/a/b", "/a/b/login", 200),
        ("/a/b", "/a/login", 401),
    ],
)
async def test_a_mounted_app_is_judged_by_its_own_paths(guard, root_path, path, status) -> None:
    assert (await http(guard, path, root_path=root_path)).status == status


async def test_a_path_is_judged_anew_for_every_mount(guard) -> None:
    for _ in range(2):
        assert (await http(guard, "/public/admin")).status == 200
        assert (await http(guard, "/public/admin", root_path="/public")).status == 401


async def test_public_paths_from_an_iterator_stay_public(app, clock) -> None:
    guard = EdgepassMiddleware(app, issuer=ISSUER, keys=KEYS, public=iter(PUBLIC), clock=clock)
    for _ in range(2):
        assert (await http(guard, "/login")).status == 200
