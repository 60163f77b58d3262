"""The handshake: who comes from where is sent back where, with what, how often and how long."""

import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key
from edgepass_sidecar.service.sweeper import Sweeper
from edgepass_sidecar.stores.memory import MemoryStore
from tests.conftest import Clock
from tests.sidecar.handshakes import (
    HANDSHAKE,
    NONCE,
    PAGE,
    REFRESH_TOKEN,
    Directive,
    handshake,
    nonce_in_cookie,
    nonce_in_url,
    payload,
    visit,
)
from tests.support.issuer import NOW
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    SECRETS,
    Browser,
    Server,
    Sidecar,
    claims_of,
    error_code,
    make_settings,
    run_sidecar,
)

KEY = find_publishable_key(PUBLIC_URL, production=True)
assert KEY
SUFFIX = cookie_suffix(KEY)
SYNC = "/v1/client/sync"
BOTH = pytest.mark.parametrize("path", [HANDSHAKE, SYNC])
NOTHING = {"__session_of_no_handshake": Directive("none", frozenset({"Path=/", "Max-Age=0"}))}


@pytest.fixture
async def sharing(clock: Clock) -> AsyncIterator[Sidecar]:
    """Run a sidecar that shares its parent domain with the app."""
    origins = f"{APP_ORIGIN},https://app.elsewhere.test,http://plain.example.com"
    settings = make_settings(COOKIE_DOMAIN="example.com", ALLOWED_ORIGINS=origins)
    async with run_sidecar(clock, settings) as running:
        yield running


def number_of_notes(sidecar: Sidecar) -> int:
    store = sidecar.core.store
    assert isinstance(store, MemoryStore)
    return len(store._notes)


# What it says


