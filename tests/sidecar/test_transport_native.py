"""Native mode: the client token travels in `Authorization`, and a cookie counts for nothing."""

from typing import Any

import httpx
import pytest

from edgepass_sidecar.api.native import find_bearer
from tests.sidecar.natives import NativeApp
from tests.support.sidecar import (
    APP_ORIGIN,
    Browser,
    Sidecar,
    claims_of,
    error_code,
    succeeded,
)

PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
}


@pytest.fixture
def app(sidecar: Sidecar) -> NativeApp:
    return NativeApp(sidecar)


async def test_an_app_signs_in_and_refreshes_without_any_cookie(app: NativeApp) -> None:
    session = await app.sign_in("user_1")
    answer = await app.send("POST", f"/v1/client/sessions/{session}/tokens")
    assert claims_of(succeeded(answer)["jwt"])["sub"] == "user_1"
    assert app.set_cookies == []


async def test_a_token_for_an_app_without_an_origin_names_no_party(app: NativeApp) -> None:
    session = await app.sign_in()
    answer = await app.send("POST", f"/v1/client/sessions/{session}/tokens")
    assert "azp" not in claims_of(succeeded(answer)["jwt"])


@pytest.mark.parametrize("spelled", ["{}", "Bearer {}", "bearer {}", "BEARER   {}"])
async def test_the_token_comes_with_or_without_its_scheme(app: NativeApp, spelled: str) -> None:
    await app.sign_in()
    assert app.token
    headers = {"authorization": spelled.format(app.token)}
    assert succeeded(await app.send("GET", "/v1/client", headers=headers))["response"]


@pytest.mark.parametrize("spelled", ["Basic {}", "Bearer\t{}", "Bearer", "", "Bearer {}x"])
async def test_anything_else_is_no_token(app: NativeApp, spelled: str) -> None:
    await app.sign_in()
    headers = {"authorization": spelled.format(app.token)}
    answer = await app.send("GET", "/v1/client", headers=headers)
    assert succeeded(answer)["response"] is None


async def test_two_authorization_fields_are_refused(app: NativeApp) -> None:
    fields = [("authorization", "Bearer a"), ("authorization", "Bearer a")]
    answer = await app.sidecar.http.get("/v1/client?_is_native=1", headers=fields)
    assert (answer.status_code, error_code(answer)) == (400, "authorization_repeated")


async def test_the_new_token_is_sent_with_its_scheme_at_each_rotation(app: NativeApp) -> None:
    await app.sign_in("user_1")
    first = app.token
    answer = await app.send("POST", "/v1/client/sessions", params={"_method": "DELETE"})
    succeeded(answer)
    assert answer.headers["authorization"].startswith("Bearer client_")
    assert app.token not in (None, first)


@pytest.mark.parametrize("value", ["0", "true", "", "1&_is_native=1", "1&_is_native=0"])
async def test_only_a_single_1_is_native_mode(sidecar: Sidecar, value: str) -> None:
    app = NativeApp(sidecar)
    await app.sign_in()
    headers = {"authorization": f"Bearer {app.token}", "origin": APP_ORIGIN}
    answer = await sidecar.http.get(f"/v1/client?_is_native={value}", headers=headers)
    assert succeeded(answer)["response"] is None


async def test_in_native_mode_the_cookie_counts_for_nothing(browser: Browser) -> None:
    session = await browser.sign_in()
    path = f"/v1/client/sessions/{session}"
    for action in ("tokens", "touch", "end", "remove"):
        answer = await browser.send("POST", f"{path}/{action}?_is_native=1")
        assert (answer.status_code, error_code(answer)) == (401, "client_token_invalid")
    answer = await browser.send("GET", "/v1/client?_is_native=1")
    assert succeeded(answer)["response"] is None
    assert await browser.refresh(session)


