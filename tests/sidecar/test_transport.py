"""How SDKs speak to the frontend API: overridden methods, forms, and the smaller routes."""

import pytest

from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    Browser,
    Sidecar,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("spelled", ["_method=DELETE", "a=1&_method=DELETE&_clerk_js_version=6"])
async def test_a_post_can_stand_for_a_delete(browser: Browser, spelled: str) -> None:
    session = await browser.sign_in()
    succeeded(await browser.send("POST", f"/v1/client/sessions?{spelled}"))
    assert (await browser.act(session)).status_code == 401


@pytest.mark.parametrize("named", ["DELETE", "GET", "", "DELETE&_method=PUT"])
async def test_a_get_stays_a_get(browser: Browser, named: str) -> None:
    session = await browser.sign_in()
    shown = succeeded(await browser.send("GET", f"/v1/client?_method={named}"))
    assert [s["id"] for s in shown["response"]["sessions"]] == [session]
    assert await browser.refresh(session)


@pytest.mark.parametrize(
    "spelled",
    ["GET", "HEAD", "POST", "OPTIONS", "delete", "", "DELETE&_method=DELETE", "PATCH&_method=GET"],
)
async def test_a_post_stands_for_no_other_method(browser: Browser, spelled: str) -> None:
    session = await browser.sign_in()
    for path in ("/v1/client", "/v1/client/sessions", f"/v1/client/sessions/{session}/tokens"):
        answer = await browser.send("POST", f"{path}?_method={spelled}")
        assert (answer.status_code, error_code(answer)) == (405, "method_not_allowed")
        assert answer.headers["allow"]
    assert await browser.refresh(session)


async def test_a_method_that_the_route_does_not_have_is_405(browser: Browser) -> None:
    answer = await browser.send("POST", "/v1/client/sessions?_method=PATCH")
    assert (answer.status_code, error_code(answer)) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
async def test_an_overridden_method_is_held_to_the_origin_all_the_same(
    sidecar: Sidecar, origin: str | None
) -> None:
    browser = sidecar.browser()
    session = await browser.sign_in()
    forged = Browser(browser.http, browser.server, origin, browser.token)
    for path in ("/v1/client/sessions", "/v1/client"):
        answer = await forged.send("POST", f"{path}?_method=DELETE")
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert await browser.refresh(session)


async def test_the_backend_api_takes_no_override(sidecar: Sidecar) -> None:
    await sidecar.server.post("/v1/users", {"id": "user_1"})
    answer = await sidecar.server.post("/v1/users/user_1?_method=PATCH", {"username": "ada"})
    assert (answer.status_code, error_code(answer)) == (405, "method_not_allowed")


async def test_what_sdks_add_to_the_query_changes_nothing(browser: Browser) -> None:
    session = await browser.sign_in()
    added = "__clerk_api_version=2026-08-20&_clerk_js_version=6.40.0&_clerk_retry_attempt=1"
    path = f"/v1/client/sessions/{session}/tokens?{added}&_clerk_session_id=sess_x"
    succeeded(await browser.send("POST", path))


@pytest.mark.parametrize(
    "body",
    [
        b"strategy=ticket&strategy=password&ticket=x",
        b"strategy=ticket&ticket=x&ticket=y",
        b"strategy=ticket&ticket=%ff",
        b"strategy=ticket&ticket=%zz",
        b"strategy=ticket&ticket=%u0041",
        b"strategy=ticket&ticket=%",
        b"strategy=ticket&ticket",
        b"strategy=ticket&&ticket=x",
        "strategy=ticket&ticket=x".encode("utf-16"),
        b"\x1f\x8b\x08",
    ],
)
async def test_a_form_that_can_be_read_in_two_ways_is_refused(
    browser: Browser, body: bytes
) -> None:
    answer = await browser.send("POST", "/v1/client/sign_ins", content=body, headers=FORM)
    assert (answer.status_code, error_code(answer)) == (400, "request_body_invalid")


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded; charset=utf-16"},
        {"content-type": "application/json; charset=iso-8859-1"},
        {"content-type": "application/json; a=b; charset=utf-8; charset=utf-7"},
        {**FORM, "content-encoding": "gzip"},
    ],
)
async def test_no_other_encoding_is_read(browser: Browser, headers: dict[str, str]) -> None:
    answer = await browser.send("POST", "/v1/client/sign_ins", content=b"a=1", headers=headers)
    assert (answer.status_code, error_code(answer)) == (415, "unsupported_content_type")


async def test_a_form_may_say_that_it_is_utf_8(browser: Browser) -> None:
    _, ticket = await browser.server.ticket()
    body = f"strategy=ticket&ticket={ticket}".encode()
    headers = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    succeeded(await browser.send("POST", "/v1/client/sign_ins", content=body, headers=headers))


@pytest.mark.parametrize(("setting", "single"), [("on", False), ("off", True)])
async def test_the_environment_says_whether_a_client_holds_one_session(
    clock: Clock, setting: str, single: bool
) -> None:
    async with run_sidecar(clock, make_settings(MULTI_SESSION=setting)) as sidecar:
        read = succeeded(await sidecar.http.get("/v1/environment"))
        patched = succeeded(await sidecar.browser().send("POST", "/v1/environment?_method=PATCH"))
    assert read == patched
    assert read["auth_config"]["single_session_mode"] is single
    assert read["display_config"]["instance_environment_type"] == "production"
    assert read["user_settings"]["sign_up"]["mode"] == "restricted"