async def test_who_is_signed_in_goes_back_with_a_session(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    found = await handshake(browser)
    claims = claims_of(found["__session"].value)
    assert (claims["sid"], claims["azp"], claims["iss"]) == (session, APP_ORIGIN, PUBLIC_URL)
    assert set(found) == {
        "__session",
        f"__refresh_{SUFFIX}",
        "__client_uat",
        f"__client_uat_{SUFFIX}",
    }
    assert found["__client_uat"].value == found[f"__client_uat_{SUFFIX}"].value == str(NOW)


@pytest.mark.parametrize("token", [None, "", "garbage", f"client_{'A' * 25}.{'0' * 64}"])
async def test_who_is_not_goes_back_with_none_left(browser: Browser, token: str | None) -> None:
    found = await handshake(browser.with_token(token))
    names = {"__session", f"__session_{SUFFIX}", f"__refresh_{SUFFIX}"}
    assert {name for name, directive in found.items() if directive.deletes} == names
    assert {found[name].value for name in found.keys() - names} == {"0"}
    assert found.keys() - names == {"__client_uat", f"__client_uat_{SUFFIX}"}


@pytest.mark.parametrize("end", ["revoke", "sign out", "ban"])
async def test_a_session_that_was_ended_is_none(browser: Browser, end: str) -> None:
    session = await browser.sign_in()
    if end == "revoke":
        await browser.server.revoke(session)
    elif end == "ban":
        await browser.server.post("/v1/users/user_1/ban")
    else:
        await browser.sign_out()
    assert (await handshake(browser))["__session"].deletes


@pytest.mark.parametrize(("seconds", "is_live"), [(-0.5, True), (0, False), (0.5, False)])
async def test_a_session_counts_to_the_end_of_its_time(
    browser: Browser, clock: Clock, seconds: float, is_live: bool
) -> None:
    await browser.sign_in()
    clock.advance(7 * 86_400 + seconds)
    assert (await handshake(browser))["__session"].deletes is not is_live


async def test_it_is_of_the_active_session(browser: Browser, clock: Clock) -> None:
    first = await browser.sign_in("user_1")
    await browser.sign_in("user_2")
    await browser.act(first, "touch")
    assert claims_of((await handshake(browser))["__session"].value)["sid"] == first


async def test_suffixed_cookies_are_set_where_they_are_asked_for(browser: Browser) -> None:
    await browser.sign_in()
    found = await handshake(browser, suffixed_cookies="true")
    assert found[f"__session_{SUFFIX}"] == found["__session"]


@pytest.mark.parametrize("seconds", [0.0, 0.9, 1.0, 100.5, -5.0])
async def test_no_token_is_from_before_the_clients_last_change(
    browser: Browser, clock: Clock, seconds: float
) -> None:
    # A negative one is another sidecar's clock, which is ahead of this one's.
    clock.advance(60)
    await browser.sign_in()
    clock.advance(seconds)
    found = await handshake(browser)
    changed_at = int(found["__client_uat"].value)
    assert claims_of(found["__session"].value)["iat"] >= changed_at
    assert changed_at == NOW + 60 + min(seconds, 0)


async def test_the_authorized_party_is_the_origin_of_the_page(clock: Clock) -> None:
    origins = "https://app.example.com:8443,http://127.0.0.1:3000"
    async with run_sidecar(clock, make_settings(ALLOWED_ORIGINS=f"{origins},{APP_ORIGIN}")) as run:
        browser = run.browser()
        await browser.sign_in()
        for url, party in [
            ("HTTPS://App.Example.com:8443/a", "https://app.example.com:8443"),
            ("https://app.example.com:443?a=b", APP_ORIGIN),
            ("http://127.0.0.1:3000/#a", "http://127.0.0.1:3000"),
            (f"{PUBLIC_URL}/", PUBLIC_URL),
        ]:
            browser.origin = None
            answer = await visit(browser, url)
            cookies = answer.headers.get_list("set-cookie")
            nonce = nonce_in_cookie(answer) if cookies else nonce_in_url(answer)
            found = await payload(run.server, nonce)
            assert claims_of(found["__session"].value)["azp"] == party


# Where it leads


@BOTH
@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://evil.example/", 403),
        ("https://app.example.com.evil.example/", 403),
        ("http://app.example.com/", 403),
        ("//evil.example/", 422),
        ("https://app.example.com@evil.example/", 422),
        ("https://evil.example\\@app.example.com/", 422),
        ("javascript:alert(1)", 422),
        ("https://app.example.com/\r\nset-cookie: a=b", 422),
        ("", 422),
        (f"{APP_ORIGIN}/{'a' * 2048}", 422),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_no_way_leads_elsewhere(
    sidecar: Sidecar, browser: Browser, path: str, url: str, status: int, method: str
) -> None:
    await browser.sign_in()
    answer = await visit(browser, url, path, method)
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert number_of_notes(sidecar) == 0


@BOTH
async def test_a_parameter_that_comes_twice_or_not_at_all_is_refused(
    browser: Browser, path: str
) -> None:
    browser.origin = None
    for query in (
        "",
        f"redirect_url={PAGE}&redirect_url=https://evil.example/",
        f"redirect_url={PAGE}&redirect_url={PAGE}",
        f"redirect_url={PAGE}&format=nonce&format=token",
        f"redirect_url={PAGE}&suffixed_cookies=maybe",
    ):
        answer = await browser.send("GET", f"{path}?{query}")
        assert answer.status_code == 422
        assert error_code(answer).startswith("form_param_")


async def test_no_token_is_put_into_a_url_even_if_it_is_asked_for(browser: Browser) -> None:
    await browser.sign_in()
    answer = await visit(browser, format="token")
    assert (answer.status_code, error_code(answer)) == (422, "handshake_format_invalid")


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "#a",
        "#?a=b",
        "?a=b&a=c&a",
        "?a=%2F+%20&b=%26#c?d",
        "?next=https://evil.example/?x#y",
        "?&&a",
        "?=b",
        "?" + "a=b&" * 400 + "c",
    ],
)
async def test_a_query_and_a_fragment_come_back_as_they_were(browser: Browser, rest: str) -> None:
    before, hash_sign, fragment = rest.partition("#")
    joint = "&" if before else "?"
    location = (await visit(browser, PAGE + rest)).headers["location"]
    pattern = (
        f"{re.escape(PAGE + before + joint)}{NONCE}=[0-9a-z]+{re.escape(hash_sign + fragment)}"
    )
    assert re.fullmatch(pattern, location)


