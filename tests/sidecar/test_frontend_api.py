"""The frontend API through HTTP: tickets, sessions, accounts, limits, and what is not yours."""

import pytest

from edgepass_sidecar.service.core import SHARED_FOR
from tests.conftest import Clock
from tests.support.issuer import NOW
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


async def test_a_ticket_starts_a_session(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    _, ticket = await any_sidecar.server.ticket("user_1")
    body = succeeded(await browser.present(ticket))
    sign_in, client = body["response"], body["client"]
    assert (sign_in["status"], sign_in["created_user_id"]) == ("complete", "user_1")
    (session,) = client["sessions"]
    assert session["id"] == sign_in["created_session_id"] == client["last_active_session_id"]
    assert (session["status"], session["user"]["id"]) == ("active", "user_1")
    assert claims_of(session["last_active_token"]["jwt"])["sid"] == session["id"]
    assert await browser.client() == client


async def test_times_are_milliseconds_on_the_wire(browser: Browser) -> None:
    await browser.sign_in()
    (session,) = (await browser.client())["sessions"]
    assert session["created_at"] == session["last_active_at"] == NOW * 1000
    assert session["expire_at"] == session["abandon_at"] == (NOW + 7 * 86_400) * 1000
    assert session["factor_verification_age"] == [0, -1]


async def test_a_ticket_is_taken_as_a_form_or_as_json(browser: Browser) -> None:
    _, ticket = await browser.server.ticket()
    body = {"strategy": "ticket", "ticket": ticket}
    assert (await browser.send("POST", "/v1/client/sign_ins", json=body)).status_code == 200


async def test_a_ticket_is_used_once(any_sidecar: Sidecar) -> None:
    _, ticket = await any_sidecar.server.ticket()
    assert (await any_sidecar.browser().present(ticket)).status_code == 200
    again = any_sidecar.browser()
    answer = await again.present(ticket)
    assert (answer.status_code, error_code(answer)) == (422, "ticket_used")
    assert again.token is None


@pytest.mark.parametrize(("seconds", "status"), [(59.9, 200), (60, 422), (60.1, 422)])
async def test_a_ticket_lasts_exactly_as_long_as_it_was_made_for(
    browser: Browser, clock: Clock, seconds: float, status: int
) -> None:
    _, ticket = await browser.server.ticket(lifetime=60)
    clock.advance(seconds)
    answer = await browser.present(ticket)
    assert answer.status_code == status
    assert status == 200 or error_code(answer) == "ticket_expired"


async def test_a_revoked_ticket_starts_nothing(browser: Browser) -> None:
    ticket_id, ticket = await browser.server.ticket()
    succeeded(await browser.server.post(f"/v1/sign_in_tokens/{ticket_id}/revoke"))
    answer = await browser.present(ticket)
    assert (answer.status_code, error_code(answer)) == (422, "ticket_revoked")


async def test_an_unknown_or_altered_ticket_starts_nothing(browser: Browser) -> None:
    ticket_id, ticket = await browser.server.ticket()
    altered = ticket[:-1] + ("0" if ticket[-1] != "0" else "1")
    for text in ("", "x", ticket_id, altered, ticket.upper(), f"sit_{'0' * 22}.{'0' * 64}"):
        answer = await browser.present(text)
        assert (answer.status_code, error_code(answer)) == (422, "ticket_invalid")
    assert (await browser.present(ticket)).status_code == 200


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"strategy": "password", "ticket": "x"}, "form_param_value_invalid"),
        ({}, "form_param_format_invalid"),
        ({"ticket": "x"}, "form_param_format_invalid"),
    ],
)
async def test_another_way_to_sign_in_is_refused(browser: Browser, form: dict, code: str) -> None:
    answer = await browser.send("POST", "/v1/client/sign_ins", data=form)
    assert (answer.status_code, error_code(answer)) == (422, code)


async def test_a_browser_without_a_cookie_has_no_client(browser: Browser) -> None:
    answer = await browser.send("GET", "/v1/client")
    assert succeeded(answer) == {"response": None, "client": None}
    assert "set-cookie" not in answer.headers