async def test_the_environment_is_patched_from_an_allowed_origin_only(sidecar: Sidecar) -> None:
    browser = sidecar.browser("https://evil.example")
    answer = await browser.send("POST", "/v1/environment?_method=PATCH")
    assert (answer.status_code, error_code(answer)) == (403, "origin_invalid")


@pytest.mark.parametrize("query", ["", "?_method=PUT"])
async def test_a_client_can_be_had_before_any_session(any_sidecar: Sidecar, query: str) -> None:
    browser = any_sidecar.browser()
    made = succeeded(await browser.send("POST", f"/v1/client{query}"))["response"]
    assert made["sessions"] == []
    assert (await browser.client())["id"] == made["id"]
    before = browser.token
    await browser.sign_in()
    assert (await browser.client())["id"] == made["id"]
    assert browser.token != before


async def test_asking_again_forsakes_no_session(browser: Browser) -> None:
    session = await browser.sign_in()
    answer = await browser.send("POST", "/v1/client")
    assert [s["id"] for s in succeeded(answer)["response"]["sessions"]] == [session]
    assert "set-cookie" not in answer.headers


async def test_a_deleted_client_has_no_session_and_no_token(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    before = browser.token
    answer = await browser.send("POST", "/v1/client?_method=DELETE")
    assert succeeded(answer)["response"]["sessions"] == []
    cookie = answer.headers.get_list("set-cookie")[0]
    assert cookie.startswith("__Host-client=; Path=/; Max-Age=0; HttpOnly")
    assert browser.token == ""
    assert await any_sidecar.server.status(session) == "removed"
    assert (await browser.with_token(before).act(session)).status_code == 401


async def test_the_previous_token_deletes_no_cookie(browser: Browser, clock: Clock) -> None:
    await browser.sign_in("user_1")
    other_tab = browser.with_token(browser.token)
    clock.advance(1)
    later = await browser.sign_in("user_2")
    answer = await other_tab.send("DELETE", "/v1/client")
    assert succeeded(answer)["response"]["sessions"] == []
    assert "set-cookie" not in answer.headers
    assert await browser.refresh(later)


async def test_one_of_its_own_sessions_is_shown_with_a_token(browser: Browser) -> None:
    first, _ = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    shown = succeeded(await browser.send("GET", f"/v1/client/sessions/{first}"))
    assert shown["client"] is None
    assert (shown["response"]["id"], shown["response"]["user"]["id"]) == (first, "user_1")
    assert shown["response"]["last_active_token"]["jwt"]


async def test_me_is_the_user_of_the_session_that_is_named(browser: Browser) -> None:
    for user in ("user_1", "user_2"):
        session = await browser.sign_in(user)
        answer = await browser.send("GET", f"/v1/me?_clerk_session_id={session}")
        assert succeeded(answer)["response"]["id"] == user


async def test_me_is_the_user_of_the_active_session_where_none_is_named(browser: Browser) -> None:
    await browser.sign_in("user_1")
    await browser.sign_in("user_2")
    assert succeeded(await browser.send("GET", "/v1/me"))["response"]["id"] == "user_2"


async def test_me_is_asked_for_by_one_session(browser: Browser) -> None:
    await browser.sign_in()
    answer = await browser.send("GET", "/v1/me?_clerk_session_id=a&_clerk_session_id=a")
    assert (answer.status_code, error_code(answer)) == (422, "form_param_value_invalid")


@pytest.mark.parametrize("path", ["/v1/client/sessions/{}", "/v1/me?_clerk_session_id={}"])
async def test_a_session_of_another_client_is_unknown(sidecar: Sidecar, path: str) -> None:
    browser = sidecar.browser()
    own = await browser.sign_in("user_1")
    foreign = await sidecar.browser().sign_in("user_2")
    for session in (foreign, foreign[:-4] + "0000"):
        answer = await browser.send("GET", path.format(session))
        assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")
    await browser.act(own, "end")
    answer = await browser.send("GET", path.format(own))
    assert (answer.status_code, error_code(answer)) == (401, "session_over")


async def test_the_site_s_data_is_cleared_for_its_own_pages_only(sidecar: Sidecar) -> None:
    answer = await sidecar.browser().send("GET", "/v1/clear-site-data")
    assert (answer.status_code, answer.headers["clear-site-data"]) == (200, '"*"')
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        answer = await sidecar.http.get("/v1/clear-site-data", headers=headers)
        assert answer.status_code == 403
        assert "clear-site-data" not in answer.headers


async def test_a_page_reads_each_answer_of_a_simple_request(browser: Browser) -> None:
    for method, path in (("GET", "/v1/environment"), ("POST", "/v1/client"), ("GET", "/v1/me")):
        headers = (await browser.send(method, path)).headers
        assert headers["access-control-allow-origin"] == APP_ORIGIN
        assert headers["access-control-allow-credentials"] == "true"
