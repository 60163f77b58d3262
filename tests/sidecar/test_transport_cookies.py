"""The cookies that tell when a client last changed: on which answers, with what, for whom."""

import httpx
import pytest

from edgepass_sidecar.api.cookies import make_cookies
from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key
from tests.conftest import Clock
from tests.sidecar.natives import NativeApp
from tests.support.issuer import NOW
from tests.support.sidecar import (
    PUBLIC_URL,
    Browser,
    Sidecar,
    claims_of,
    make_settings,
    run_sidecar,
    succeeded,
)

KEY = find_publishable_key(PUBLIC_URL, production=True)
assert KEY
TWIN = f"__client_uat_{cookie_suffix(KEY)}"
NAMES = ("__client_uat", TWIN)


def told(answer: httpx.Response) -> dict[str, int]:
    """Return when the client last changed, by cookie, as far as `answer` says it."""
    pairs = [c.partition(";")[0].partition("=") for c in answer.headers.get_list("set-cookie")]
    return {name: int(value) for name, _, value in pairs if name.startswith("__client_uat")}


def both(at: int) -> dict[str, int]:
    return dict.fromkeys(NAMES, at)


async def _present(browser: Browser, user_id: str = "user_1") -> tuple[str, httpx.Response]:
    _, ticket = await browser.server.ticket(user_id)
    answer = await browser.present(ticket)
    return succeeded(answer)["response"]["created_session_id"], answer


async def test_every_change_tells_its_second_and_the_last_sign_out_tells_0(
    browser: Browser, clock: Clock
) -> None:
    first, answer = await _present(browser, "user_1")
    assert told(answer) == both(NOW)
    clock.advance(10.9)
    second, answer = await _present(browser, "user_2")
    assert told(answer) == both(NOW + 10)
    clock.advance(10)
    assert told(await browser.act(first, "touch")) == both(NOW + 20)
    clock.advance(10)
    assert told(await browser.act(first, "end")) == both(NOW + 30)
    clock.advance(10)
    assert told(await browser.act(second, "remove")) == both(0)


async def test_a_sign_out_tells_0(browser: Browser) -> None:
    await browser.sign_in()
    assert told(await browser.sign_out()) == both(0)


async def test_a_token_sent_with_a_change_is_not_older_than_the_change(
    browser: Browser, clock: Clock
) -> None:
    _, answer = await _present(browser)
    token = answer.json()["client"]["sessions"][0]["last_active_token"]["jwt"]
    assert claims_of(token)["iat"] >= told(answer)["__client_uat"]


async def test_the_cookies_can_be_read_by_the_app_and_are_for_this_host(browser: Browser) -> None:
    _, answer = await _present(browser)
    for cookie in answer.headers.get_list("set-cookie")[1:]:
        _, *attributes = cookie.split("; ")
        assert sorted(attributes) == ["Max-Age=34560000", "Path=/", "SameSite=Lax", "Secure"]


async def test_where_a_domain_is_set_it_is_for_these_cookies_alone(clock: Clock) -> None:
    async with run_sidecar(clock, make_settings(COOKIE_DOMAIN="example.com")) as sidecar:
        _, answer = await _present(sidecar.browser())
    token, *others = answer.headers.get_list("set-cookie")
    assert token.startswith("__Host-client=client_")
    assert "Domain" not in token
    assert len(others) == 2
    assert all("; Domain=example.com;" in cookie for cookie in others)


def test_a_host_that_no_key_can_name_has_no_twin() -> None:
    cookies = make_cookies("http://localhost:8787")
    assert cookies.last_change(7) == {"__client_uat": "7"}
    assert "Secure" not in cookies.for_the_app("__client_uat", "7")


async def test_a_refresh_tells_nothing(browser: Browser) -> None:
    session = await browser.sign_in()
    assert "set-cookie" not in (await browser.act(session)).headers


async def _look(browser: Browser, believed: dict[str, int]) -> dict[str, int]:
    fields = [f"__Host-client={browser.token}"] if browser.token else []
    fields += [f"{name}={value}" for name, value in believed.items()]
    return told(await browser.send("GET", "/v1/client", headers={"cookie": "; ".join(fields)}))


@pytest.mark.parametrize("believed", [{}, both(0), both(NOW - 1), {TWIN: NOW}])
async def test_looking_corrects_what_the_browser_believes(
    browser: Browser, believed: dict[str, int]
) -> None:
    await browser.sign_in()
    assert await _look(browser, believed) == both(NOW)
    assert await _look(browser, both(NOW)) == {}


async def test_looking_shows_a_revocation(browser: Browser) -> None:
    await browser.server.revoke(await browser.sign_in())
    assert await _look(browser, both(NOW)) == both(0)
    assert await _look(browser, both(0)) == {}


async def test_who_was_never_here_is_told_nothing(browser: Browser) -> None:
    assert await _look(browser, {}) == {}


async def test_two_values_of_such_a_cookie_are_no_reason_to_refuse(browser: Browser) -> None:
    await browser.sign_in()
    cookie = f"__Host-client={browser.token}; __client_uat=1; __client_uat=2"
    answer = await browser.send("GET", "/v1/client", headers={"cookie": cookie})
    assert told(answer) == both(NOW)


async def test_an_app_in_native_mode_is_given_no_cookie(sidecar: Sidecar) -> None:
    app = NativeApp(sidecar)
    session = await app.sign_in()
    for path in (f"/v1/client/sessions/{session}/touch", f"/v1/client/sessions/{session}/end"):
        succeeded(await app.send("POST", path))
    succeeded(await app.send("DELETE", "/v1/client"))
    assert app.set_cookies == []
