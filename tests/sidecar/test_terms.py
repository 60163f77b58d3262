"""What is settled for one session when it starts: its own limits, its data, how it got them."""

from typing import Any

import pytest

from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import (
    Browser,
    Server,
    Sidecar,
    claims_of,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

DAY = 86_400
LIMITS = ("maximum_lifetime_in_seconds", "inactivity_timeout_in_seconds")
SECRET = "nobody-may-read-this-0451"


async def _start(server: Server, **terms: Any) -> dict[str, Any]:
    await server.post("/v1/users", {"id": "user_1"})
    session: dict[str, Any] = succeeded(
        await server.post("/v1/sessions", {"user_id": "user_1", **terms})
    )
    return session


async def _sign_in(browser: Browser, **terms: Any) -> str:
    await browser.server.post("/v1/users", {"id": "user_1"})
    made = succeeded(
        await browser.server.post("/v1/sign_in_tokens", {"user_id": "user_1", **terms})
    )
    session: str = succeeded(await browser.present(made["token"]))["response"]["created_session_id"]
    return session


@pytest.mark.parametrize(("seconds", "status"), [(899.9, 200), (900, 401), (900.1, 401)])
@pytest.mark.parametrize("by_ticket", [True, False])
async def test_a_session_ends_with_its_own_maximum_lifetime(
    sidecar: Sidecar, clock: Clock, by_ticket: bool, seconds: float, status: int
) -> None:
    terms = {"maximum_lifetime_in_seconds": 900}
    browser, server = sidecar.browser(), sidecar.server
    session = (
        await _sign_in(browser, **terms) if by_ticket else (await _start(server, **terms))["id"]
    )
    clock.advance(seconds)
    assert (await server.post(f"/v1/sessions/{session}/tokens")).status_code == status
    assert await server.status(session) == ("active" if status == 200 else "expired")


@pytest.mark.parametrize(("seconds", "status"), [(299.9, 200), (300, 401), (300.1, 401)])
@pytest.mark.parametrize("by_ticket", [True, False])
async def test_a_session_ends_with_its_own_inactivity_timeout(
    sidecar: Sidecar, clock: Clock, by_ticket: bool, seconds: float, status: int
) -> None:
    terms = {"inactivity_timeout_in_seconds": 300}
    browser, server = sidecar.browser(), sidecar.server
    session = (
        await _sign_in(browser, **terms) if by_ticket else (await _start(server, **terms))["id"]
    )
    clock.advance(seconds)
    assert (await server.post(f"/v1/sessions/{session}/tokens")).status_code == status
    assert await server.status(session) == ("active" if status == 200 else "abandoned")


@pytest.mark.parametrize(("seconds", "status"), [(299.9, 200), (300, 401), (300.1, 401)])
async def test_activity_puts_the_inactivity_timeout_off(
    sidecar: Sidecar, clock: Clock, seconds: float, status: int
) -> None:
    browser = sidecar.browser()
    session = await _sign_in(browser, inactivity_timeout_in_seconds=300)
    clock.advance(200)
    succeeded(await browser.act(session, "touch"))
    clock.advance(seconds)
    assert (await browser.act(session)).status_code == status


async def test_refreshing_is_activity_and_never_outlasts_the_maximum_lifetime(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in(
        browser, inactivity_timeout_in_seconds=300, maximum_lifetime_in_seconds=900
    )
    for _ in range(4):
        clock.advance(200)
        await browser.refresh(session)
        await any_sidecar.core.touches.write()
    clock.advance(100)
    assert error_code(await browser.act(session)) == "session_over"
    assert await any_sidecar.server.status(session) == "expired"


async def test_limits_of_its_own_are_this_session_s_alone(server: Server, clock: Clock) -> None:
    short = await _start(server, maximum_lifetime_in_seconds=300)
    usual = await _start(server)
    assert short["expire_at"] == (NOW + 300) * 1000
    assert usual["expire_at"] == (NOW + 7 * DAY) * 1000
    clock.advance(300)
    assert [await server.status(s["id"]) for s in (short, usual)] == ["expired", "active"]


async def test_one_limit_of_its_own_leaves_the_other_to_the_policy(clock: Clock) -> None:
    settings = make_settings(MAXIMUM_LIFETIME="1h", INACTIVITY_TIMEOUT="10m")
    async with run_sidecar(clock, settings) as sidecar:
        one = await _start(sidecar.server, maximum_lifetime_in_seconds=1800)
        other = await _start(sidecar.server, inactivity_timeout_in_seconds=1200)
    ends = [((s["expire_at"], s["abandon_at"])) for s in (one, other)]
    assert ends == [
        ((NOW + 1800) * 1000, (NOW + 600) * 1000),
        ((NOW + 3600) * 1000, (NOW + 1200) * 1000),
    ]


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("path", ["sessions", "sign_in_tokens"])
async def test_a_limit_is_5_minutes_to_10_years(server: Server, path: str, limit: str) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    for seconds in (300, 301, 3650 * DAY - 1, 3650 * DAY):
        succeeded(await server.post(f"/v1/{path}", {"user_id": "user_1", limit: seconds}))


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("path", ["sessions", "sign_in_tokens"])
async def test_another_limit_is_refused(server: Server, path: str, limit: str) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    wrong: list[Any] = [299, 3650 * DAY + 1, 0, -1, 1 << 70, 300.5, 1e300, "300", True, [], {}]
    for seconds in wrong:
        answer = await server.post(f"/v1/{path}", {"user_id": "user_1", limit: seconds})
        assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")
    assert succeeded(await server.get("/v1/sessions")) == []


@pytest.mark.parametrize(
    "body",
    [b'{"user_id":"user_1","data":{"x":NaN}}', b'{"user_id":"user_1","data":{"x":"\\ud800"}}',
     b'{"user_id":"user_1","data":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
     b'{"user_id":"user_1"', b'\xef\xbb\xbf{"user_id":"user_1"}', b"\xff"],
)  # fmt: skip
async def test_a_body_that_is_not_json_starts_nothing(server: Server, body: bytes) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    headers = {"content-type": "application/json"}
    answer = await server.send("POST", "/v1/sessions", content=body, headers=headers)
    assert (answer.status_code, error_code(answer)) == (400, "request_body_invalid")
    assert succeeded(await server.get("/v1/sessions")) == []


@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1])
async def test_data_that_json_cannot_carry_is_refused(server: Server, number: int) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    answer = await server.post("/v1/sessions", {"user_id": "user_1", "data": {"x": number}})
    assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


