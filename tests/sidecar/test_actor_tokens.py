"""Actor tokens: acting in a user's place, for a short time, and never unnamed."""

import asyncio
import json
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

ADMIN = {"sub": "user_admin"}


async def _make(server: Server, **changes: Any) -> dict[str, Any]:
    await server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "actor": ADMIN, **changes}
    made: dict[str, Any] = succeeded(await server.post("/v1/actor_tokens", body))
    return made


async def _impersonate(browser: Browser, **changes: Any) -> str:
    made = await _make(browser.server, **changes)
    session: str = succeeded(await browser.present(made["token"]))["response"]["created_session_id"]
    return session


async def test_an_actor_token_says_whose_and_until_when(server: Server) -> None:
    made = await _make(server)
    token = made.pop("token")
    identifier = made.pop("id")
    assert identifier.startswith("act_")
    assert token.startswith(identifier + ".")
    assert made == {
        "object": "actor_token",
        "user_id": "user_1",
        "status": "pending",
        "actor": ADMIN,
        "created_at": NOW * 1000,
        "updated_at": NOW * 1000,
        "expires_at": (NOW + 3600) * 1000,
    }


async def test_every_token_of_the_session_names_the_actor(any_sidecar: Sidecar) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    actor = {**ADMIN, "iss": "https://desk.example.com", "reason": ["ticket", 451]}
    session = await _impersonate(browser, actor=actor)
    answer = await server.post(f"/v1/sessions/{session}/tokens")
    for token in (await browser.refresh(session), succeeded(answer)["jwt"]):
        claims = claims_of(token)
        assert (claims["sub"], claims["act"]) == ("user_1", actor)


async def test_a_session_of_the_user_s_own_names_nobody(browser: Browser) -> None:
    session = await browser.sign_in()
    assert "act" not in claims_of(await browser.refresh(session))


async def test_the_session_shows_its_actor_to_browser_and_server(
    browser: Browser, server: Server
) -> None:
    session = await _impersonate(browser)
    client = await browser.client()
    assert client is not None
    assert client["sessions"][0]["actor"] == ADMIN
    assert succeeded(await server.get(f"/v1/sessions/{session}"))["actor"] == ADMIN


@pytest.mark.parametrize(("seconds", "status"), [(1799.9, 200), (1800, 401), (1800.1, 401)])
async def test_acting_in_a_user_s_place_ends_after_30_minutes_however_active(
    sidecar: Sidecar, clock: Clock, seconds: float, status: int
) -> None:
    browser = sidecar.browser()
    session = await _impersonate(browser)
    clock.advance(1000)
    succeeded(await browser.act(session, "touch"))
    clock.advance(seconds - 1000)
    assert (await browser.act(session)).status_code == status


@pytest.mark.parametrize("lifetime", [300, 301, 1799, 1800])
async def test_a_shorter_time_can_be_asked_for(browser: Browser, lifetime: int) -> None:
    await _impersonate(browser, session_max_duration_in_seconds=lifetime)
    client = await browser.client()
    assert client is not None
    assert client["sessions"][0]["expire_at"] == (NOW + lifetime) * 1000


@pytest.mark.parametrize(
    ("asked", "given"),
    [(3599, 3599), (3600, 3600), (3601, 3600), (315_360_000, 3600), (None, 1800)],
)
async def test_nobody_acts_for_longer_in_a_user_s_place_than_the_policy_lets_the_user(
    clock: Clock, store_setting: str, asked: int | None, given: int
) -> None:
    changes = {} if asked is None else {"session_max_duration_in_seconds": asked}
    async with run_sidecar(
        clock, make_settings(STORE=store_setting, MAXIMUM_LIFETIME="1h")
    ) as sidecar:
        browser = sidecar.browser()
        session = await _impersonate(browser, **changes)
        stored = succeeded(await sidecar.server.get(f"/v1/sessions/{session}"))
        assert stored["expire_at"] == (NOW + given) * 1000
        clock.advance(given)
        assert error_code(await browser.act(session)) == "session_over"


async def test_a_time_or_an_expiry_that_is_none_is_refused(server: Server) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    numbers: list[Any] = [0, -1, 1 << 70, 1.5, 1e300, "60", True, None, [], {}]
    for field in ("session_max_duration_in_seconds", "expires_in_seconds"):
        for number in [*numbers, *([299] if "max" in field else [315_360_001])]:
            body = {"user_id": "user_1", "actor": ADMIN, field: number}
            answer = await server.post("/v1/actor_tokens", body)
            assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


@pytest.mark.parametrize(("seconds", "status"), [(59.9, 200), (60, 422), (60.1, 422)])
async def test_an_actor_token_can_be_used_until_it_expires(
    sidecar: Sidecar, clock: Clock, seconds: float, status: int
) -> None:
    made = await _make(sidecar.server, expires_in_seconds=60)
    clock.advance(seconds)
    answer = await sidecar.browser().present(made["token"])
    assert answer.status_code == status
    if status == 422:
        assert error_code(answer) == "ticket_expired"


async def test_an_actor_is_named_by_its_sub_and_not_nested(server: Server) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    nested = {**ADMIN, "act": {"sub": "user_root"}}
    subs: list[Any] = ["", None, 1, ["a"], "x" * 257, "user_1"]
    for actor in ({}, {"id": "a"}, nested, {**ADMIN, "act": None}, *({"sub": s} for s in subs)):
        answer = await server.post("/v1/actor_tokens", {"user_id": "user_1", "actor": actor})
        assert (answer.status_code, error_code(answer)) == (422, "form_param_value_invalid")
    types: list[Any] = ["user_admin", [], None, 1, True]
    for actor in types:
        answer = await server.post("/v1/actor_tokens", {"user_id": "user_1", "actor": actor})
        assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


