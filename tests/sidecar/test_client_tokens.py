"""Client tokens through HTTP: rotation, the grace of the one before, theft, and fixation."""

import pytest

from edgepass_sidecar.client_token import PREVIOUS_TOKEN_GRACE
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    Browser,
    Sidecar,
    claims_of,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)


async def test_a_sign_in_and_a_sign_out_each_rotate_the_token(browser: Browser) -> None:
    await browser.sign_in("user_1")
    first = browser.token
    await browser.sign_in("user_2")
    second = browser.token
    await browser.sign_out()
    assert len({first, second, browser.token}) == 3
    assert len({token.partition(".")[0] for token in (first, second, browser.token)}) == 1


async def test_nothing_else_rotates_it(browser: Browser) -> None:
    first, second = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    cookies = list(browser.set_cookies)
    for session, action in ((first, "tokens"), (first, "touch"), (second, "touch")):
        succeeded(await browser.act(session, action))
    await browser.client()
    assert browser.set_cookies == cookies


@pytest.mark.parametrize("action", ["end", "remove"])
async def test_signing_one_account_out_rotates_it(browser: Browser, action: str) -> None:
    first, second = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    before = browser.token
    succeeded(await browser.act(first, action))
    assert browser.token != before
    await browser.refresh(second)


async def test_the_cookie_is_for_this_host_only_and_for_no_script(browser: Browser) -> None:
    await browser.sign_in()
    (cookie,) = browser.set_cookies
    pair, *attributes = cookie.split("; ")
    assert pair == f"__Host-client={browser.token}"
    assert sorted(attributes) == [
        "HttpOnly",
        "Max-Age=34560000",
        "Path=/",
        "SameSite=Lax",
        "Secure",
    ]


async def test_over_plain_http_the_cookie_has_neither_prefix_nor_secure(clock: Clock) -> None:
    settings = make_settings(INSTANCE="development", PUBLIC_URL="http://127.0.0.1:8787")
    async with run_sidecar(clock, settings) as sidecar:
        browser = Browser(sidecar.http, sidecar.server, APP_ORIGIN, cookie_name="__client")
        session = await browser.sign_in()
        (cookie,) = browser.set_cookies
        assert cookie.startswith("__client=client_")
        assert "Secure" not in cookie
        assert claims_of(await browser.refresh(session))["iss"] == "http://127.0.0.1:8787"


@pytest.mark.parametrize("name", ["__client", "client", "__Host-clients"])
async def test_the_token_under_another_name_is_none(browser: Browser, name: str) -> None:
    session = await browser.sign_in()
    browser.cookie_name = name
    assert (await browser.act(session)).status_code == 401


async def test_a_second_cookie_of_the_name_is_refused(browser: Browser) -> None:
    session = await browser.sign_in()
    tossed = f"__Host-client={browser.token}; __host-client=client_evil"
    answer = await browser.send(
        "POST", f"/v1/client/sessions/{session}/tokens", headers={"cookie": tossed}
    )
    assert (answer.status_code, error_code(answer)) == (401, "client_token_invalid")


@pytest.mark.parametrize("seconds", [0, PREVIOUS_TOKEN_GRACE - 0.1])
async def test_in_its_grace_the_previous_token_answers_without_a_new_cookie(
    browser: Browser, clock: Clock, seconds: float
) -> None:
    session = await browser.sign_in("user_1")
    other_tab = browser.with_token(browser.token)
    clock.advance(1)
    await browser.sign_in("user_2")
    clock.advance(seconds)
    assert claims_of(await other_tab.refresh(session))["sub"] == "user_1"
    succeeded(await other_tab.act(session, "touch"))
    assert other_tab.set_cookies == []
    assert await browser.refresh(session)


async def test_in_its_grace_the_previous_token_signs_out_without_a_new_cookie(
    browser: Browser, clock: Clock
) -> None:
    session = await browser.sign_in("user_1")
    other_tab = browser.with_token(browser.token)
    clock.advance(1)
    later = await browser.sign_in("user_2")
    succeeded(await other_tab.sign_out())
    assert other_tab.set_cookies == []
    assert (await browser.act(session)).status_code == 401
    assert (await browser.act(later)).status_code == 200, "it did not see that one"


async def test_in_its_grace_the_previous_token_starts_no_session(browser: Browser) -> None:
    await browser.sign_in("user_1")
    other_tab = browser.with_token(browser.token)
    await browser.sign_in("user_2")
    _, ticket = await browser.server.ticket("user_3")
    answer = await other_tab.present(ticket)
    assert (answer.status_code, error_code(answer)) == (401, "client_token_rotated")
    assert (await browser.present(ticket)).status_code == 200