async def test_data_is_kept_as_it_was_given(any_sidecar: Sidecar) -> None:
    data = {"": None, "deep": {"a": [1, 1.5, True, {"ü": "\x00😀"}]}, "big": (1 << 64) - 1}
    session = await _start(any_sidecar.server, data=data)
    assert session["data"] == data
    again = succeeded(await any_sidecar.server.get(f"/v1/sessions/{session['id']}"))
    assert again["data"] == data


async def test_data_reaches_no_token_and_no_answer_of_the_frontend(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    await any_sidecar.server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "data": {"note": SECRET}}
    made = succeeded(await any_sidecar.server.post("/v1/sign_in_tokens", body))
    answers = [await browser.present(made["token"])]
    session = answers[0].json()["response"]["created_session_id"]
    for method, path in (
        ("GET", "/v1/client"),
        ("GET", f"/v1/client/sessions/{session}"),
        ("GET", f"/v1/me?_clerk_session_id={session}"),
        ("POST", f"/v1/client/sessions/{session}/touch"),
        ("POST", f"/v1/client/sessions/{session}/tokens"),
        ("POST", f"/v1/client/sessions/{session}/end"),
    ):
        answers.append(await browser.send(method, path))
    assert {answer.status_code for answer in answers} == {200}
    assert not [answer.url for answer in answers if SECRET in answer.text]
    assert SECRET not in str(claims_of(answers[-2].json()["jwt"]))
    stored = succeeded(await any_sidecar.server.get(f"/v1/sessions/{session}"))
    assert stored["data"] == {"note": SECRET}


async def test_a_ticket_does_not_show_the_terms_it_was_made_with(server: Server) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "data": {"note": SECRET}}
    assert SECRET not in (await server.post("/v1/sign_in_tokens", body)).text