async def test_a_refreshed_token_says_where_it_was_asked_from(browser: Browser) -> None:
    session = await browser.sign_in()
    claims = claims_of(await browser.refresh(session))
    assert (claims["azp"], claims["iss"]) == (APP_ORIGIN, PUBLIC_URL)
    own = Browser(browser.http, browser.server, None, browser.token)
    answer = await own.send(
        "POST", f"/v1/client/sessions/{session}/tokens", headers={"sec-fetch-site": "same-origin"}
    )
    assert claims_of(succeeded(answer)["jwt"])["azp"] == PUBLIC_URL


async def test_a_refresh_answers_with_the_bare_token_and_no_cookie(browser: Browser) -> None:
    session = await browser.sign_in()
    answer = await browser.act(session)
    assert set(succeeded(answer)) == {"object", "jwt"}
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("seconds", "same"), [(0, True), (SHARED_FOR - 0.1, True), (SHARED_FOR, False), (61, False)]
)
async def test_refreshes_share_a_token_for_2_seconds(
    browser: Browser, clock: Clock, seconds: float, same: bool
) -> None:
    session = await browser.sign_in()
    first = await browser.refresh(session)
    clock.advance(seconds)
    assert (await browser.refresh(session) == first) is same


async def test_origins_do_not_share_a_token(clock: Clock) -> None:
    settings = make_settings(ALLOWED_ORIGINS="https://a.example,https://b.example")
    async with run_sidecar(clock, settings) as sidecar:
        one = sidecar.browser("https://a.example")
        session = await one.sign_in()
        other = Browser(one.http, one.server, "https://b.example", one.token)
        parties = [claims_of(await b.refresh(session))["azp"] for b in (one, other)]
    assert parties == ["https://a.example", "https://b.example"]


async def test_a_touched_session_becomes_the_active_one(browser: Browser, clock: Clock) -> None:
    first, second = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    assert (await browser.client())["last_active_session_id"] == second
    clock.advance(5)
    body = succeeded(await browser.act(first, "touch"))
    assert body["client"]["last_active_session_id"] == first
    assert body["response"]["last_active_at"] == (NOW + 5) * 1000
    assert body["response"]["last_active_token"]["jwt"]


@pytest.mark.parametrize(("action", "status"), [("end", "ended"), ("remove", "removed")])
async def test_a_session_is_ended_or_removed_and_the_other_stays(
    any_sidecar: Sidecar, action: str, status: str
) -> None:
    browser = any_sidecar.browser()
    first, second = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    body = succeeded(await browser.act(second, action))
    assert body["response"]["status"] == status
    assert body["response"]["user"]["id"] == "user_2"
    assert body["response"]["last_active_token"] is None
    assert [session["id"] for session in body["client"]["sessions"]] == [first]
    assert body["client"]["last_active_session_id"] == first
    assert claims_of(await browser.refresh(first))["sub"] == "user_1"
    assert await any_sidecar.server.status(second) == status


