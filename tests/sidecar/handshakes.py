"""A page that the app sends to the sidecar and back, and what the app's server finds there."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.sidecar import APP_ORIGIN, Browser, Server, succeeded

NONCE = "__clerk_handshake_nonce"
HANDSHAKE = "/v1/client/handshake"
PAGE = f"{APP_ORIGIN}/page"
REFRESH_TOKEN = r"key_\w{24}\.[\w-]{80,}\.client_"


@dataclass(frozen=True, slots=True)
class Directive:
    """One cookie as the app's server is told to set it."""

    value: str
    attributes: frozenset[str]

    @property
    def deletes(self) -> bool:
        return self.value == "" and "Max-Age=0" in self.attributes


async def visit(
    browser: Browser, url: str = PAGE, path: str = HANDSHAKE, method: str = "GET", **query: str
) -> httpx.Response:
    """Come from the app's page, as a browser does: without an Origin."""
    headers = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    browser.origin = None
    params = {"redirect_url": url, "suffixed_cookies": "false", "format": "nonce", **query}
    return await browser.send(method, path, params=params, headers=headers)


def nonce_in_url(answer: httpx.Response) -> str:
    assert answer.status_code == 307, answer.text
    (nonce,) = parse_qs(urlsplit(answer.headers["location"]).query)[NONCE]
    return nonce


def nonce_in_cookie(answer: httpx.Response) -> str:
    assert answer.status_code == 307, answer.text
    assert NONCE not in answer.headers["location"]
    (cookie,) = answer.headers.get_list("set-cookie")
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == NONCE
    return value


async def payload(server: Server, nonce: str) -> dict[str, Directive]:
    """Return what waits under a nonce, by the names of the cookies."""
    content = succeeded(await server.get("/v1/clients/handshake_payload", nonce=nonce))
    return parse_directives(content["directives"])


def parse_directives(lines: list[str]) -> dict[str, Directive]:
    found = {}
    for line in lines:
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        assert name not in found
        found[name] = Directive(value, frozenset(attributes))
    return found


async def handshake(browser: Browser, url: str = PAGE, **query: str) -> dict[str, Directive]:
    """Go the whole way, where the nonce is in the URL."""
    return await payload(browser.server, nonce_in_url(await visit(browser, url, **query)))
