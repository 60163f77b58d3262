"""Refresh tokens: what an app's server mints with for a browser, and what ends that."""

import asyncio
import re
import string
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key
from edgepass_sidecar.service.handshake import SignedInBrowser, recognise_browser
from edgepass_sidecar.signing_keys import PUBLISHED_FOR, RETIRED_FOR
from edgepass_sidecar.stores.memory import MemoryStore
from tests.conftest import Clock
from tests.sidecar.handshakes import REFRESH_TOKEN, handshake, parse_directives
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    Browser,
    Server,
    Sidecar,
    claims_of,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

KEY = find_publishable_key(PUBLIC_URL, production=True)
assert KEY
SUFFIX = cookie_suffix(KEY)
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


async def _refresh(server: Server, session: str, token: str, **changes: Any) -> httpx.Response:
    body = {
        "expired_token": "",
        "refresh_token": token,
        "request_origin": APP_ORIGIN,
        "request_headers": {"user-agent": ["Firefox"]},
        "format": "token",
        **changes,
    }
    return await server.post(f"/v1/sessions/{session}/refresh", body)


async def _refresh_token(browser: Browser) -> str:
    token = (await handshake(browser))[f"__refresh_{SUFFIX}"].value
    browser.origin = APP_ORIGIN
    assert re.match(REFRESH_TOKEN, token)
    return token


async def _sign_in(browser: Browser, user_id: str = "user_1") -> tuple[str, str]:
    """Return the id of a new session and a refresh token of it."""
    session = await browser.sign_in(user_id)
    return session, await _refresh_token(browser)


async def _is_refused(
    server: Server, session: str, token: str, code: str = "refresh_token_invalid"
) -> None:
    answer = await _refresh(server, session, token)
    assert (answer.status_code, error_code(answer)) == (401, code)
    assert len(token) < 8 or token not in answer.text


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_refresh_token_mints_for_its_session(clock: Clock, algorithm: str) -> None:
    async with run_sidecar(clock, make_settings(ALGORITHM=algorithm)) as sidecar:
        session, token = await _sign_in(sidecar.browser())
        clock.advance(120)
        for _ in range(2):
            claims = claims_of(succeeded(await _refresh(sidecar.server, session, token))["jwt"])
            assert (claims["sid"], claims["azp"]) == (session, APP_ORIGIN)
            assert claims["iat"] == clock.now