async def test_a_sign_out_removes_every_session(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    sessions = [await browser.sign_in(user) for user in ("user_1", "user_2")]
    body = succeeded(await browser.sign_out())
    assert body["response"]["sessions"] == []
    for session in sessions:
        assert await any_sidecar.server.status(session) == "removed"
        assert (await browser.act(session)).status_code == 401


@pytest.mark.parametrize("action", ["tokens", "touch", "end", "remove"])
@pytest.mark.parametrize("ended_by", ["end", "remove", "sign out", "revoke", "time"])
async def test_one_s_own_session_that_is_over_is_401(
    browser: Browser, clock: Clock, action: str, ended_by: str
) -> None:
    session = await browser.sign_in()
    if ended_by == "sign out":
        await browser.sign_out()
    elif ended_by == "revoke":
        await browser.server.revoke(session)
    elif ended_by == "time":
        clock.advance(7 * 86_400)
    else:
        await browser.act(session, ended_by)
    answer = await browser.act(session, action)
    assert (answer.status_code, error_code(answer)) == (401, "session_over")


@pytest.mark.parametrize("action", ["tokens", "touch", "end", "remove"])
@pytest.mark.parametrize("over", [False, True])
async def test_a_foreign_session_is_answered_as_an_unknown_one(
    sidecar: Sidecar, action: str, over: bool
) -> None:
    browser, stranger = sidecar.browser(), sidecar.browser()
    await browser.sign_in("user_1")
    foreign = await stranger.sign_in("user_2")
    if over:
        await stranger.act(foreign, "end")
    unknown = foreign[:-4] + "0000"
    answers = [await browser.act(session, action) for session in (foreign, unknown)]
    bodies = [answer.json()["errors"] for answer in answers]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert bodies[0] == bodies[1]
    ignored = {"date", "x-request-id"}
    headers = [{n: v for n, v in a.headers.items() if n not in ignored} for a in answers]
    assert headers[0] == headers[1]
    assert await sidecar.server.status(foreign) == ("ended" if over else "active")


@pytest.mark.parametrize("action", ["tokens", "touch", "end", "remove"])
async def test_without_a_client_token_every_session_is_401(sidecar: Sidecar, action: str) -> None:
    session = await sidecar.browser().sign_in()
    answer = await sidecar.browser().act(session, action)
    assert (answer.status_code, error_code(answer)) == (401, "client_token_invalid")


async def test_signing_in_again_as_the_same_user_replaces_the_session(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    first, second = await browser.sign_in("user_1"), await browser.sign_in("user_1")
    assert await sidecar.server.status(first) == "replaced"
    assert [s["id"] for s in (await browser.client())["sessions"]] == [second]
    assert "session.replaced" in await sidecar.event_types()


async def test_without_multi_session_a_sign_in_replaces_every_session(clock: Clock) -> None:
    async with run_sidecar(clock, make_settings(MULTI_SESSION="off")) as sidecar:
        browser = sidecar.browser()
        first, second = await browser.sign_in("user_1"), await browser.sign_in("user_2")
        assert await sidecar.server.status(first) == "replaced"
        assert [s["id"] for s in (await browser.client())["sessions"]] == [second]


@pytest.mark.parametrize(("seconds", "status"), [(599.9, 200), (600, 401), (600.1, 401)])
async def test_a_session_ends_at_its_maximum_lifetime_however_active(
    clock: Clock, store_setting: str, seconds: float, status: int
) -> None:
    settings = make_settings(MAXIMUM_LIFETIME="10m", STORE=store_setting)
    async with run_sidecar(clock, settings) as sidecar:
        browser = sidecar.browser()
        session = await browser.sign_in()
        clock.advance(300)
        succeeded(await browser.act(session, "touch"))
        clock.advance(seconds - 300)
        assert (await browser.act(session)).status_code == status
        assert await sidecar.server.status(session) == ("active" if status == 200 else "expired")


@pytest.mark.parametrize(("seconds", "status"), [(599.9, 200), (600, 401), (600.1, 401)])
async def test_a_session_ends_when_nobody_used_it_for_the_inactivity_timeout(
    clock: Clock, store_setting: str, seconds: float, status: int
) -> None:
    settings = make_settings(INACTIVITY_TIMEOUT="10m", STORE=store_setting)
    async with run_sidecar(clock, settings) as sidecar:
        browser = sidecar.browser()
        session = await browser.sign_in()
        clock.advance(300)
        await browser.refresh(session)
        await sidecar.core.touches.write()
        clock.advance(seconds)
        assert (await browser.act(session)).status_code == status
        assert await sidecar.server.status(session) == ("active" if status == 200 else "abandoned")


async def test_what_a_client_shows_is_what_is_live(browser: Browser, clock: Clock) -> None:
    await browser.sign_in("user_1")
    clock.advance(7 * 86_400)
    client = await browser.client()
    assert client["sessions"] == []


async def test_a_session_remembers_where_it_was_signed_in_from(
    server: Server, browser: Browser
) -> None:
    _, ticket = await server.ticket()
    form = {"strategy": "ticket", "ticket": ticket}
    headers = {"user-agent": "Firefox/1", "x-forwarded-for": "192.0.2.66"}
    await browser.send("POST", "/v1/client/sign_ins", data=form, headers=headers)
    (session,) = succeeded(await server.get("/v1/sessions"))
    assert session["latest_activity"]["ip_address"] == "127.0.0.1"
