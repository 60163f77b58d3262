"""Step-up: how long ago each factor was verified, and the client token that follows it."""

import asyncio

import pytest

from edgepass_sidecar.client_token import PREVIOUS_TOKEN_GRACE
from tests.conftest import Clock
from tests.support.sidecar import Browser, Server, Sidecar, claims_of, error_code, succeeded


async def _verify(server: Server, session: str, factor: str = "first_factor") -> None:
    body = {"factor": factor}
    succeeded(await server.post(f"/v1/sessions/{session}/verifications", body))


async def _ages(browser: Browser, session: str) -> list[int]:
    ages: list[int] = claims_of(await browser.refresh(session))["fva"]
    return ages


async def test_at_sign_in_the_first_factor_is_fresh_and_the_second_was_never_verified(
    browser: Browser,
) -> None:
    assert await _ages(browser, await browser.sign_in()) == [0, -1]


@pytest.mark.parametrize(("seconds", "minutes"), [(59.9, 0), (60, 1), (60.1, 1), (-5, 0)])
@pytest.mark.parametrize("factor", ["first_factor", "second_factor"])
async def test_the_age_of_a_factor_is_in_whole_minutes_and_never_negative(
    browser: Browser, server: Server, clock: Clock, factor: str, seconds: float, minutes: int
) -> None:
    session = await browser.sign_in()
    clock.advance(600)
    await _verify(server, session, factor)
    clock.advance(seconds)
    ages = await _ages(browser, session)
    since_sign_in = int((600 + seconds) // 60)
    assert ages == ([minutes, -1] if factor == "first_factor" else [since_sign_in, minutes])


async def test_a_verification_is_of_one_factor_of_one_session(
    browser: Browser, server: Server, clock: Clock
) -> None:
    one, other = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    clock.advance(600)
    await _verify(server, one, "second_factor")
    assert (await _ages(browser, one), await _ages(browser, other)) == ([10, 0], [10, -1])
    clock.advance(60)
    await _verify(server, one)
    assert (await _ages(browser, one), await _ages(browser, other)) == ([0, 1], [11, -1])


@pytest.mark.parametrize("factor", ["first_factor", "second_factor"])
async def test_the_next_token_says_what_was_verified_though_the_clock_stood_still(
    any_sidecar: Sidecar, clock: Clock, factor: str
) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    clock.advance(600)
    succeeded(await browser.act(session, "touch"))
    assert await _ages(browser, session) == [10, -1]
    await _verify(any_sidecar.server, session, factor)
    assert await _ages(browser, session) == ([0, -1] if factor == "first_factor" else [10, 0])


async def test_the_frontend_and_the_token_agree_on_the_ages(
    browser: Browser, server: Server, clock: Clock
) -> None:
    session = await browser.sign_in()
    clock.advance(125)
    await _verify(server, session, "second_factor")
    client = await browser.client()
    assert client is not None
    (shown,) = client["sessions"]
    assert shown["factor_verification_age"] == await _ages(browser, session) == [2, 0]


async def test_a_verification_is_an_event_that_names_the_factor(
    sidecar: Sidecar, browser: Browser
) -> None:
    session = await browser.sign_in()
    await _verify(sidecar.server, session, "second_factor")
    events = [event for _, event in await sidecar.core.store.list_events(0, 100)]
    (verified,) = [event for event in events if event.type == "session.verified"]
    assert (verified.session_id, verified.data) == (session, {"factor": "second_factor"})


async def test_after_a_verification_the_next_change_brings_a_new_client_token(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    before = browser.token
    clock.advance(5)
    await _verify(any_sidecar.server, session)
    await browser.refresh(session)
    await browser.client()
    assert browser.token == before
    succeeded(await browser.act(session, "touch"))
    assert browser.token != before
    after = browser.token
    succeeded(await browser.act(session, "touch"))
    assert browser.token == after


@pytest.mark.parametrize("change", ["sign_in", "end"])
async def test_another_change_that_rotates_does_so_once(
    browser: Browser, server: Server, clock: Clock, change: str
) -> None:
    session, other = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    await _verify(server, session)
    if change == "sign_in":
        await browser.sign_in("user_3")
    else:
        succeeded(await browser.act(other, "end"))
    after = browser.token
    succeeded(await browser.act(session, "touch"))
    assert browser.token == after


@pytest.mark.parametrize("seconds", [0, PREVIOUS_TOKEN_GRACE - 0.1])
async def test_in_its_grace_the_token_from_before_the_step_up_answers_and_gets_no_other(
    browser: Browser, server: Server, clock: Clock, seconds: float
) -> None:
    session = await browser.sign_in()
    old = browser.with_token(browser.token)
    clock.advance(5)
    await _verify(server, session)
    succeeded(await browser.act(session, "touch"))
    clock.advance(seconds)
    token = old.token
    await old.refresh(session)
    succeeded(await old.act(session, "touch"))
    assert (old.token, old.set_cookies) == (token, [])


@pytest.mark.parametrize("seconds", [PREVIOUS_TOKEN_GRACE, PREVIOUS_TOKEN_GRACE + 0.1])
async def test_after_its_grace_the_token_from_before_the_step_up_is_theft(
    sidecar: Sidecar, clock: Clock, seconds: float
) -> None:
    browser = sidecar.browser()
    session = await browser.sign_in()
    old = browser.with_token(browser.token)
    clock.advance(5)
    await _verify(sidecar.server, session)
    succeeded(await browser.act(session, "touch"))
    clock.advance(seconds)
    answer = await old.act(session)
    assert (answer.status_code, error_code(answer)) == (401, "client_token_invalid")
    assert await sidecar.server.status(session) == "revoked"
    assert (await browser.act(session)).status_code == 401
    assert (await sidecar.event_types()).count("client.theft") == 1


async def test_a_token_in_its_grace_cannot_fetch_the_one_that_a_step_up_brings(
    browser: Browser, server: Server, clock: Clock
) -> None:
    session = await browser.sign_in("user_1")
    old = browser.with_token(browser.token)
    clock.advance(1)
    await browser.sign_in("user_2")
    await _verify(server, session)
    succeeded(await old.act(session, "touch"))
    assert old.set_cookies == []
    before = browser.token
    succeeded(await browser.act(session, "touch"))
    assert browser.token != before


async def test_tabs_that_change_something_at_once_after_a_step_up_stay_signed_in(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    clock.advance(5)
    await _verify(any_sidecar.server, session)
    tabs = [browser.with_token(browser.token) for _ in range(10)]
    answers = await asyncio.gather(*(tab.act(session, "touch") for tab in tabs))
    assert {answer.status_code for answer in answers} == {200}
    (winner,) = [tab for tab in tabs if tab.set_cookies]
    clock.advance(PREVIOUS_TOKEN_GRACE + 1)
    await winner.refresh(session)
    assert "client.theft" not in await any_sidecar.event_types()


async def test_20_verifications_at_once_are_all_recorded(any_sidecar: Sidecar) -> None:
    session = await any_sidecar.browser().sign_in()
    await asyncio.gather(*(_verify(any_sidecar.server, session) for _ in range(20)))
    assert (await any_sidecar.event_types()).count("session.verified") == 20


async def test_a_session_that_is_over_is_not_verified(browser: Browser, server: Server) -> None:
    session = await browser.sign_in()
    await server.revoke(session)
    answer = await server.post(f"/v1/sessions/{session}/verifications")
    assert (answer.status_code, error_code(answer)) == (422, "session_over")


async def test_a_session_that_time_has_ended_unrecorded_is_not_verified(
    browser: Browser, server: Server, clock: Clock
) -> None:
    session = await browser.sign_in()
    clock.advance(7 * 86_400)
    answer = await server.post(f"/v1/sessions/{session}/verifications")
    assert (answer.status_code, error_code(answer)) == (422, "session_over")


@pytest.mark.parametrize("factor", ["third_factor", "", None, 1, True, ["first_factor"], {}])
async def test_another_factor_is_refused(browser: Browser, server: Server, factor: object) -> None:
    session = await browser.sign_in()
    answer = await server.post(f"/v1/sessions/{session}/verifications", {"factor": factor})
    assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


async def test_a_browser_cannot_verify_itself(browser: Browser) -> None:
    session = await browser.sign_in()
    answer = await browser.send("POST", f"/v1/sessions/{session}/verifications", json={})
    assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")
