"""Requests that a foreign page can make a browser send, with its cookies: all are refused.

Method by Origin by Sec-Fetch-Site by Content-Type, over the frontend API. Each row
is held against everything that is stored, before and after.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from edgepass_sidecar.api import frontend
from edgepass_sidecar.client_token import find_client_token
from edgepass_sidecar.identifier import TicketId
from edgepass_sidecar.store import SessionQuery
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    Browser,
    Sidecar,
    error_code,
    without_secrets,
)

EVIL = "https://evil.example"
FORM = "application/x-www-form-urlencoded"
TARGETS = [
    ("GET", "/v1/client"),
    ("POST", "/v1/client"),
    ("PUT", "/v1/client"),
    ("DELETE", "/v1/client"),
    ("PATCH", "/v1/environment"),
    ("POST", "/v1/client/sign_ins"),
    ("POST", "/v1/client/sessions/{session_id}/tokens"),
    ("POST", "/v1/client/sessions/{session_id}/touch"),
    ("POST", "/v1/client/sessions/{session_id}/end"),
    ("POST", "/v1/client/sessions/{session_id}/remove"),
    ("DELETE", "/v1/client/sessions"),
    ("POST", "/v1/client/sessions/{session_id}/tokens/{template}"),
    ("POST", "/v1/me/sessions/{session_id}/revoke"),
    ("POST", "/v1/me/sessions/revoke_others"),
    ("GET", "/v1/me/sessions"),
    ("GET", "/v1/me/sessions/active"),
]
Fields = list[tuple[str, str | bytes]]


def fields(
    *origins: str | bytes, site: str | None = None, referer: str | None = None, kind: str = FORM
) -> Fields:
    found: Fields = [("origin", origin) for origin in origins]
    if site is not None:
        found.append(("sec-fetch-site", site))
    if referer is not None:
        found.append(("referer", referer))
    return [*found, ("content-type", kind)]


# Why it is refused, and what the browser sent.
FOREIGN = [
    ("another site", fields(EVIL, site="cross-site")),
    ("another site, as text", fields(EVIL, site="cross-site", kind="text/plain")),
    ("another site, as JSON", fields(EVIL, site="cross-site", kind="application/json")),
    ("another site, as a multipart form", fields(EVIL, kind="multipart/form-data; boundary=a")),
    ("another site that says it is the same", fields(EVIL, site="same-origin")),
    ("another site with the app's referer", fields(EVIL, referer=f"{APP_ORIGIN}/")),
    ("a sandboxed frame", fields("null", site="cross-site")),
    ("a sandboxed frame of our own", fields("null", site="same-origin")),
    ("no-referrer makes it null", fields("null", referer=f"{APP_ORIGIN}/")),
    ("null in capitals", fields("NULL")),
    ("an empty origin", fields("")),
    ("an empty origin from here", fields("", site="same-origin", referer=f"{PUBLIC_URL}/")),
    ("a sibling subdomain", fields("https://other.example.com", site="same-site")),
    ("the parent domain", fields("https://example.com", site="same-site")),
    ("a subdomain of the app", fields("https://x.app.example.com", site="same-site")),
    ("our own host on plain http", fields("http://auth.example.com", site="same-site")),
    ("our own host on another port", fields("https://auth.example.com:8443", site="same-site")),
    ("our own name in front", fields("https://auth.example.com.evil.example")),
    ("a dot at the end", fields("https://app.example.com.")),
    ("the default port written out", fields("https://app.example.com:443")),
    ("an empty port", fields("https://app.example.com:")),
    ("the scheme in capitals", fields("HTTPS://app.example.com")),
    ("another scheme", fields("wss://app.example.com")),
    ("no scheme", fields("app.example.com")),
    ("no slashes", fields("https:app.example.com")),
    ("a path", fields("https://app.example.com/x")),
    ("a query", fields("https://app.example.com?x")),
    ("a fragment", fields("https://app.example.com#")),
    ("the app as a user", fields("https://app.example.com@evil.example")),
    ("the app before a backslash", fields("https://app.example.com\\.evil.example")),
    ("the app before an encoded slash", fields("https://app.example.com%2f.evil.example")),
    ("ideographic dots", fields("https://app\u3002example\u3002com".encode())),
    ("full-width letters", fields("https://\uff41pp.example.com".encode())),
    ("a letter less", fields("https://app.example.co")),
    ("any origin", fields("*")),
    ("a file", fields("file://")),
    ("an extension", fields("chrome-extension://abcdefghijklmnop")),
    ("two in one field", fields(f"{APP_ORIGIN}, {EVIL}")),
    ("two in one field by spaces", fields(f"{APP_ORIGIN} {EVIL}")),
    ("two in one field, both the app's", fields(f"{APP_ORIGIN}, {APP_ORIGIN}")),
    ("two fields, the app's first", fields(APP_ORIGIN, EVIL)),
    ("two fields, the app's last", fields(EVIL, APP_ORIGIN)),
    ("two fields, both the app's", fields(APP_ORIGIN, APP_ORIGIN)),
    ("two fields, one of them null", fields(APP_ORIGIN, "null")),
    ("two fields, one of them empty", fields("", APP_ORIGIN)),
    ("no origin", fields()),
    ("no origin, as text", fields(kind="text/plain")),
    ("no origin, from another site", fields(site="cross-site")),
    ("no origin, from a sibling", fields(site="same-site")),
    ("no origin, typed by the user", fields(site="none")),
    ("no origin, and a site in capitals", fields(site="SAME-ORIGIN")),
    ("no origin, and two sites in one field", fields(site="same-origin, cross-site")),
    ("no origin, and an empty site", fields(site="")),
    ("no origin, another site's referer", fields(site="cross-site", referer=f"{EVIL}/")),
    ("a referer against the site", fields(site="same-origin", referer=f"{EVIL}/")),
    ("the app as the referer's user", fields(referer="https://app.example.com@evil.example/")),
    ("the app in the referer's path", fields(referer=f"{EVIL}/{APP_ORIGIN}/")),
    ("the app in the referer's query", fields(referer=f"{EVIL}?{APP_ORIGIN}")),
    ("the app's name longer", fields(referer="https://app.example.com.evil.example/")),
    ("the referer's backslash", fields(referer="https://app.example.com\\@evil.example/")),
    ("the referer's port", fields(referer="https://app.example.com:8443/")),
    ("an empty referer", fields(referer="", site="same-origin")),
    ("a referer that is no URL", fields(referer="about:blank", site="same-origin")),
]


@dataclass
class Victim:
    """A browser with two sessions and the session and ticket that somebody else is after."""

    sidecar: Sidecar
    browser: Browser
    session_id: str
    ticket_id: str
    ticket: str

    async def send(self, method: str, path: str, sent: Fields, **options: Any) -> httpx.Response:
        """Send what a page made the browser send: with its cookie, and the ticket as its body."""
        cookie = ("cookie", f"{self.browser.cookie_name}={self.browser.token}")
        if method == "POST" and "content" not in options:
            options["content"] = self.body(dict(sent)["content-type"])
        answer = await self.sidecar.http.request(
            method,
            path.format(session_id=self.session_id, template="named"),
            headers=[*sent, cookie],
            **options,
        )
        return without_secrets(answer)

    def body(self, kind: str | bytes) -> str:
        if kind == "application/json":
            return f'{{"strategy":"ticket","ticket":"{self.ticket}"}}'
        return f"strategy=ticket&ticket={self.ticket}"

    async def stored(self) -> tuple[object, ...]:
        """Return all that a request could change: the client's version is in it."""
        store, now = self.sidecar.core.store, self.sidecar.core.clock()
        token = find_client_token(self.browser.token or "")
        assert token is not None
        return (
            await store.load_client(token.client_id),
            (await store.list_sessions(SessionQuery(limit=500), now)).items,
            await store.load_ticket(TicketId(self.ticket_id)),
            await store.list_events(0, 10_000),
        )

    async def stored_and_waiting(self) -> tuple[object, ...]:
        """Return what is stored, and the activity of sessions that is about to be."""
        return (*await self.stored(), dict(self.sidecar.core.touches._waiting))


