"""What holds for every route: caching, headers, content type, the error envelope, CORS."""

import json
import re

import pytest
from starlette.routing import Route

from edgepass_sidecar.api import backend, frontend, scripts, well_known
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    SECRET_KEY,
    Browser,
    Server,
    Sidecar,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

CACHEABLE = {
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/v1/jwks",
    "/edgepass.js",
}
ROUTES = [
    (method, re.sub(r"\{\w+\}", "unknown", route.path))
    for route in (*frontend.ROUTES, *backend.ROUTES, *well_known.ROUTES, *scripts.ROUTES)
    for method in sorted(route.methods or ())
]
DEEP = b'{"public_metadata":{"a":' + b"[" * 5000
EVIL = [
    "null",
    "https://app.example.com.evil.example",
    "https://evilapp.example.com",
    "https://app.example.com:444",
    "http://app.example.com",
    "https://evil.example",
    "https://me@app.example.com",
    "https://app.example.com/",
    "https://APP.example.com",
]


async def _ask(sidecar: Sidecar, method: str, path: str, **headers: str):
    given = {"origin": APP_ORIGIN, "authorization": f"Bearer {SECRET_KEY}"} | headers
    return await sidecar.http.request(method, path, headers=given)


def _content_type(path: str) -> str:
    return "text/javascript; charset=utf-8" if path == "/edgepass.js" else "application/json"


