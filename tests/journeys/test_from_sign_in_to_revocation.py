"""A user signs in, is recognised by an app, switches accounts, and is revoked: all over sockets."""

from collections.abc import Iterator

import pytest

from edgepass_sidecar.http_client import httpx
from tests.support.apps import GuardedApp
from tests.support.processes import NO_CERTIFICATES, Sidecar


@pytest.fixture(scope="module", params=["h11", "httptools"])
def app(request: pytest.FixtureRequest, sidecar: Sidecar) -> Iterator[GuardedApp]:
    with GuardedApp(sidecar.directory, sidecar.url, "--http", request.param) as running:
        yield running


def ask(app: GuardedApp, path: str = "/", **headers: str) -> httpx.Response:
    with httpx.Client(base_url=app.url, verify=NO_CERTIFICATES) as client:
        return client.get(path, headers=headers)


def test_a_ticket_becomes_a_token_that_the_app_takes(sidecar: Sidecar, app: GuardedApp) -> None:
    browser = sidecar.browser()
    token = browser.token(browser.sign_in("ada"))

    assert ask(app, authorization=f"Bearer {token}").text == "ada"
    assert ask(app, cookie=f"other=1; __session={token}").text == "ada"


def test_without_a_token_the_app_is_closed(app: GuardedApp) -> None:
    answer = ask(app)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="edgepass"'


def test_a_changed_token_is_refused_with_its_code(sidecar: Sidecar, app: GuardedApp) -> None:
    browser = sidecar.browser()
    header, payload, signature = browser.token(browser.sign_in("ada")).split(".")
    forged = f"{header}.{payload}.{signature[::-1]}"

    answer = ask(app, authorization=f"Bearer {forged}")

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_two_accounts_in_one_browser_are_switched_and_signed_out(
    sidecar: Sidecar, app: GuardedApp
) -> None:
    browser = sidecar.browser()
    ada, grace = browser.sign_in("ada"), browser.sign_in("grace")

    client = browser.http.get("/v1/client").json()["response"]
    assert client["last_active_session_id"] == grace
    switched = browser.http.post(f"/v1/client/sessions/{ada}/touch").json()["client"]
    assert switched["last_active_session_id"] == ada
    assert ask(app, authorization=f"Bearer {browser.token(ada)}").text == "ada"
    assert ask(app, authorization=f"Bearer {browser.token(grace)}").text == "grace"

    signed_out = browser.http.delete("/v1/client/sessions").json()["response"]
    assert signed_out["sessions"] == []
    assert browser.http.post(f"/v1/client/sessions/{ada}/tokens").status_code == 401


def test_a_revoked_session_gets_no_more_tokens(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    session_id = browser.sign_in("ada")

    with sidecar.backend() as backend:
        revoked = backend.post(f"/v1/sessions/{session_id}/revoke").json()

    assert revoked["status"] == "revoked"
    answer = browser.http.post(f"/v1/client/sessions/{session_id}/tokens")
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "session_over"


def test_the_command_line_works_on_the_store_of_a_running_sidecar(
    sidecar: Sidecar, app: GuardedApp
) -> None:
    printed = sidecar.run("sessions", "start", "ada", "--create-user")
    started = dict(line.split("\t") for line in printed.splitlines())
    assert ask(app, authorization=f"Bearer {started['session_token']}").text == "ada"
    assert started["session_id"] in sidecar.run("sessions", "list", "--user", "ada")

    sidecar.run("sessions", "revoke", started["session_id"])
    assert "revoked" in sidecar.run("sessions", "list", "--user", "ada")
    assert "ok " in sidecar.run("doctor")