@pytest.mark.parametrize(
    "old",
    [f"{NONCE}=old", NONCE, "__clerk_handshake%5Fnonce=old", f"{NONCE}=1&{NONCE}=2"],
)
async def test_a_nonce_from_an_earlier_time_gives_way(
    sidecar: Sidecar, sharing: Sidecar, old: str
) -> None:
    url = f"{PAGE}?a=b&{old}&c=d#e"
    query = urlsplit((await visit(sidecar.browser(), url)).headers["location"]).query
    assert [name for name, _ in parse_qsl(query)] == ["a", "c", NONCE]
    assert "old" not in query
    # Before one in a cookie, too, since SDKs take one from a URL first.
    assert (await visit(sharing.browser(), url)).headers["location"] == f"{PAGE}?a=b&c=d#e"


async def test_a_sync_says_once_that_it_is_done(browser: Browser) -> None:
    url = f"{PAGE}?__clerk_synced=false&a=b"
    for path, query in ((SYNC, {}), (HANDSHAKE, {"__clerk_hs_reason": "satellite-needs-syncing"})):
        location = (await visit(browser, url, path, **query)).headers["location"]
        names = parse_qsl(urlsplit(location).query)
        assert [*names[:2]] == [("a", "b"), ("__clerk_synced", "true")]
        assert [name for name, _ in names[2:]] == [NONCE]


async def test_a_handshake_for_another_reason_says_nothing_of_a_sync(browser: Browser) -> None:
    answer = await visit(browser, __clerk_hs_reason="session-token-but-no-client-uat")
    assert "__clerk_synced" not in answer.headers["location"]


async def test_what_else_an_sdk_sends_has_no_effect(sidecar: Sidecar, browser: Browser) -> None:
    session = await browser.sign_in()
    sent = {"__session": "x" * 40_000, "organization_id": "org_1", "satellite_fapi": "evil.example"}
    found = await handshake(browser, **sent, **{f"p{n}": "x" for n in range(200)})
    assert claims_of(found["__session"].value)["sid"] == session


# Who may come


@BOTH
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"origin": "https://evil.example"}, "origin_invalid"),
        ({"origin": "null"}, "origin_invalid"),
        ({"sec-fetch-mode": "cors", "origin": APP_ORIGIN}, "navigation_required"),
        ({"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, "navigation_required"),
        ({"sec-fetch-mode": "same-origin"}, "navigation_required"),
    ],
)
async def test_a_script_that_is_no_navigation_is_refused_and_keeps_nothing(
    sidecar: Sidecar, browser: Browser, path: str, headers: dict[str, str], code: str
) -> None:
    await browser.sign_in()
    browser.origin = None
    query = {"redirect_url": PAGE}
    answer = await browser.send("GET", path, params=query, headers=headers)
    assert (answer.status_code, error_code(answer)) == (403, code)
    assert number_of_notes(sidecar) == 0


@pytest.mark.parametrize(
    "headers", [{}, {"origin": APP_ORIGIN}, {"sec-fetch-mode": "navigate", "origin": PUBLIC_URL}]
)
async def test_a_browser_that_says_less_is_let_through(
    browser: Browser, headers: dict[str, str]
) -> None:
    await browser.sign_in()
    browser.origin = None
    query = {"redirect_url": PAGE}
    answer = await browser.send("GET", HANDSHAKE, params=query, headers=headers)
    assert not (await payload(browser.server, nonce_in_url(answer)))["__session"].deletes