@pytest.fixture
async def victim(sidecar: Sidecar, clock: Clock) -> Victim:
    browser = sidecar.browser()
    await browser.sign_in("user_1")
    session_id = await browser.sign_in("user_2")
    clock.advance(120)  # long enough for activity to be news
    ticket_id, ticket = await sidecar.server.ticket("attacker")
    return Victim(sidecar, browser, session_id, ticket_id, ticket)


def test_every_route_that_changes_something_is_in_the_matrix() -> None:
    changing = {
        (method, route.path)
        for route in frontend.ROUTES
        for method in route.methods or ()
        if method not in ("GET", "HEAD")
    }
    assert changing <= set(TARGETS)
    assert len({why for why, _ in FOREIGN}) * len(TARGETS) > 400


@pytest.mark.parametrize(("why", "sent"), FOREIGN, ids=[why for why, _ in FOREIGN])
async def test_what_a_foreign_page_sends_is_refused_before_anything_changes(
    victim: Victim, why: str, sent: Fields
) -> None:
    before = await victim.stored_and_waiting()
    names_an_origin = {"origin", "referer"} & {name for name, _ in sent}
    code = "origin_invalid" if names_an_origin else "origin_missing"
    for method, path in TARGETS:
        answer = await victim.send(method, path, sent)
        assert (answer.status_code, error_code(answer)) == (403, code), (why, method, path)
        assert "set-cookie" not in answer.headers
        assert await victim.stored_and_waiting() == before, (why, method, path)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/v1/client/sign_ins", lambda before, after: before[2] != after[2]),
        ("/v1/client/sessions/{session_id}/tokens", lambda before, after: before[4] != after[4]),
        ("/v1/client/sessions/{session_id}/touch", lambda before, after: before[0] != after[0]),
        ("/v1/client/sessions/{session_id}/end", lambda before, after: before[1] != after[1]),
        ("/v1/client/sessions/{session_id}/remove", lambda before, after: before[3] != after[3]),
    ],
)
async def test_the_same_request_from_the_app_does_change_it(
    victim: Victim, path: str, change: Callable[[Any, Any], bool]
) -> None:
    before = await victim.stored_and_waiting()
    answer = await victim.send("POST", path, fields(APP_ORIGIN, site="same-site"))
    assert answer.status_code == 200
    assert change(before, await victim.stored_and_waiting())


