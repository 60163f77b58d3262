"""What reaches the app for paths and fields that parsers read differently, over real sockets."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.apps import GuardedApp
from tests.support.processes import Sidecar

WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
OPEN, CLOSED, REFUSED = "open", "closed", "refused"

# Each row: the request target, and what it gets from h11 and from httptools.
# `/public` is public; refused is 400, closed is what a request without a token gets.
TARGETS = [
    (b"/public", OPEN, OPEN),
    (b"/public?next=/admin", OPEN, OPEN),
    (b"/admin", CLOSED, CLOSED),
    (b"/admin?/public", CLOSED, CLOSED),
    (b"/public/", CLOSED, CLOSED),
    (b"/publi", CLOSED, CLOSED),
    (b"/Public", CLOSED, CLOSED),
    (b"/%61dmin", CLOSED, CLOSED),
    (b"/%70ublic", OPEN, OPEN),
    (b"/public/../admin", REFUSED, REFUSED),
    (b"/public/./admin", REFUSED, REFUSED),
    (b"//admin", REFUSED, REFUSED),
    (b"//public", REFUSED, REFUSED),
    (b"/admin/.", REFUSED, REFUSED),
    (b"/admin/..", REFUSED, REFUSED),
    (b"/admin;x", REFUSED, REFUSED),
    (b"/public;/../admin", REFUSED, REFUSED),
    (b"/public\\..\\admin", REFUSED, REFUSED),
    (b"/public%2f..%2fadmin", REFUSED, REFUSED),
    (b"/public%5c..%5cadmin", REFUSED, REFUSED),
    (b"/public%2F", REFUSED, REFUSED),
    (b"/public%00", REFUSED, REFUSED),
    (b"/public%0d%0aX:y", REFUSED, REFUSED),
    (b"/public%ff", REFUSED, REFUSED),
    (b"/public%3b", REFUSED, REFUSED),
    (b"/public%23", REFUSED, REFUSED),
    (b"/public%3f/admin", REFUSED, REFUSED),
    # One parser leaves the authority in the path, the other drops it.
    (b"http://evil.example/admin", REFUSED, CLOSED),
    (b"http://evil.example/public", REFUSED, OPEN),
    # One leaves a fragment in the path, the other drops it.
    (b"/public#/admin", REFUSED, OPEN),
    (b"/admin#/public", REFUSED, CLOSED),
]


@dataclass(frozen=True)
class Server:
    parser: str
    app: GuardedApp

    async def status(self, target: bytes, fields: bytes = b"") -> int:
        """Send one request as raw bytes and return the answer's status."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.app.port)
        writer.write(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n")
        first = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        await writer.wait_closed()
        return int(first.split(b" ")[1])


@pytest.fixture(scope="module", params=["h11", "httptools"])
def server(request: pytest.FixtureRequest, sidecar: Sidecar) -> Iterator[Server]:
    options = ("--http", request.param, "--ws", "wsproto")
    with GuardedApp(sidecar.directory, sidecar.url, *options) as app:
        yield Server(request.param, app)


@pytest.fixture(scope="module")
def mounted(sidecar: Sidecar) -> Iterator[Server]:
    with GuardedApp(sidecar.directory, sidecar.url, "--root-path", "/api") as app:
        yield Server("default", app)


@pytest.mark.parametrize(("target", "by_h11", "by_httptools"), TARGETS)
async def test_an_http_request_gets_what_its_path_means_to_everyone(
    server: Server, target: bytes, by_h11: str, by_httptools: str
) -> None:
    expected = by_h11 if server.parser == "h11" else by_httptools
    status = await server.status(target)
    assert status == {OPEN: 200, CLOSED: 401, REFUSED: 400}[expected]


@pytest.mark.parametrize(("target", "expected"), [row[:2] for row in TARGETS])
async def test_so_does_a_websocket_handshake(server: Server, target: bytes, expected: str) -> None:
    # Whatever parsed the request before, wsproto reads the handshake anew, with h11.
    status = await server.status(target, WEBSOCKET)
    assert status == {OPEN: 101, CLOSED: 401, REFUSED: 400}[expected]


async def test_under_a_root_path_public_paths_are_those_of_the_app(mounted: Server) -> None:
    assert await mounted.status(b"/public") == 200
    assert await mounted.status(b"/admin") == 401
    assert await mounted.status(b"/api/public") == 401


@pytest.fixture(scope="module")
def token(sidecar: Sidecar) -> bytes:
    browser = sidecar.browser()
    return browser.token(browser.sign_in("ada")).encode("ascii")


async def test_a_token_opens_what_is_closed(server: Server, token: bytes) -> None:
    assert await server.status(b"/admin", b"Authorization: Bearer " + token + b"\r\n") == 200
    assert await server.status(b"/admin", b"Cookie: __session=" + token + b"\r\n") == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Authorization: Bearer {}\r\nAuthorization: Bearer {}\r\n", 400),
        (b"Authorization: Bearer\t{}\r\n", 400),
        (b"Authorization: Bearer\r\n", 400),
        (b"Authorization: bEARER    {}\r\n", 200),
        (b"Authorization: Basic eA==\r\nCookie: __session={}\r\n", 200),
        (b"Authorization: Bearer x\r\nCookie: __session={}\r\n", 401),
        (b"Cookie: __session={}; __session={}\r\n", 400),
        (b"Cookie: __session={}\r\nCookie: __session={}\r\n", 400),
        (b"Cookie: a=b\r\nCookie: __session={}\r\n", 200),
        (b"X-Original-Uri: /public\r\nX-Forwarded-Uri: /public\r\n", 401),
        (b"X-Middleware-Subrequest: 1\r\nX-Edgepass-User: ada\r\n", 401),
    ],
)
async def test_fields_are_read_in_one_way(
    server: Server, token: bytes, fields: bytes, status: int
) -> None:
    assert await server.status(b"/admin", fields.replace(b"{}", token)) == status