async def test_what_it_mints_comes_as_cookies_where_that_is_asked_for(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    session, token = await _sign_in(any_sidecar.browser())
    for suffixed, names in (
        ("false", {"__session"}),
        ("true", {"__session", f"__session_{SUFFIX}"}),
    ):
        clock.advance(10)
        path = f"/v1/sessions/{session}/refresh?suffixed_cookies={suffixed}"
        body = {"refresh_token": token, "request_origin": APP_ORIGIN, "format": "cookie"}
        answer = await any_sidecar.server.post(path, body)
        assert answer.headers["cache-control"] == "no-store"
        content = succeeded(answer)
        assert content["object"] == "cookies"
        found = parse_directives(content["cookies"])
        assert found.keys() == names
        assert {claims_of(each.value)["iat"] for each in found.values()} == {int(clock.now)}


async def test_it_takes_no_room_in_the_store(sidecar: Sidecar) -> None:
    store = sidecar.core.store
    assert isinstance(store, MemoryStore)
    browser = sidecar.browser()
    session, token = await _sign_in(browser)
    for _ in range(20):
        await _refresh_token(browser)
        succeeded(await _refresh(sidecar.server, session, token))
    assert store._notes == {}


async def test_it_is_of_no_other_session(any_sidecar: Sidecar, clock: Clock) -> None:
    browser, other = any_sidecar.browser(), any_sidecar.browser()
    session, token = await _sign_in(browser)
    foreign, foreign_token = await _sign_in(other, "user_2")
    await _is_refused(any_sidecar.server, foreign, token)
    await _is_refused(any_sidecar.server, session, foreign_token)
    await _is_refused(any_sidecar.server, f"sess_{'0' * 25}", token)
    # Of the same client neither.
    sibling = await browser.sign_in("user_3")
    sibling_token = await _refresh_token(browser)
    await _is_refused(any_sidecar.server, session, sibling_token)
    assert succeeded(await _refresh(any_sidecar.server, sibling, sibling_token))["jwt"]


@pytest.mark.parametrize("end", ["revoke", "ban", "user's not_before", "client"])
async def test_it_dies_with_its_session(any_sidecar: Sidecar, clock: Clock, end: str) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session, token = await _sign_in(browser)
    client = succeeded(await server.get(f"/v1/sessions/{session}"))["client_id"]
    clock.advance(1)
    path = {
        "revoke": f"/v1/sessions/{session}/revoke",
        "ban": "/v1/users/user_1/ban",
        "user's not_before": "/v1/users/user_1/sessions/revoke",
        "client": f"/v1/clients/{client}/sessions/revoke",
    }[end]
    succeeded(await server.post(path))
    await _is_refused(server, session, token, "session_over")


@pytest.mark.parametrize(("seconds", "is_live"), [(-0.5, True), (0, False), (0.5, False)])
async def test_it_lasts_as_long_as_its_session(
    browser: Browser, clock: Clock, seconds: float, is_live: bool
) -> None:
    session, token = await _sign_in(browser)
    clock.advance(7 * 86_400 + seconds)
    if is_live:
        assert succeeded(await _refresh(browser.server, session, token))["jwt"]
    else:
        await _is_refused(browser.server, session, token, "session_over")


@pytest.mark.parametrize("change", ["sign in", "end", "step up"])
async def test_it_dies_with_the_client_token_that_it_was_given_for(
    any_sidecar: Sidecar, change: str
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    other = await browser.sign_in("user_2")
    session, token = await _sign_in(browser)
    if change == "sign in":
        await browser.sign_in("user_3")
    elif change == "end":
        succeeded(await browser.act(other, "end"))
    else:
        succeeded(await server.post(f"/v1/sessions/{session}/verifications"))
        succeeded(await browser.act(session, "touch"))
    await _is_refused(server, session, token)
    succeeded(await browser.act(session, "touch"))
    assert succeeded(await _refresh(server, session, await _refresh_token(browser)))["jwt"]


async def test_a_touch_leaves_it_as_it_is(browser: Browser) -> None:
    session, token = await _sign_in(browser)
    succeeded(await browser.act(session, "touch"))
    assert succeeded(await _refresh(browser.server, session, token))["jwt"]


async def test_a_thief_who_was_found_out_has_none_left(browser: Browser, clock: Clock) -> None:
    thief = browser.with_token(None)
    session, token = await _sign_in(browser)
    thief.token = browser.token
    await browser.sign_in("user_2")
    clock.advance(10)
    assert (await handshake(thief))["__session"].deletes
    await _is_refused(browser.server, session, token)


async def test_any_altered_one_is_refused(browser: Browser) -> None:
    session, token = await _sign_in(browser)
    for position, character in enumerate(token):
        for bit in (1, 32):
            at = ALPHABET.find(character)
            other = "A" if at < 0 else ALPHABET[at ^ bit]
            altered = token[:position] + other + token[position + 1 :]
            await _is_refused(browser.server, session, altered)
    assert succeeded(await _refresh(browser.server, session, token))["jwt"]


async def test_of_its_last_character_only_one_spelling_counts(browser: Browser) -> None:
    session, token = await _sign_in(browser)
    key, signature, client = token.split(".")
    for other in ALPHABET:
        if other != signature[-1]:
            await _is_refused(browser.server, session, f"{key}.{signature[:-1]}{other}.{client}")
    for padded in (f"{signature}=", f"{signature}==", signature[:-1], f"{signature}A"):
        await _is_refused(browser.server, session, f"{key}.{padded}.{client}")


async def test_garbage_is_refused(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    session, token = await _sign_in(browser)
    key, signature, client = token.split(".")
    for garbage in (
        "",
        "garbage",
        ".",
        "..",
        f"{key}..{client}",
        f"{key}.{'A' * 86}.{client}",
        f"{key}.{'A' * 85}.{client}",
        f"{key}.{'A' * 89}.{client}",
        f"key_{'0' * 24}.{signature}.{client}",
        f"{key}.{signature}.client_{'0' * 25}",
        f" {token}",
        f"{token}\n",
        f"{token}\x00",
        token * 2,
        "é" * 100,
        "A" * 60_000,
    ):
        await _is_refused(any_sidecar.server, session, garbage)


@pytest.mark.parametrize(
    "body", [{"refresh_token": None}, {"refresh_token": ["a"]}, {"format": "x"}]
)
async def test_a_wrong_body_is_refused(browser: Browser, body: dict[str, Any]) -> None:
    session, token = await _sign_in(browser)
    answer = await _refresh(browser.server, session, token, **body)
    assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


@pytest.mark.parametrize("origin", ["https://evil.example", "", "null", f"{APP_ORIGIN}/"])
async def test_it_mints_for_no_origin_but_the_apps(browser: Browser, origin: str) -> None:
    session, token = await _sign_in(browser)
    answer = await _refresh(browser.server, session, token, request_origin=origin)
    assert (answer.status_code, error_code(answer)) == (403, "origin_invalid")


async def test_it_is_worth_nothing_without_a_secret_key(browser: Browser) -> None:
    session, token = await _sign_in(browser)
    body = {"refresh_token": token, "request_origin": APP_ORIGIN}
    answer = await browser.send("POST", f"/v1/sessions/{session}/refresh", json=body)
    assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")


async def test_kinds_of_secret_are_not_taken_for_each_other(browser: Browser) -> None:
    session, refresh_token = await _sign_in(browser)
    client_token, session_token = browser.token, await browser.refresh(session)
    assert client_token
    _, ticket = await browser.server.ticket()
    for secret in (client_token, session_token, ticket):
        await _is_refused(browser.server, session, secret)
    answer = await browser.with_token(refresh_token).act(session)
    assert answer.status_code == 401
    assert (await browser.present(refresh_token)).status_code in (401, 404, 422)
    answer = await browser.server.post("/v1/clients/verify", {"token": refresh_token})
    assert answer.status_code == 401


@pytest.mark.parametrize(("seconds", "is_known"), [(-1, True), (0, False), (1, False)])
async def test_it_lasts_no_longer_than_the_key_that_signed_it(
    sidecar: Sidecar, clock: Clock, seconds: float, is_known: bool
) -> None:
    session, token = await _sign_in(sidecar.browser())
    await sidecar.core.keys.rotate(PUBLISHED_FOR)
    clock.advance(PUBLISHED_FOR + RETIRED_FOR + seconds)
    if is_known:
        assert succeeded(await _refresh(sidecar.server, session, token))["jwt"]
    else:
        await _is_refused(sidecar.server, session, token)


async def test_it_falls_with_a_key_that_is_revoked(sidecar: Sidecar) -> None:
    session, token = await _sign_in(sidecar.browser())
    assert await sidecar.core.keys.revoke(token.partition(".")[0])
    await _is_refused(sidecar.server, session, token)


async def test_a_revocation_and_many_refreshes_leave_no_later_token(any_sidecar: Sidecar) -> None:
    session, token = await _sign_in(any_sidecar.browser())

    async def refresh() -> int:
        return (await _refresh(any_sidecar.server, session, token)).status_code

    revoked = any_sidecar.server.revoke(session)
    *statuses, _ = await asyncio.gather(*(refresh() for _ in range(20)), revoked)
    assert set(statuses) <= {200, 401}
    await _is_refused(any_sidecar.server, session, token, "session_over")


async def test_no_text_of_ours_shows_it(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    await browser.sign_in()
    found = await recognise_browser(sidecar.core, browser.token, APP_ORIGIN)
    assert isinstance(found, SignedInBrowser)
    assert found.refresh_token
    assert "eyJ" not in repr(found)
    assert found.refresh_token not in repr(found)


@pytest.fixture
async def inactive(clock: Clock) -> AsyncIterator[Sidecar]:
    async with run_sidecar(clock, make_settings(INACTIVITY_TIMEOUT="600")) as running:
        yield running


async def test_a_refresh_is_activity(inactive: Sidecar, clock: Clock) -> None:
    session, token = await _sign_in(inactive.browser())
    for _ in range(3):
        clock.advance(599)
        succeeded(await _refresh(inactive.server, session, token))
        await inactive.core.touches.write()
    clock.advance(600)
    await _is_refused(inactive.server, session, token, "session_over")
