"""The backend API through HTTP: keys, users, sign-in tokens, sessions, session tokens."""

import asyncio
import json

import pytest

from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.secret_keys import create_secret_key
from edgepass_sidecar.service.users import create_user
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import (
    SECRET_KEY,
    Browser,
    Server,
    Sidecar,
    claims_of,
    error_code,
    succeeded,
)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        SECRET_KEY,
        f"Basic {SECRET_KEY}",
        "Bearer",
        "Bearer ",
        f"Bearer {SECRET_KEY[:-1]}",
        f"Bearer {SECRET_KEY}x",
        f"Bearer {SECRET_KEY.upper()}",
        f"Bearer\t{SECRET_KEY}",
        f"Bearer {SECRET_KEY},{SECRET_KEY}",
    ],
)
@pytest.mark.parametrize("path", ["/v1/users", "/v1/sessions", "/v1/jwks"])
async def test_without_a_secret_key_nothing_is_answered(
    sidecar: Sidecar, authorization: str | None, path: str
) -> None:
    headers = {"authorization": authorization} if authorization is not None else {}
    answer = await sidecar.http.get(path, headers=headers)
    assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_read_without_regard_to_case(sidecar: Sidecar, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {SECRET_KEY}"}
    assert succeeded(await sidecar.http.get("/v1/users", headers=headers)) == []


@pytest.mark.parametrize("first", [SECRET_KEY, "x"])
async def test_two_authorization_fields_are_refused(sidecar: Sidecar, first: str) -> None:
    fields = [("authorization", f"Bearer {key}") for key in (first, SECRET_KEY)]
    answer = await sidecar.http.get("/v1/users", headers=fields)
    assert answer.status_code in (400, 401)


async def test_a_key_from_the_store_works(sidecar: Sidecar, clock: Clock) -> None:
    _, text = await create_secret_key(sidecar.core.store, production=True, clock=clock)
    assert succeeded(await Server(sidecar.http, text).get("/v1/users")) == []


async def test_a_client_token_is_no_secret_key_and_the_reverse(
    sidecar: Sidecar, browser: Browser
) -> None:
    session = await browser.sign_in()
    assert (await Server(sidecar.http, browser.token).get("/v1/users")).status_code == 401
    assert (await browser.with_token(SECRET_KEY).act(session)).status_code == 401


async def test_a_user_is_made_read_and_changed(server: Server, clock: Clock) -> None:
    profile = {"external_id": "42", "first_name": "Ada", "public_metadata": {"a": [1, None]}}
    made = succeeded(await server.post("/v1/users", {"id": "user_1", **profile}))
    assert {name: made[name] for name in profile} == profile
    clock.advance(5)
    changed = succeeded(
        await server.send("PATCH", "/v1/users/user_1", json={"last_name": "L", "first_name": None})
    )
    assert (changed["first_name"], changed["last_name"]) == (None, "L")
    assert (changed["external_id"], changed["public_metadata"]) == ("42", {"a": [1, None]})
    assert (changed["created_at"], changed["updated_at"]) == (NOW * 1000, (NOW + 5) * 1000)
    assert succeeded(await server.get("/v1/users/user_1")) == changed


async def test_a_user_without_an_id_gets_one(server: Server) -> None:
    made = [succeeded(await server.post("/v1/users"))["id"] for _ in range(2)]
    assert all(name.startswith("user_") for name in made)
    assert made[0] != made[1]


@pytest.mark.parametrize("body", [{"id": "user_1"}, {"id": "user_2", "external_id": "42"}])
async def test_a_taken_id_or_external_id_is_refused(server: Server, body: dict) -> None:
    await server.post("/v1/users", {"id": "user_1", "external_id": "42"})
    answer = await server.post("/v1/users", body)
    assert (answer.status_code, error_code(answer)) == (422, "form_identifier_exists")


async def test_each_refusal_is_an_exception_of_its_own(sidecar: Sidecar) -> None:
    # One that is raised again and again gathers the frames of all requests, and what they hold.
    refusals = []
    await create_user(sidecar.core, "user_1", {})
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await create_user(sidecar.core, "user_1", {})
        refusals.append(caught.value)
    assert refusals[0] is not refusals[1]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 129, "é", "a\n"])