@BOTH
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_only_a_get_leads_anywhere(browser: Browser, path: str, method: str) -> None:
    answer = await visit(browser, PAGE, path, method)
    assert answer.status_code in (403, 405)
    assert "location" not in answer.headers


async def test_a_head_leaves_nothing_behind(sidecar: Sidecar, browser: Browser) -> None:
    await browser.sign_in()
    answer = await visit(browser, f"{PAGE}?a=b", method="HEAD")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{PAGE}?a=b")
    assert "set-cookie" not in answer.headers
    assert number_of_notes(sidecar) == 0


async def test_two_client_cookies_are_refused(browser: Browser) -> None:
    await browser.sign_in()
    cookie = f"__Host-client={browser.token}; __host-client={browser.token}"
    browser.origin = None
    query = {"redirect_url": PAGE}
    answer = await browser.send("GET", HANDSHAKE, params=query, headers={"cookie": cookie})
    assert (answer.status_code, error_code(answer)) == (401, "client_token_invalid")


@pytest.mark.parametrize("seconds", [0.0, 9.9])
async def test_a_rotated_token_still_signs_in_but_for_no_longer_than_its_grace(
    browser: Browser, clock: Clock, seconds: float
) -> None:
    first = await browser.sign_in("user_1")
    old = browser.with_token(browser.token)
    clock.advance(1)
    await browser.sign_in("user_2")
    await browser.act(first, "touch")
    clock.advance(seconds)
    found = await handshake(old)
    assert claims_of(found["__session"].value)["sid"] == first
    assert f"__refresh_{SUFFIX}" not in found


async def test_a_rotated_token_does_not_see_what_came_with_its_successor(
    browser: Browser, clock: Clock
) -> None:
    await browser.sign_in("user_1")
    planted = browser.with_token(browser.token)
    clock.advance(1)
    await browser.sign_in("user_2")
    assert (await handshake(planted))["__session"].deletes


async def test_a_stolen_token_signs_nobody_in_and_ends_all(browser: Browser, clock: Clock) -> None:
    session = await browser.sign_in()
    thief = browser.with_token(browser.token)
    await browser.sign_in("user_2")
    clock.advance(10)
    assert (await handshake(thief))["__session"].deletes
    assert await browser.server.status(session) == "revoked"
    assert (await handshake(browser))["__session"].deletes


# The nonce


@pytest.mark.parametrize(("seconds", "is_there"), [(9.9, True), (10, False), (10.1, False)])
async def test_a_nonce_in_a_url_works_once_within_its_time(
    any_sidecar: Sidecar, clock: Clock, seconds: float, is_there: bool
) -> None:
    browser = any_sidecar.browser()
    await browser.sign_in()
    nonce = nonce_in_url(await visit(browser))
    clock.advance(seconds)
    first = await payload(any_sidecar.server, nonce)
    assert ("__session" in first) is is_there
    assert await payload(any_sidecar.server, nonce) == NOTHING


@pytest.mark.parametrize(("seconds", "is_there"), [(9.9, True), (10, False), (10.1, False)])
async def test_a_nonce_in_a_cookie_works_for_all_tabs_within_its_time(
    sharing: Sidecar, clock: Clock, seconds: float, is_there: bool
) -> None:
    browser = sharing.browser()
    await browser.sign_in()
    nonce = nonce_in_cookie(await visit(browser))
    first = await payload(sharing.server, nonce)
    assert not first["__session"].deletes
    clock.advance(seconds)
    assert await payload(sharing.server, nonce) == (first if is_there else NOTHING)