async def test_signing_out_from_the_app_does_change_it(victim: Victim) -> None:
    before = await victim.stored()
    answer = await victim.send("DELETE", "/v1/client/sessions", fields(APP_ORIGIN))
    assert answer.status_code == 200
    after = await victim.stored()
    assert all(one != other for one, other in zip(before[:2], after[:2], strict=True))


OVERRIDES = [
    ("", {}),
    ("?_method=POST", {}),
    ("?_method=DELETE", {}),
    ("?_method=delete&_method=POST", {}),
    ("", {"x-http-method-override": "DELETE"}),
    ("", {"x-http-method": "POST"}),
    ("", {"x-method-override": "DELETE"}),
]


@pytest.mark.parametrize(("query", "headers"), OVERRIDES)
@pytest.mark.parametrize("path", sorted({path for _, path in TARGETS}))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_get_changes_nothing_whatever_method_it_claims(
    victim: Victim, method: str, path: str, query: str, headers: dict[str, str]
) -> None:
    before = await victim.stored()
    sent = [*fields(APP_ORIGIN, site="same-site"), *headers.items()]
    body = f"_method=DELETE&strategy=ticket&ticket={victim.ticket}"
    answer = await victim.send(method, path + query, sent, content=body)
    readable = {path for method, path in TARGETS if method == "GET"} | {"/v1/environment"}
    assert answer.status_code == (200 if path in readable else 405)
    # What a page may know all the same, and no credential: when the client last changed.
    cookies = answer.headers.get_list("set-cookie")
    assert all(cookie.startswith("__client_uat") for cookie in cookies)
    assert await victim.stored() == before


@pytest.mark.parametrize("path", ["/v1/client", "/v1/client/sessions"])
@pytest.mark.parametrize("query", ["?_method=DELETE", "?_method=PUT", "?_method=POST"])
@pytest.mark.parametrize("sent", [fields(EVIL, site="cross-site"), fields("null"), fields()])
async def test_a_form_that_claims_another_method_is_no_way_around(
    victim: Victim, path: str, query: str, sent: Fields
) -> None:
    before = await victim.stored_and_waiting()
    answer = await victim.send("POST", path + query, sent, content="_method=DELETE")
    assert answer.status_code in (403, 405)
    assert "set-cookie" not in answer.headers
    assert await victim.stored_and_waiting() == before


# What a form or a beacon can send without a preflight, and what only looks like JSON.
KINDS = [
    "text/plain",
    "text/plain;charset=UTF-8",
    "text/plain; application/json",
    "TEXT/PLAIN",
    "multipart/form-data; boundary=a",
    "multipart/form-data",
    "multipart/mixed; boundary=a",
    "text/json",
    "text/html",
    "application/jsonp",
    "application/json, text/plain",
    "application/csp-report",
    "application/octet-stream",
    "application/x-www-form-urlencoded, text/plain",
    "",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body_of", ["application/json", FORM])
async def test_a_body_of_another_type_is_not_read_even_from_the_app(
    victim: Victim, kind: str, body_of: str
) -> None:
    before = await victim.stored_and_waiting()
    sent = fields(APP_ORIGIN, site="same-site", kind=kind)
    answer = await victim.send("POST", "/v1/client/sign_ins", sent, content=victim.body(body_of))
    assert (answer.status_code, error_code(answer)) == (415, "unsupported_content_type")
    assert await victim.stored_and_waiting() == before


@pytest.mark.parametrize("origin", [EVIL, "null", "https://app.example.com."])
@pytest.mark.parametrize(("method", "path"), TARGETS)
async def test_a_refusal_and_a_preflight_grant_a_foreign_page_nothing(
    victim: Victim, method: str, path: str, origin: str
) -> None:
    before = await victim.stored_and_waiting()
    refused = await victim.send(method, path, fields(origin))
    asked = [("access-control-request-method", method), *fields(origin)]
    preflight = await victim.send("OPTIONS", path, asked)
    assert preflight.status_code == 400
    for answer in (refused, preflight):
        assert "access-control-allow-origin" not in answer.headers
    assert await victim.stored_and_waiting() == before