async def test_a_user_id_that_cannot_be_one_is_refused(server: Server, name: str) -> None:
    answer = await server.post("/v1/users", {"id": name})
    assert (answer.status_code, error_code(answer)) == (422, "form_param_value_invalid")


@pytest.mark.parametrize(
    "metadata",
    ['{"n": 123456789012345678901234567890}', '{"n": ' + "[" * 400 + "]" * 400 + "}"],
    ids=["a number of more than 64 bits", "400 levels"],
)
async def test_metadata_that_cannot_be_answered_is_refused(
    any_sidecar: Sidecar, metadata: str
) -> None:
    server = any_sidecar.server
    body = f'{{"id": "user_1", "public_metadata": {metadata}}}'
    headers = {"content-type": "application/json"}
    answer = await server.send("POST", "/v1/users", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert succeeded(await server.get("/v1/users")) == []


@pytest.mark.parametrize(
    "call",
    [
        ("GET", "/v1/users/user_x"),
        ("PATCH", "/v1/users/user_x"),
        ("GET", "/v1/sessions/sess_x"),
        ("POST", "/v1/sessions/sess_x/revoke"),
        ("POST", "/v1/sessions/sess_x/tokens"),
        ("POST", "/v1/sign_in_tokens/sit_x/revoke"),
    ],
)
async def test_what_is_not_there_is_404(server: Server, call: tuple[str, str]) -> None:
    answer = await server.send(*call, json={})
    assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/sign_in_tokens"])
async def test_nothing_starts_for_a_user_who_is_not_there(server: Server, path: str) -> None:
    assert (await server.post(path, {"user_id": "user_x"})).status_code == 404


@pytest.mark.parametrize(
    ("lifetime", "status"),
    [(0, 422), (1, 200), (315_360_000, 200), (315_360_001, 422), ("60", 422), (True, 422)],
)
async def test_a_sign_in_token_lasts_a_second_to_ten_years(
    server: Server, lifetime: object, status: int
) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "expires_in_seconds": lifetime}
    answer = await server.post("/v1/sign_in_tokens", body)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["expires_at"] == (NOW + lifetime) * 1000


async def test_a_sign_in_token_is_revoked_once_or_more_but_not_after_its_use(
    server: Server, browser: Browser
) -> None:
    ticket_id, _ = await server.ticket()
    for _ in range(2):
        revoked = succeeded(await server.post(f"/v1/sign_in_tokens/{ticket_id}/revoke"))
        assert revoked["status"] == "revoked"
        assert "token" not in revoked
    used, ticket = await server.ticket()
    await browser.present(ticket)
    answer = await server.post(f"/v1/sign_in_tokens/{used}/revoke")
    assert (answer.status_code, error_code(answer)) == (422, "ticket_used")


async def _start(server: Server, clock: Clock, *users: str) -> list[str]:
    sessions = []
    for user in users:
        await server.post("/v1/users", {"id": user})
        sessions.append(succeeded(await server.post("/v1/sessions", {"user_id": user}))["id"])
        clock.advance(1)
    return sessions


async def test_sessions_are_a_bare_array_newest_first(server: Server, clock: Clock) -> None:
    started = await _start(server, clock, "user_1", "user_2", "user_1")
    listed = succeeded(await server.get("/v1/sessions"))
    assert [session["id"] for session in listed] == started[::-1]
    assert {"object", "id", "user_id", "client_id", "status", "last_active_at", "expire_at"} < set(
        listed[0]
    )


async def test_a_paginated_list_has_its_data_and_the_whole_number(
    server: Server, clock: Clock
) -> None:
    started = await _start(server, clock, *["user_1"] * 12)
    page = succeeded(await server.get("/v1/sessions", paginated="true", limit=2, offset=1))
    assert [session["id"] for session in page["data"]] == [started[10], started[9]]
    assert page["total_count"] == 12
    assert len(succeeded(await server.get("/v1/sessions"))) == 10


async def test_sessions_are_chosen_by_user_client_and_status(server: Server, clock: Clock) -> None:
    first, second = await _start(server, clock, "user_1", "user_2")
    await server.revoke(first)
    client = succeeded(await server.get(f"/v1/sessions/{second}"))["client_id"]
    for query in ({"user_id": "user_2"}, {"client_id": client}, {"status": "active"}):
        listed = succeeded(await server.get("/v1/sessions", **query))
        assert [session["id"] for session in listed] == [second]