@pytest.mark.parametrize("sub", ["x" * 256, "ü😀", "user_admin\x00", "; DROP TABLE sessions"])
async def test_an_actor_of_any_name_is_named_as_it_was_given(
    any_sidecar: Sidecar, sub: str
) -> None:
    browser = any_sidecar.browser()
    session = await _impersonate(browser, actor={"sub": sub})
    assert claims_of(await browser.refresh(session))["act"] == {"sub": sub}
    types = {e.type: e.actor_id for _, e in await any_sidecar.core.store.list_events(0, 100)}
    assert types["session.created"] == sub


@pytest.mark.parametrize(("size", "status"), [(1023, 200), (1024, 200), (1025, 422), (50_000, 422)])
async def test_an_actor_is_as_long_as_every_token_can_carry(
    browser: Browser, server: Server, size: int, status: int
) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    actor = {**ADMIN, "note": ""}
    actor["note"] = "y" * (size - len(json.dumps(actor, separators=(",", ":"))))
    answer = await server.post("/v1/actor_tokens", {"user_id": "user_1", "actor": actor})
    assert answer.status_code == status
    if status == 422:
        assert error_code(answer) == "form_param_value_invalid"
        return
    session = succeeded(await browser.present(answer.json()["token"]))["response"]
    token = await browser.refresh(session["created_session_id"])
    assert claims_of(token)["act"] == actor


async def test_an_actor_token_for_nobody_is_404(server: Server) -> None:
    answer = await server.post("/v1/actor_tokens", {"user_id": "user_0", "actor": ADMIN})
    assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")


async def test_every_event_of_it_names_the_actor(any_sidecar: Sidecar, clock: Clock) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await _impersonate(browser)
    clock.advance(1)
    succeeded(await server.post(f"/v1/sessions/{session}/verifications"))
    await server.revoke(session)
    events = [event for _, event in await any_sidecar.core.store.list_events(0, 100)]
    named = {event.type: (event.actor_id, event.user_id) for event in events if event.actor_id}
    both = ("user_admin", "user_1")
    assert named == dict.fromkeys(
        ("ticket.created", "ticket.used", "session.created", "session.verified", "session.revoked"),
        both,
    )


async def test_an_actor_token_starts_one_session(any_sidecar: Sidecar) -> None:
    made = await _make(any_sidecar.server)
    browsers = [any_sidecar.browser() for _ in range(5)]
    answers = await asyncio.gather(*(browser.present(made["token"]) for browser in browsers))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [error_code(answer) for answer in refused] == ["ticket_used"] * 4


async def test_an_actor_token_that_was_revoked_starts_nothing(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    made = await _make(server)
    for _ in range(2):
        revoked = succeeded(await server.post(f"/v1/actor_tokens/{made['id']}/revoke"))
        assert (revoked["object"], revoked["status"]) == ("actor_token", "revoked")
    answer = await any_sidecar.browser().present(made["token"])
    assert (answer.status_code, error_code(answer)) == (422, "ticket_revoked")


async def test_an_actor_token_that_was_used_is_not_revoked(
    browser: Browser, server: Server
) -> None:
    made = await _make(server)
    succeeded(await browser.present(made["token"]))
    answer = await server.post(f"/v1/actor_tokens/{made['id']}/revoke")
    assert (answer.status_code, error_code(answer)) == (422, "ticket_used")


async def test_an_actor_token_is_no_sign_in_token_and_the_reverse(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    actor = await _make(server)
    sign_in, text = await server.ticket()
    wrong = [f"/v1/sign_in_tokens/{actor['id']}", f"/v1/actor_tokens/{sign_in}"]
    for path in wrong:
        answer = await server.post(f"{path}/revoke")
        assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")
    for token in (actor["token"], text):
        succeeded(await any_sidecar.browser().present(token))


async def test_the_two_kinds_of_token_are_not_each_other_under_another_prefix(
    sidecar: Sidecar,
) -> None:
    made = await _make(sidecar.server)
    answer = await sidecar.browser().present(made["token"].replace("act_", "sit_", 1))
    assert (answer.status_code, error_code(answer)) == (422, "ticket_invalid")


async def test_the_user_s_own_session_elsewhere_goes_on(sidecar: Sidecar) -> None:
    own = sidecar.browser()
    mine = await own.sign_in()
    browser = sidecar.browser()
    session = await _impersonate(browser)
    succeeded(await browser.act(session, "end"))
    assert "act" not in claims_of(await own.refresh(mine))


async def test_banning_the_user_ends_who_acts_in_their_place(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    session = await _impersonate(browser)
    succeeded(await sidecar.server.post("/v1/users/user_1/ban"))
    assert error_code(await browser.act(session)) == "session_over"


async def test_a_policy_that_is_stricter_holds_for_an_actor_too(clock: Clock) -> None:
    settings = make_settings(MAXIMUM_LIFETIME="1h", INACTIVITY_TIMEOUT="5m")
    async with run_sidecar(clock, settings) as sidecar:
        browser = sidecar.browser()
        session = await _impersonate(browser)
        clock.advance(300)
        assert error_code(await browser.act(session)) == "session_over"
        assert await sidecar.server.status(session) == "abandoned"


@pytest.mark.parametrize(("levels", "status"), [(14, 200), (31, 422)])
async def test_an_actor_is_nested_no_deeper_than_edges_read(
    server: Server, levels: int, status: int
) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    why: object = "support"
    for _ in range(levels):
        why = {"why": why}
    body = {"user_id": "user_1", "actor": {"sub": "user_support", "more": why}}
    assert (await server.post("/v1/actor_tokens", body)).status_code == status