def test_the_sweep_below_sees_the_routes() -> None:
    assert all(isinstance(route, Route) for route in frontend.ROUTES)
    assert len(ROUTES) > 20


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_only_public_documents_may_be_kept_by_caches(
    sidecar: Sidecar, method: str, path: str
) -> None:
    caching = (await _ask(sidecar, method, path)).headers["cache-control"]
    assert caching.startswith("public, max-age=300") if path in CACHEABLE else caching == "no-store"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_answer_has_security_headers_and_its_exact_type(
    sidecar: Sidecar, method: str, path: str
) -> None:
    headers = (await _ask(sidecar, method, path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["content-type"] == _content_type(path)


async def test_over_plain_http_there_is_no_strict_transport_security(clock: Clock) -> None:
    settings = make_settings(INSTANCE="development", PUBLIC_URL="http://127.0.0.1:8787")
    async with run_sidecar(clock, settings) as sidecar:
        answer = await sidecar.http.get("/v1/health")
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status", "code"),
    [
        ("GET", "/nowhere", b"", None, 404, "resource_not_found"),
        ("GET", "/", b"", None, 404, "resource_not_found"),
        ("GET", "/v1/client/", b"", None, 404, "resource_not_found"),
        ("PATCH", "/v1/client", b"", None, 405, "method_not_allowed"),
        ("POST", "/v1/users", b"<a/>", "text/xml", 415, "unsupported_content_type"),
        ("POST", "/v1/users", b"id=1", "multipart/form-data", 415, "unsupported_content_type"),
        ("POST", "/v1/users", b"{}", None, 415, "unsupported_content_type"),
        ("POST", "/v1/users", b"{", "application/json", 400, "request_body_invalid"),
        ("POST", "/v1/users", DEEP, "application/json", 400, "request_body_invalid"),
        ("POST", "/v1/users", b'{"id":"\xff"}', "application/json", 400, "request_body_invalid"),
        ("POST", "/v1/users", b'{"id":1}', "application/json", 422, "form_param_format_invalid"),
        ("POST", "/v1/users", b"[]", "application/json", 422, "form_param_format_invalid"),
        ("POST", "/v1/users", b"x" * 65_537, "application/json", 413, "request_too_large"),
        ("POST", "/v1/users", b"a=b&" * 200, "FORM", 400, "request_body_invalid"),
        ("POST", "/v1/users", b"id=\xff", "FORM", 400, "request_body_invalid"),
        ("GET", "/v1/sessions?limit=0", b"", None, 422, "form_param_format_invalid"),
        ("GET", "/v1/sessions/sess_x", b"", None, 404, "resource_not_found"),
    ],
)
async def test_every_error_comes_in_the_envelope(
    sidecar: Sidecar, method: str, path: str, body: bytes, kind: str | None, status: int, code: str
) -> None:
    form = "application/x-www-form-urlencoded"
    headers = {"content-type": form if kind == "FORM" else kind} if kind else {}
    answer = await sidecar.server.send(method, path, content=body, headers=headers)
    assert (answer.status_code, error_code(answer)) == (status, code)


async def test_a_body_of_exactly_64_kb_is_read(server: Server) -> None:
    empty = json.dumps({"id": "user_1", "public_metadata": {"a": ""}})
    body = empty.replace('""', '"' + "x" * (65_536 - len(empty)) + '"')
    assert len(body) == 65_536
    headers = {"content-type": "application/json; charset=utf-8"}
    succeeded(await server.send("POST", "/v1/users", content=body, headers=headers))


async def test_a_refusal_for_want_of_credentials_says_which_scheme(browser: Browser) -> None:
    answer = await browser.act("sess_x")
    assert answer.headers["www-authenticate"] == 'Bearer realm="edgepass"'


async def test_a_method_that_is_not_allowed_is_told_which_are(sidecar: Sidecar) -> None:
    answer = await sidecar.http.put("/v1/client/sessions")
    assert answer.headers["allow"] == "DELETE"


class Broken:
    """A store whose every method has a bug."""

    def __getattr__(self, name: str):
        raise LookupError("a bug in the store that mentions sk_live_0123456789abcdef")


async def _fail(sidecar: Sidecar, headers: dict[str, str] | None = None):
    sidecar.app.state.context.secret_keys._store = Broken()
    sidecar.app.state.context.secret_keys._stored.clear()
    return await sidecar.server.send("GET", "/v1/sessions", headers=headers or {})


async def test_a_bug_of_ours_is_500_in_the_envelope(sidecar: Sidecar) -> None:
    answer = await _fail(sidecar)
    assert (answer.status_code, error_code(answer)) == (500, "internal_error")
    assert "bug" not in answer.text


async def test_a_bug_of_ours_has_security_headers_too(sidecar: Sidecar) -> None:
    answer = await _fail(sidecar)
    assert answer.headers.get("x-content-type-options") == "nosniff"
    assert "content-security-policy" in answer.headers


async def test_a_bug_of_ours_can_be_read_by_the_app_s_origin(sidecar: Sidecar) -> None:
    answer = await _fail(sidecar, {"origin": APP_ORIGIN})
    assert answer.headers.get("access-control-allow-origin") == APP_ORIGIN


async def test_every_error_is_logged_without_its_query(
    sidecar: Sidecar, caplog: pytest.LogCaptureFixture
) -> None:
    await sidecar.http.get("/nowhere?ticket=s3cret", headers={"cookie": "a=s3cret"})
    await _fail(sidecar)
    lines = [vars(r) for r in caplog.records if r.name == "edgepass.http"]
    assert [(line["status"], line["path"]) for line in lines] == [
        (404, "/nowhere"),
        (500, "/v1/sessions"),
    ]
    assert "s3cret" not in repr(lines)


async def _spoil(sidecar: Sidecar) -> None:
    store = sidecar.core.store
    assert isinstance(store, SqliteStore)
    for table in ("sessions", "clients", "secret_keys", "users", "events"):
        await store._file.write(lambda db, t=table: db.execute(f"ALTER TABLE {t} RENAME TO {t}_x"))


@pytest.mark.parametrize("path", ["/v1/client", "/v1/client/sessions/sess_x/tokens"])
async def test_a_broken_store_is_503_with_a_time_to_retry(
    clock: Clock, tmp_path, path: str
) -> None:
    settings = make_settings(STORE=f"sqlite:///{tmp_path / 'e.db'}")
    async with run_sidecar(clock, settings) as sidecar:
        browser = sidecar.browser()
        await browser.sign_in()
        await _spoil(sidecar)
        answer = await browser.send("GET" if path == "/v1/client" else "POST", path)
        assert (answer.status_code, error_code(answer)) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        assert "e.db" not in answer.text


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_allowed_origin_may_read_the_answer_with_credentials(
    sidecar: Sidecar, method: str
) -> None:
    headers = (
        await sidecar.http.request(method, "/v1/client", headers={"origin": APP_ORIGIN})
    ).headers
    assert headers["access-control-allow-origin"] == APP_ORIGIN
    assert headers["access-control-allow-credentials"] == "true"
    assert "origin" in headers["vary"].lower()


@pytest.mark.parametrize("origin", EVIL)
@pytest.mark.parametrize("path", ["/v1/client", "/v1/sessions", "/.well-known/jwks.json", "/x"])
async def test_no_other_origin_may_read_an_answer(sidecar: Sidecar, origin: str, path: str) -> None:
    headers = (await sidecar.http.get(path, headers={"origin": origin})).headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("origin", [APP_ORIGIN, *EVIL])
async def test_a_preflight_is_granted_to_allowed_origins_only(
    sidecar: Sidecar, origin: str
) -> None:
    headers = {"origin": origin, "access-control-request-method": "DELETE"}
    answer = await sidecar.http.options("/v1/client/sessions", headers=headers)
    assert answer.is_success is (origin == APP_ORIGIN)
    granted = answer.headers.get("access-control-allow-origin")
    assert granted == (APP_ORIGIN if origin == APP_ORIGIN else None)
    if not answer.is_success:
        assert (answer.status_code, error_code(answer)) == (400, "preflight_refused")


@pytest.mark.parametrize(
    "asked",
    [
        {"access-control-request-method": "PATCH"},
        {
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type, authorization",
        },
    ],
    ids=["method", "headers"],
)
@pytest.mark.parametrize("path", ["/v1/client/sessions", "/v1/users", "/x"])
async def test_a_refused_preflight_says_why_in_the_envelope_of_all_refusals(
    sidecar: Sidecar, asked: dict[str, str], path: str
) -> None:
    answer = await sidecar.http.options(path, headers={"origin": APP_ORIGIN, **asked})
    assert (answer.status_code, error_code(answer)) == (400, "preflight_refused")
    assert "origin" in answer.headers["vary"].lower()
    [error] = answer.json()["errors"]
    refused = "headers" if "access-control-request-headers" in asked else "method"
    assert error["message"].startswith(f"Disallowed CORS {refused}:")


@pytest.mark.parametrize("origin", [None, *EVIL])
@pytest.mark.parametrize("path", ["/v1/client/sessions", "/v1/client/sign_ins"])
async def test_a_state_change_from_elsewhere_changes_nothing(
    sidecar: Sidecar, origin: str | None, path: str
) -> None:
    browser = sidecar.browser()
    session = await browser.sign_in()
    _, ticket = await sidecar.server.ticket("attacker")
    forged = Browser(browser.http, browser.server, origin, browser.token)
    method = "DELETE" if path.endswith("sessions") else "POST"
    form = {"strategy": "ticket", "ticket": ticket} if method == "POST" else None
    answer = await forged.send(method, path, data=form)
    assert answer.status_code == 403
    assert error_code(answer) == ("origin_invalid" if origin else "origin_missing")
    assert "set-cookie" not in answer.headers
    assert await browser.refresh(session)
    assert (await sidecar.browser().present(ticket)).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "auth.example.com/x?"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/v1/client/", "/x"])
async def test_a_host_header_is_never_reflected(sidecar: Sidecar, host: str, path: str) -> None:
    headers = {"host": host, "x-forwarded-host": host, "origin": PUBLIC_URL}
    answer = await sidecar.http.get(path, headers=headers)
    assert host not in answer.text
    assert host not in repr(answer.headers)