@pytest.mark.parametrize("name", ["user_id", "client_id"])
async def test_an_empty_choice_is_not_everybody(server: Server, clock: Clock, name: str) -> None:
    await _start(server, clock, "user_1")
    answer = await server.get("/v1/sessions", **{name: ""})
    assert answer.status_code == 422 or answer.json() == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=x", "offset=-1", "paginated=maybe", "offset=" + "9" * 30],
)
@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/users"])
async def test_a_query_out_of_bounds_is_refused(server: Server, query: str, path: str) -> None:
    answer = await server.send("GET", f"{path}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


async def test_a_status_that_is_none_is_refused(server: Server) -> None:
    answer = await server.get("/v1/sessions", status="gone")
    assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


async def test_a_list_takes_up_to_500(server: Server) -> None:
    assert succeeded(await server.get("/v1/sessions", limit=500)) == []
    assert succeeded(await server.get("/v1/users", limit=500, external_id=["a", "b"])) == []


async def test_after_a_revoke_no_token_is_minted(any_sidecar: Sidecar) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await browser.sign_in()
    await browser.refresh(session)
    for _ in range(2):
        revoked = succeeded(await server.post(f"/v1/sessions/{session}/revoke"))
        assert revoked["status"] == "revoked"
    assert (await browser.act(session)).status_code == 401
    assert (await server.post(f"/v1/sessions/{session}/tokens")).status_code == 401
    assert (await browser.client())["sessions"] == []
    assert (await any_sidecar.event_types()).count("session.revoked") == 1


@pytest.mark.parametrize(
    ("lifetime", "status"), [(29, 422), (30, 200), (60, 200), (300, 200), (301, 422), ("60", 422)]
)
async def test_a_token_for_a_server_lives_30_to_300_seconds(
    server: Server, clock: Clock, lifetime: object, status: int
) -> None:
    (session,) = await _start(server, clock, "user_1")
    answer = await server.post(f"/v1/sessions/{session}/tokens", {"expires_in_seconds": lifetime})
    assert answer.status_code == status
    if status == 200:
        claims = claims_of(answer.json()["jwt"])
        assert claims["exp"] - claims["iat"] == lifetime
        assert "azp" not in claims


async def test_a_token_for_a_server_lives_as_long_as_the_settings_say(
    server: Server, clock: Clock
) -> None:
    (session,) = await _start(server, clock, "user_1")
    claims = claims_of(
        json.loads((await server.post(f"/v1/sessions/{session}/tokens")).text)["jwt"]
    )
    assert (claims["exp"] - claims["iat"], claims["sid"]) == (60, session)


async def test_changes_of_different_fields_at_once_are_all_kept(any_sidecar: Sidecar) -> None:
    await any_sidecar.server.post("/v1/users", {"id": "user_1"})
    fields = ("first_name", "last_name", "username", "image_url", "external_id")
    answers = await asyncio.gather(
        *(
            any_sidecar.server.send("PATCH", "/v1/users/user_1", json={field: field})
            for field in fields
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    user = succeeded(await any_sidecar.server.get("/v1/users/user_1"))
    assert {field: user[field] for field in fields} == {field: field for field in fields}


async def test_a_session_started_by_a_server_has_no_address_of_the_server(server: Server) -> None:
    await server.post("/v1/users", {"id": "user_1"})
    session = succeeded(await server.post("/v1/sessions", {"user_id": "user_1"}))
    activity = session["latest_activity"]
    assert (activity["ip_address"], activity["browser_name"]) == (None, None)


async def test_clients_are_listed_as_each_of_them_is_shown(sidecar: Sidecar, clock: Clock) -> None:
    server, shown = sidecar.server, []
    for _ in range(3):
        clock.advance(1)
        session = await sidecar.browser().sign_in()
        client_id = succeeded(await server.get(f"/v1/sessions/{session}"))["client_id"]
        shown.append(succeeded(await server.get(f"/v1/clients/{client_id}")))
    assert succeeded(await server.get("/v1/clients")) == shown[::-1]
    page = succeeded(await server.get("/v1/clients", paginated=True, limit=1, offset=2))
    assert page == {"data": shown[:1], "total_count": 3}
