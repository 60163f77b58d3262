"""Pending sessions: what is left to do keeps them so, and every token says that it is."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Clock
from tests.support.sidecar import Browser, Server, Sidecar, claims_of, error_code, succeeded

TASKS = ["setup-mfa", "choose-organization"]


async def _start(server: Server, **terms: Any) -> dict[str, Any]:
    await server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "tasks": TASKS, **terms}
    session: dict[str, Any] = succeeded(await server.post("/v1/sessions", body))
    return session


async def _sign_in_with_tasks(browser: Browser) -> str:
    await browser.server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "tasks": TASKS}
    made = succeeded(await browser.server.post("/v1/sign_in_tokens", body))
    session: str = succeeded(await browser.present(made["token"]))["response"]["created_session_id"]
    return session


async def _change(server: Server, session: str, **changes: Any) -> dict[str, Any]:
    answer = await server.send("PATCH", f"/v1/sessions/{session}", json=changes)
    changed: dict[str, Any] = succeeded(answer)
    return changed


async def test_a_session_with_tasks_starts_pending_and_lists_them(any_sidecar: Sidecar) -> None:
    session = await _start(any_sidecar.server)
    assert session["status"] == "pending"
    assert session["tasks"] == [{"key": "setup-mfa"}, {"key": "choose-organization"}]
    again = succeeded(await any_sidecar.server.get(f"/v1/sessions/{session['id']}"))
    assert again == session


async def test_a_session_without_tasks_starts_active(server: Server) -> None:
    session = await _start(server, tasks=[])
    assert (session["status"], session["tasks"]) == ("active", None)


async def test_a_ticket_starts_a_pending_session_that_its_browser_sees(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in_with_tasks(browser)
    client = await browser.client()
    assert client is not None
    (shown,) = client["sessions"]
    assert (shown["id"], shown["status"]) == (session, "pending")
    assert [task["key"] for task in shown["tasks"]] == TASKS
    assert claims_of(shown["last_active_token"]["jwt"])["sts"] == "pending"


async def test_every_token_of_a_pending_session_says_so(browser: Browser, server: Server) -> None:
    session = await _sign_in_with_tasks(browser)
    answer = await server.post(f"/v1/sessions/{session}/tokens")
    tokens = [await browser.refresh(session), succeeded(answer)["jwt"]]
    assert [claims_of(token)["sts"] for token in tokens] == ["pending", "pending"]


async def test_the_token_of_an_active_session_says_that_it_is(browser: Browser) -> None:
    assert claims_of(await browser.refresh(await browser.sign_in()))["sts"] == "active"


async def test_a_pending_start_is_an_event_of_its_own(sidecar: Sidecar) -> None:
    await _start(sidecar.server)
    types = await sidecar.event_types()
    assert types.count("session.pending") == 1
    assert "session.created" not in types


async def test_pending_sessions_are_found_by_their_status(server: Server) -> None:
    pending = await _start(server)
    active = await _start(server, tasks=[])
    for status, session in (("pending", pending), ("active", active)):
        (found,) = succeeded(await server.get("/v1/sessions", status=status))
        assert found["id"] == session["id"]


@pytest.mark.parametrize("action", ["touch", "end", "remove"])
async def test_a_pending_session_can_be_used_and_left(browser: Browser, action: str) -> None:
    session = await _sign_in_with_tasks(browser)
    shown = succeeded(await browser.act(session, action))["response"]
    status = {"touch": "pending", "end": "ended", "remove": "removed"}[action]
    assert (shown["id"], shown["status"]) == (session, status)


@pytest.mark.parametrize(("seconds", "status"), [(299.9, 200), (300, 401), (300.1, 401)])
async def test_a_pending_session_ends_in_its_time_as_any_other(
    server: Server, clock: Clock, seconds: float, status: int
) -> None:
    session = await _start(server, maximum_lifetime_in_seconds=300)
    clock.advance(seconds)
    answer = await server.post(f"/v1/sessions/{session['id']}/tokens")
    assert answer.status_code == status


async def test_a_pending_session_is_revoked_as_any_other(any_sidecar: Sidecar) -> None:
    session = (await _start(any_sidecar.server))["id"]
    await any_sidecar.server.revoke(session)
    assert await any_sidecar.server.status(session) == "revoked"


async def test_with_its_last_task_done_a_session_is_active(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await _sign_in_with_tasks(browser)
    clock.advance(3)
    one_left = await _change(server, session, tasks=TASKS[1:])
    assert (one_left["status"], one_left["tasks"]) == ("pending", [{"key": TASKS[1]}])
    clock.advance(3)
    done = await _change(server, session, tasks=[])
    assert (done["status"], done["tasks"]) == ("active", None)
    assert claims_of(await browser.refresh(session))["sts"] == "active"
    assert (await any_sidecar.event_types()).count("session.activated") == 1


@pytest.mark.parametrize("seconds", [0, 0.001, 3])
async def test_a_session_that_gets_a_task_is_pending_again_and_its_next_token_says_so(
    any_sidecar: Sidecar, clock: Clock, seconds: float
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await browser.sign_in()
    assert claims_of(await browser.refresh(session))["sts"] == "active"
    clock.advance(seconds)
    assert (await _change(server, session, tasks=["reset-password"]))["status"] == "pending"
    assert claims_of(await browser.refresh(session))["sts"] == "pending"
    assert (await any_sidecar.event_types()).count("session.pending") == 1


async def test_tasks_and_data_that_are_sent_together_are_both_kept(any_sidecar: Sidecar) -> None:
    session = await any_sidecar.browser().sign_in()
    changed = await _change(any_sidecar.server, session, tasks=["mfa"], data={"a": 1})
    assert (changed["status"], changed["tasks"]) == ("pending", [{"key": "mfa"}])
    assert changed["data"] == {"a": 1}
    assert succeeded(await any_sidecar.server.get(f"/v1/sessions/{session}")) == changed


async def test_what_is_not_sent_stays_as_it_is(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    session = (await _start(server, data={"a": 1}, claims={"custom": {"b": 2}}))["id"]
    changed = await _change(server, session, data={"c": 3})
    assert (changed["data"], changed["claims"]) == ({"c": 3}, {"custom": {"b": 2}})
    assert (changed["status"], [task["key"] for task in changed["tasks"]]) == ("pending", TASKS)
    changed = await _change(server, session, claims={})
    assert (changed["data"], changed["claims"]) == ({"c": 3}, {})
    assert succeeded(await server.get(f"/v1/sessions/{session}")) == changed


async def test_changed_claims_of_a_session_are_in_its_next_token(
    browser: Browser, server: Server
) -> None:
    session = await browser.sign_in()
    assert "seat" not in claims_of(await browser.refresh(session))
    await _change(server, session, claims={"custom": {"seat": 7}})
    assert claims_of(await browser.refresh(session))["seat"] == 7


async def test_changes_of_different_fields_at_once_are_all_kept(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    session = (await _start(server))["id"]
    await asyncio.gather(
        _change(server, session, data={"a": 1}),
        _change(server, session, tasks=[]),
        _change(server, session, claims={"custom": {"b": 2}}),
    )
    stored = succeeded(await server.get(f"/v1/sessions/{session}"))
    assert (stored["data"], stored["status"]) == ({"a": 1}, "active")
    assert stored["claims"] == {"custom": {"b": 2}}


@pytest.mark.parametrize("end", ["revoke", "time"])
async def test_a_session_that_is_over_is_not_changed(
    any_sidecar: Sidecar, clock: Clock, end: str
) -> None:
    server = any_sidecar.server
    session = (await _start(server, maximum_lifetime_in_seconds=300))["id"]
    if end == "revoke":
        await server.revoke(session)
    else:
        clock.advance(300)
    answer = await server.send("PATCH", f"/v1/sessions/{session}", json={"tasks": []})
    assert (answer.status_code, error_code(answer)) == (422, "session_over")


async def test_changes_and_a_revocation_at_once_leave_it_revoked(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    session = (await _start(server))["id"]
    changes = (
        server.send("PATCH", f"/v1/sessions/{session}", json={"data": {"n": n}}) for n in range(10)
    )
    _, answers = await asyncio.gather(server.revoke(session), asyncio.gather(*changes))
    assert {answer.status_code for answer in answers} <= {200, 422}
    assert await server.status(session) == "revoked"
    assert (await any_sidecar.event_types()).count("session.revoked") == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_tasks_that_are_none_are_refused_and_change_nothing(
    server: Server, method: str
) -> None:
    session = (await _start(server))["id"]
    path = "/v1/sessions" if method == "POST" else f"/v1/sessions/{session}"
    names: list[Any] = ["", "A", "-x", "a b", "é", "x" * 65, "a\n", "a\x00", 1, None, ["a"], {}]
    wrong: list[Any] = [*([name] for name in names), "setup-mfa", {"0": "a"}, None, ["a"] * 17]
    for tasks in wrong:
        body = {"user_id": "user_1", "tasks": tasks}
        answer = await server.send(method, path, json=body)
        assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")
    (stored,) = succeeded(await server.get("/v1/sessions"))
    assert [task["key"] for task in stored["tasks"]] == TASKS


async def test_as_many_tasks_as_may_be_are_kept_and_each_once(server: Server) -> None:
    tasks = [f"t{number}" for number in range(8)] * 2
    session = await _start(server, tasks=tasks)
    assert [task["key"] for task in session["tasks"]] == tasks[:8]
    longest = "x" * 64
    session = await _start(server, tasks=[longest])
    assert session["tasks"] == [{"key": longest}]


async def test_a_browser_cannot_declare_its_own_tasks_done(browser: Browser) -> None:
    session = await _sign_in_with_tasks(browser)
    answer = await browser.send("PATCH", f"/v1/sessions/{session}", json={"tasks": []})
    assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")
    for field in ("tasks", "status", "claims"):
        form = {field: "active"}
        succeeded(await browser.send("POST", f"/v1/client/sessions/{session}/touch", data=form))
    assert claims_of(await browser.refresh(session))["sts"] == "pending"


async def test_changing_a_session_that_is_not_there_is_404(server: Server) -> None:
    answer = await server.send("PATCH", "/v1/sessions/sess_0", json={"tasks": []})
    assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/me/sessions"),
        ("GET", "/v1/me/sessions/active"),
        ("POST", "/v1/me/sessions/revoke_others"),
        ("POST", "/v1/me/sessions/sess_x/revoke"),
    ],
)
async def test_a_pending_session_neither_sees_nor_ends_other_devices(
    server: Server, browser: Browser, method: str, path: str
) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "tasks": ["second-factor"]}
    ticket = succeeded(await server.post("/v1/sign_in_tokens", body))["token"]
    succeeded(await browser.present(ticket))
    answer = await browser.send(method, path)
    assert (answer.status_code, error_code(answer)) == (422, "session_pending")