@pytest.mark.parametrize("seconds", [PREVIOUS_TOKEN_GRACE, PREVIOUS_TOKEN_GRACE + 0.1, 86_400])
@pytest.mark.parametrize("act", ["GET /v1/client", "tokens", "sign out", "sign in"])
async def test_after_its_grace_the_previous_token_is_theft(
    any_sidecar: Sidecar, clock: Clock, seconds: float, act: str
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    first = await browser.sign_in("user_1")
    thief = browser.with_token(browser.token)
    second = await browser.sign_in("user_2")
    clock.advance(seconds)
    if act == "GET /v1/client":
        assert await thief.client() is None
    elif act == "tokens":
        assert error_code(await thief.act(first)) == "client_token_invalid"
    elif act == "sign out":
        assert error_code(await thief.sign_out()) == "client_token_invalid"
    else:
        third = await thief.sign_in("user_3")
        assert thief.token.partition(".")[0] != browser.token.partition(".")[0]
        assert await server.status(third) == "active"
    assert [await server.status(session) for session in (first, second)] == ["revoked"] * 2
    assert (await browser.act(second)).status_code == 401
    types = await any_sidecar.event_types()
    assert types.count("client.theft") == 1
    assert types.count("session.revoked") == 2


async def test_theft_of_one_client_leaves_other_clients_alone(
    sidecar: Sidecar, clock: Clock
) -> None:
    browser, elsewhere = sidecar.browser(), sidecar.browser()
    await browser.sign_in("user_1")
    session = await elsewhere.sign_in("user_1")
    thief = browser.with_token(browser.token)
    await browser.sign_out()
    await browser.sign_in("user_1")
    clock.advance(PREVIOUS_TOKEN_GRACE)
    await thief.client()
    assert claims_of(await elsewhere.refresh(session))["sub"] == "user_1"


async def test_a_guessed_token_of_a_known_client_is_refused_and_harms_nobody(
    sidecar: Sidecar,
) -> None:
    browser = sidecar.browser()
    session = await browser.sign_in()
    guess = browser.token.partition(".")[0] + "." + "0" * 64
    answer = await browser.with_token(guess).act(session)
    assert (answer.status_code, error_code(answer)) == (401, "client_token_invalid")
    assert await browser.refresh(session)


async def test_a_client_that_the_browser_made_up_is_not_adopted(browser: Browser) -> None:
    planted = f"client_{'A' * 25}.{'0' * 64}"
    victim = browser.with_token(planted)
    await victim.sign_in()
    assert not victim.token.startswith(planted.partition(".")[0])


class Fixation:
    """An attacker who planted the token of their own client in the victim's browser."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.attacker = sidecar.browser()

    async def sign_victim_in(self) -> tuple[str, str]:
        """Return the attacker's session and the victim's."""
        attackers = await self.attacker.sign_in("attacker")
        victim = self.attacker.with_token(self.attacker.token)
        return attackers, await victim.sign_in("victim")


@pytest.mark.parametrize("seconds", [0, PREVIOUS_TOKEN_GRACE - 0.1, PREVIOUS_TOKEN_GRACE])
async def test_a_token_planted_before_a_sign_in_shows_nothing_of_the_session_it_started(
    sidecar: Sidecar, clock: Clock, seconds: float
) -> None:
    fixation = Fixation(sidecar)
    _, victims = await fixation.sign_victim_in()
    clock.advance(seconds)
    answer = await fixation.attacker.send("GET", "/v1/client")
    assert victims not in answer.text
    assert "victim" not in answer.text


@pytest.mark.parametrize("action", ["tokens", "touch", "end", "remove"])
@pytest.mark.parametrize("seconds", [0, PREVIOUS_TOKEN_GRACE - 0.1, PREVIOUS_TOKEN_GRACE])
async def test_a_token_planted_before_a_sign_in_does_nothing_with_the_session_it_started(
    sidecar: Sidecar, clock: Clock, action: str, seconds: float
) -> None:
    fixation = Fixation(sidecar)
    _, victims = await fixation.sign_victim_in()
    clock.advance(seconds)
    answer = await fixation.attacker.act(victims, action)
    assert answer.status_code in (401, 404)


async def test_a_planted_token_s_own_sessions_do_not_lead_to_the_victim_s(
    sidecar: Sidecar,
) -> None:
    fixation = Fixation(sidecar)
    attackers, _ = await fixation.sign_victim_in()
    answer = await fixation.attacker.act(attackers, "touch")
    assert "victim" not in answer.text
