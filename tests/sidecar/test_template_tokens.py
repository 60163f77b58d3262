"""Tokens from templates: how a template is found, and what such a token must not hide."""

from typing import Any

import pytest

from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import refresh
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    Browser,
    Server,
    Sidecar,
    claims_of,
    error_code,
    succeeded,
)

ACTOR = {"sub": "user_admin", "reason": "ticket 451"}


async def _make(server: Server, name: str = "crm", **changes: Any) -> dict[str, Any]:
    body = {"name": name, "claims": {}, **changes}
    made: dict[str, Any] = succeeded(await server.post("/v1/jwt_templates", body))
    return made


async def _sign_in(browser: Browser, path: str = "sign_in_tokens", **terms: Any) -> str:
    await browser.server.post("/v1/users", {"id": "user_1"})
    made = succeeded(await browser.server.post(f"/v1/{path}", {"user_id": "user_1", **terms}))
    session: str = succeeded(await browser.present(made["token"]))["response"]["created_session_id"]
    return session


async def test_a_template_can_be_used_as_soon_as_it_is_made(any_sidecar: Sidecar) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await browser.sign_in()
    for answer in (
        await server.post(f"/v1/sessions/{session}/tokens/crm"),
        await browser.act(session, "tokens/crm"),
    ):
        assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")
    await _make(server)
    succeeded(await server.post(f"/v1/sessions/{session}/tokens/crm"))
    succeeded(await browser.act(session, "tokens/crm"))


async def test_a_template_is_found_by_its_id_whatever_others_are_called(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    server = any_sidecar.server
    made = await _make(server, "crm")
    path = f"/v1/jwt_templates/{made['id']}"
    clock.advance(1)
    namesake = await _make(server, made["id"])
    assert succeeded(await server.get(path)) == made
    changed = succeeded(await server.send("PATCH", path, json={"lifetime": 90}))
    assert (changed["id"], changed["name"], changed["lifetime"]) == (made["id"], "crm", 90)
    assert succeeded(await server.send("DELETE", path))["id"] == made["id"]
    assert succeeded(await server.get("/v1/jwt_templates")) == [namesake]


async def test_a_pending_session_gets_no_token_from_a_template_until_its_tasks_are_done(
    any_sidecar: Sidecar,
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    await _make(server)
    session = await _sign_in(browser, tasks=["setup-mfa"])
    path = f"/v1/sessions/{session}/tokens/crm"
    for answer in (await server.post(path), await browser.act(session, "tokens/crm")):
        assert (answer.status_code, error_code(answer)) == (422, "session_pending")
    with pytest.raises(Refused, match="task left"):
        await refresh(
            any_sidecar.core, browser.token, SessionId(session), APP_ORIGIN, template="crm"
        )
    assert claims_of(await browser.refresh(session))["sts"] == "pending"
    succeeded(await server.send("PATCH", f"/v1/sessions/{session}", json={"tasks": []}))
    succeeded(await server.post(path))
    succeeded(await browser.act(session, "tokens/crm"))


async def test_a_session_that_is_pending_again_gets_no_token_from_a_template(
    any_sidecar: Sidecar,
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    await _make(server)
    session = await _sign_in(browser)
    path = f"/v1/sessions/{session}/tokens/crm"
    succeeded(await server.post(path))
    tasks = {"tasks": ["reset-password"]}
    succeeded(await server.send("PATCH", f"/v1/sessions/{session}", json=tasks))
    answer = await server.post(path)
    assert (answer.status_code, error_code(answer)) == (422, "session_pending")


async def test_a_token_from_a_template_names_who_acts_in_the_user_s_place(
    any_sidecar: Sidecar,
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    await _make(server, claims={"role": "admin"})
    session = await _sign_in(browser, "actor_tokens", actor=ACTOR)
    for answer in (
        await server.post(f"/v1/sessions/{session}/tokens/crm"),
        await browser.act(session, "tokens/crm"),
    ):
        claims = claims_of(succeeded(answer)["jwt"])
        assert (claims["sub"], claims["act"], claims["role"]) == ("user_1", ACTOR, "admin")


async def test_a_token_from_a_template_for_the_user_s_own_session_names_nobody(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    await _make(any_sidecar.server)
    session = await _sign_in(browser)
    token = succeeded(await browser.act(session, "tokens/crm"))["jwt"]
    assert "act" not in claims_of(token)