async def test_without_native_mode_authorization_counts_for_nothing(sidecar: Sidecar) -> None:
    app = NativeApp(sidecar)
    await app.sign_in()
    headers = {"authorization": f"Bearer {app.token}", "origin": APP_ORIGIN}
    assert succeeded(await sidecar.http.get("/v1/client", headers=headers))["response"] is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"origin": "https://evil.example"}, "origin_invalid"),
        ({"origin": "null"}, "origin_invalid"),
        ({"referer": "https://evil.example/"}, "origin_invalid"),
        ({"sec-fetch-site": "cross-site"}, "origin_missing"),
        ({"sec-fetch-site": "none"}, "origin_missing"),
    ],
)
async def test_a_page_of_another_origin_gains_nothing_by_calling_itself_native(
    sidecar: Sidecar, fields: dict[str, str], code: str
) -> None:
    browser = sidecar.browser()
    session = await browser.sign_in()
    _, ticket = await sidecar.server.ticket("attacker")
    headers = {"cookie": f"__Host-client={browser.token}", **fields}
    form = {"strategy": "ticket", "ticket": ticket}
    for answer in (
        await sidecar.http.get("/v1/client?_is_native=1", headers=headers),
        await sidecar.http.post("/v1/client?_is_native=1", headers=headers),
        await sidecar.http.post("/v1/client/sign_ins?_is_native=1", headers=headers, data=form),
        await sidecar.http.delete("/v1/client/sessions?_is_native=1", headers=headers),
    ):
        assert (answer.status_code, error_code(answer)) == (403, code)
        assert not {"set-cookie", "authorization"} & set(answer.headers)
    assert await browser.refresh(session)


async def test_a_page_of_an_allowed_origin_may_use_native_mode(sidecar: Sidecar) -> None:
    app = NativeApp(sidecar, {"origin": APP_ORIGIN})
    session = await app.sign_in()
    answer = await app.send("POST", f"/v1/client/sessions/{session}/tokens")
    assert claims_of(succeeded(answer)["jwt"])["azp"] == APP_ORIGIN
    assert answer.headers["access-control-allow-origin"] == APP_ORIGIN
    assert "authorization" in answer.headers["access-control-expose-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers


async def _preflight(sidecar: Sidecar, path: str, origin: str = APP_ORIGIN) -> httpx.Response:
    return await sidecar.http.options(path, headers={"origin": origin, **PREFLIGHT})


@pytest.mark.parametrize("path", ["/v1/client/sign_ins", "/v1/client", "/v1/me"])
async def test_authorization_passes_a_preflight_in_native_mode(sidecar: Sidecar, path: str) -> None:
    assert (await _preflight(sidecar, f"{path}?_is_native=1")).is_success
    assert not (
        await _preflight(sidecar, f"{path}?_is_native=1", "https://evil.example")
    ).is_success


@pytest.mark.parametrize(
    "path", ["/v1/client", "/v1/client?_is_native=0", "/v1/users?_is_native=1", "/v1/sessions"]
)
async def test_authorization_passes_no_other_preflight(sidecar: Sidecar, path: str) -> None:
    assert not (await _preflight(sidecar, path)).is_success


@pytest.mark.parametrize("action", ["tokens", "touch", "end", "remove"])
async def test_a_foreign_session_is_unknown_in_native_mode_too(
    sidecar: Sidecar, action: str
) -> None:
    foreign = await NativeApp(sidecar).sign_in("user_2")
    app = NativeApp(sidecar)
    await app.sign_in("user_1")
    answer = await app.send("POST", f"/v1/client/sessions/{foreign}/{action}")
    assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")


def test_a_long_authorization_field_costs_no_more_than_its_length() -> None:
    headers: Any = httpx.Headers({"authorization": "Bearer " + " " * 1_000_000 + "x"})
    headers.getlist = headers.get_list
    assert find_bearer(headers) == "x"


async def test_no_page_is_invited_to_hold_a_secret_key_for_a_path_that_only_resembles(
    sidecar: Sidecar,
) -> None:
    answer = await sidecar.http.request(
        "OPTIONS",
        "/v1/clients/verify?_is_native=1",
        headers={
            "origin": APP_ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization",
        },
    )
    assert "authorization" not in answer.headers.get("access-control-allow-headers", "")