async def test_of_several_who_come_with_a_nonce_of_a_url_at_once_one_has_it(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    await browser.sign_in()
    nonce = nonce_in_url(await visit(browser))
    found = await asyncio.gather(*(payload(any_sidecar.server, nonce) for _ in range(10)))
    assert sorted("__session" in each for each in found) == [False] * 9 + [True]


async def test_a_nonce_is_what_it_was_made_as(sidecar: Sidecar, sharing: Sidecar) -> None:
    for run, find in ((sidecar, nonce_in_url), (sharing, nonce_in_cookie)):
        browser = run.browser()
        await browser.sign_in()
        nonce = find(await visit(browser))
        other = {"o": "a", "a": "o"}[nonce[0]] + nonce[1:]
        assert await payload(run.server, other) == NOTHING
        assert "__session" in await payload(run.server, nonce)


@pytest.mark.parametrize("nonce", ["", "x", "o", "o" + "0" * 64, "O" + "0" * 64, "é", "a" * 60_000])
async def test_what_is_no_nonce_is_answered_with_nothing_to_keep(
    server: Server, nonce: str
) -> None:
    assert await payload(server, nonce) == NOTHING


async def test_the_payload_is_for_who_has_a_secret_key(browser: Browser) -> None:
    await browser.sign_in()
    nonce = nonce_in_url(await visit(browser))
    for method in ("GET", "HEAD"):
        answer = await browser.send(method, f"/v1/clients/handshake_payload?nonce={nonce}")
        assert answer.status_code == 401
    thief = Server(browser.http, key="sk_live_" + "0" * 32)
    assert (await thief.get("/v1/clients/handshake_payload", nonce=nonce)).status_code == 401
    answer = await browser.server.get("/v1/clients/handshake_payload", nonce=nonce)
    assert answer.headers["cache-control"] == "no-store"
    assert "__session=eyJ" in answer.text


@BOTH
async def test_no_secret_is_in_what_a_browser_is_answered(browser: Browser, path: str) -> None:
    await browser.sign_in()
    answer = await visit(browser, PAGE, path)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    said = f"{answer.headers} {answer.text}"
    assert not SECRETS.search(said)
    assert not re.search(REFRESH_TOKEN, said)


async def test_a_handshake_logs_nothing_that_it_was_given(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    await browser.sign_in()
    caplog.clear()
    nonce = nonce_in_url(await visit(browser, f"{PAGE}?private=1", __session="private"))
    await payload(browser.server, nonce)
    await visit(browser, "https://evil.example/?private=1")
    assert [r.getMessage() for r in caplog.records if r.name == "edgepass.http"] == ["answered 403"]
    ours = [r for r in caplog.records if r.name.startswith("edgepass")]
    assert not any("private" in str(vars(r)) or nonce in str(vars(r)) for r in ours)


@pytest.mark.parametrize(
    ("url", "in_cookie"),
    [
        (PAGE, True),
        ("https://app.elsewhere.test/page", False),
        ("http://plain.example.com/page", False),
        (f"{PUBLIC_URL}/page", True),
    ],
)
async def test_the_nonce_is_in_a_cookie_where_the_app_gets_one(
    sharing: Sidecar, url: str, in_cookie: bool
) -> None:
    browser = sharing.browser()
    await browser.sign_in()
    answer = await visit(browser, url)
    found = await payload(
        sharing.server, nonce_in_cookie(answer) if in_cookie else nonce_in_url(answer)
    )
    assert (NONCE in found) is in_cookie
    # A browser refuses a cookie for a domain that its sender is not in.
    shares = "example.com" in url
    assert ("Domain=example.com" in found["__client_uat"].attributes) is shares
    assert "Domain=example.com" not in found["__session"].attributes


async def test_the_cookie_of_a_nonce_is_short_and_for_servers_alone(sharing: Sidecar) -> None:
    answer = await visit(sharing.browser())
    (cookie,) = answer.headers.get_list("set-cookie")
    _, *attributes = cookie.split("; ")
    expected = {"Domain=example.com", "HttpOnly", "Max-Age=10", "Path=/", "SameSite=Lax", "Secure"}
    assert set(attributes) == expected
    directive = (await payload(sharing.server, nonce_in_cookie(answer)))[NONCE]
    assert directive.deletes
    assert directive.attributes == expected - {"Max-Age=10"} | {"Max-Age=0"}


async def test_without_a_domain_the_nonce_is_in_a_cookie_for_the_sidecars_own_host(
    browser: Browser,
) -> None:
    answer = await visit(browser, f"{PUBLIC_URL}/done")
    assert "__session" in await payload(browser.server, nonce_in_cookie(answer))


# How much is kept


async def test_nobody_without_a_session_makes_the_store_write_more_than_once_in_2_seconds(
    sidecar: Sidecar, clock: Clock
) -> None:
    nonces = [nonce_in_url(await visit(sidecar.browser())) for _ in range(50)]
    assert (len(set(nonces)), number_of_notes(sidecar)) == (1, 1)
    for _ in range(3):
        assert (await payload(sidecar.server, nonces[0]))["__session"].deletes
    clock.advance(2)
    assert nonce_in_url(await visit(sidecar.browser())) != nonces[0]
    assert (await payload(sidecar.server, nonces[0]))["__session"].deletes


async def test_one_who_has_a_session_shares_a_nonce_with_nobody(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    await browser.sign_in()
    nonces = {nonce_in_url(await visit(browser)) for _ in range(20)}
    assert len(nonces) == number_of_notes(sidecar) == 20
    for nonce in nonces:
        await payload(sidecar.server, nonce)
    assert number_of_notes(sidecar) == 0


async def test_what_is_not_fetched_is_dropped_when_its_time_is_over(
    sidecar: Sidecar, clock: Clock
) -> None:
    browser = sidecar.browser()
    await browser.sign_in()
    for _ in range(20):
        await visit(browser)
    sweeper = Sweeper(sidecar.core)
    clock.advance(9.9)
    await sweeper.step()
    assert number_of_notes(sidecar) == 20
    clock.advance(0.1)
    await sweeper.step()
    assert number_of_notes(sidecar) == 0


async def test_many_tabs_at_once_are_all_served(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    answers = await asyncio.gather(*(visit(browser, f"{PAGE}/{n}") for n in range(20)))
    for answer in answers:
        found = await payload(any_sidecar.server, nonce_in_url(answer))
        assert claims_of(found["__session"].value)["sid"] == session
    strangers = await asyncio.gather(*(visit(any_sidecar.browser()) for _ in range(20)))
    for answer in strangers:
        assert (await payload(any_sidecar.server, nonce_in_url(answer)))["__session"].deletes


# Development


@pytest.mark.parametrize("held", ["", "of another project"])
async def test_in_development_the_mark_that_sdks_want_is_set(clock: Clock, held: str) -> None:
    url = "http://127.0.0.1:8787"
    settings = make_settings(INSTANCE="development", PUBLIC_URL=url)
    key = find_publishable_key(url, production=False)
    assert key
    suffix = cookie_suffix(key)
    async with run_sidecar(clock, settings) as run:
        browser = run.browser()
        browser.cookie_name = "__client"
        await browser.sign_in()
        found = await handshake(browser, suffixed_cookies="true", __clerk_db_jwt=held)
    assert found[f"__clerk_db_jwt_{suffix}"].value == "edgepass"
    assert ("__clerk_db_jwt" in found) is not held
    assert found[f"__session_{suffix}"].value == found["__session"].value
    assert {f"__refresh_{suffix}", f"__client_uat_{suffix}"} <= found.keys()
    assert not any("Secure" in directive.attributes for directive in found.values())


async def test_in_production_there_is_no_such_mark(browser: Browser) -> None:
    await browser.sign_in()
    found = await handshake(browser)
    assert not any(name.startswith("__clerk_db_jwt") for name in found)
    assert all("Secure" in directive.attributes for directive in found.values())
