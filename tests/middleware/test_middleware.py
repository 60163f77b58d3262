"""The middleware as a server calls it: who gets through, with which state, and who is told what."""

import contextlib

import pytest

from edgepass import EdgepassMiddleware, KeySet, SignedIn, SignedOut
from tests.middleware.calls import (
    REJECTION_EXTENSION,
    App,
    bearer,
    call,
    http,
    http_scope,
    session_cookie,
    websocket,
)
from tests.support.issuer import ABSENT, ISSUER, NOW, jwks, make_key, mint

KEYS = KeySet.from_jwks(jwks())
PREFLIGHT = [(b"origin", b"https://app.example.com"), (b"access-control-request-method", b"PUT")]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def guard(app: App, clock) -> EdgepassMiddleware:
    return EdgepassMiddleware(app, issuer=ISSUER, keys=KEYS, public=["/login"], clock=clock)


@pytest.mark.parametrize("carry", [bearer, session_cookie])
async def test_a_good_token_reaches_the_app_with_its_state(guard, app, carry) -> None:
    reply = await http(guard, "/", carry(mint()))
    assert (reply.status, reply.body) == (200, b"from the app")
    assert isinstance(app.state, SignedIn)
    assert (app.state.user_id, app.state.claims.token_id) == ("user_1", "token-1")
    assert app.state.elapsed_ns > 0
    assert app.scopes[-1]["user"] is app.scopes[-1]["auth"] is app.state


REFUSED = [
    ([], 401, "credential_missing"),
    (session_cookie(b""), 401, "credential_missing"),
    ([(b"authorization", b"Basic dTpw")], 401, "credential_missing"),
    (bearer(mint(now=NOW - 65)), 401, "token_expired"),
    (bearer(mint(now=NOW + 6)), 401, "token_issued_in_future"),
    (bearer(mint(iss="https://other.example")), 401, "issuer_mismatch"),
    (bearer(mint(exp=NOW + 301)), 401, "token_lifetime_too_long"),
    (bearer(mint(sid=ABSENT)), 401, "claim_missing"),
    (bearer(mint(sts="pending")), 401, "session_pending"),
    (bearer(mint(make_key("RS256", "stranger"))), 401, "unknown_key"),
    (bearer(mint()[:-4] + b"AAAA"), 401, "signature_invalid"),
    (bearer(b"garbage"), 401, "token_malformed"),
    (bearer(b"x" * 8193), 401, "token_too_large"),
    (bearer(b""), 400, "authorization_malformed"),
    ([*bearer(b""), *session_cookie(mint())], 400, "authorization_malformed"),
    (bearer(mint()) * 2, 400, "authorization_repeated"),
    (session_cookie(mint()) * 2, 400, "cookie_repeated"),
    ([(b"cookie", b"x" * 16_385)], 400, "cookie_too_large"),
    ([*bearer(b"garbage"), *session_cookie(mint())], 401, "token_malformed"),
]


@pytest.mark.parametrize(("headers", "status", "code"), REFUSED)
async def test_anything_else_is_refused_with_its_code(guard, app, headers, status, code) -> None:
    reply = await http(guard, "/", headers)
    assert (reply.status, reply.code) == (status, code)
    assert not app.scopes


@pytest.mark.parametrize(("headers", "status", "code"), REFUSED)
async def test_a_public_path_and_required_false_only_annotate(
    guard, app, clock, headers, status, code
) -> None:
    annotating = EdgepassMiddleware(app, issuer=ISSUER, keys=KEYS, required=False, clock=clock)
    for middleware, path in ((guard, "/login"), (annotating, "/")):
        assert (await http(middleware, path, headers)).status == 200
        assert app.state == SignedOut(code)
        assert app.scopes[-1]["user"] is app.scopes[-1]["auth"] is app.state


async def test_required_false_passes_every_path_and_still_recognises_a_user(app, clock) -> None:
    annotating = EdgepassMiddleware(app, issuer=ISSUER, keys=KEYS, required=False, clock=clock)
    assert (await http(annotating, "/a//b", bearer(mint()))).status == 200
    assert app.state.is_authenticated


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ([], b'Bearer realm="edgepass"'),
        (
            bearer(mint(now=NOW - 65)),
            b'Bearer realm="edgepass", error="invalid_token", error_description="token_expired"',
        ),
        (
            bearer(b""),
            b'Bearer realm="edgepass", error="invalid_request", '
            b'error_description="authorization_malformed"',
        ),
    ],
)
async def test_the_challenge_is_that_of_rfc_6750(guard, headers, challenge: bytes) -> None:
    reply = await http(guard, "/", headers)
    assert reply.headers[b"www-authenticate"] == challenge
    assert reply.headers[b"cache-control"] == b"no-store"


async def test_a_token_is_good_until_exp_and_leeway_also_from_the_cache(guard, clock) -> None:
    token = mint()
    for now, status in ((0, 200), (64.999, 200), (65, 401), (66, 401), (30, 200), (3600, 401)):
        clock.now = NOW + now
        assert (await http(guard, "/", bearer(token))).status == status


async def test_what_one_request_does_to_its_claims_no_other_request_sees(clock) -> None:
    async def promote(scope, receive, send) -> None:
        seen.append(scope["edgepass"].claims.payload["o"]["rol"])
        with contextlib.suppress(TypeError):
            scope["edgepass"].claims.payload["o"]["rol"] = "admin"
        await App()(scope, receive, send)

    seen: list[str] = []
    guard = EdgepassMiddleware(promote, issuer=ISSUER, keys=KEYS, clock=clock)
    token = mint(o={"id": "org_1", "rol": "member"})
    await http(guard, "/", bearer(token))
    await http(guard, "/", bearer(token))
    assert seen == ["member", "member"]


async def test_two_apps_with_other_demands_judge_the_same_token_for_themselves(app, clock) -> None:
    token = mint(aud="api", azp="https://a.example")
    demands = [{}, {"audience": "web"}, {"authorized_parties": ["https://b.example"]}]
    demands += [{"audience": "api"}, {"algorithms": ["ES256"]}]
    guards = [
        EdgepassMiddleware(app, issuer=ISSUER, keys=KEYS, clock=clock, **demand)
        for demand in demands
    ]
    for _ in range(2):
        statuses = [(await http(guard, "/", bearer(token))).status for guard in guards]
        assert statuses == [200, 401, 401, 200, 401]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-middleware-subrequest", b"middleware:middleware")],
        [(b"x-forwarded-uri", b"/login")],
        [(b"x-original-url", b"/login")],
        [(b"x-rewrite-url", b"/login")],
        [(b"x-forwarded-prefix", b"/login"), (b"x-script-name", b"/login")],
        [(b"x-http-method-override", b"OPTIONS"), *PREFLIGHT],
        [(b"host", b"app/login?x=")],
        [(b"x-edgepass-user", b"user_1"), (b"x-user-id", b"user_1"), (b"remote-user", b"root")],
        [(b"x-edgepass", b"off"), (b"edgepass", b"off")],
        [(b"x-forwarded-for", b"127.0.0.1"), (b"x-real-ip", b"127.0.0.1")],
        [(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
    ],
)
async def test_no_header_switches_it_off(guard, app, headers) -> None:
    assert (await http(guard, "/", headers)).status == 401
    assert not app.scopes


@pytest.mark.parametrize("query", [b"token=", b"access_token=", b"__session=", b"jwt="])
async def test_a_token_in_the_url_is_no_credential(guard, query: bytes) -> None:
    reply = await http(guard, "/", query_string=query + mint())
    assert reply.code == "credential_missing"


async def test_a_state_that_somebody_else_left_in_the_scope_is_replaced(guard, app) -> None:
    forged = {"edgepass": "root", "user": "root", "auth": "root"}
    assert (await http(guard, "/", **forged)).status == 401
    assert (await http(guard, "/login", **forged)).status == 200
    assert {app.scopes[-1][name] for name in forged} == {SignedOut("credential_missing")}


async def test_a_preflight_passes_without_a_credential(guard, app) -> None:
    assert (await http(guard, "/", PREFLIGHT, method="OPTIONS")).status == 200
    assert app.state == SignedOut("credential_missing")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", []),
        ("OPTIONS", PREFLIGHT[:1]),
        ("OPTIONS", PREFLIGHT[1:]),
        ("GET", PREFLIGHT),
        ("options", PREFLIGHT),
        ("HEAD", []),
        ("TRACE", []),
        ("CONNECT", []),
    ],
)
async def test_any_other_method_needs_one(guard, method: str, headers) -> None:
    assert (await http(guard, "/", headers, method=method)).status == 401


async def test_a_websocket_with_a_good_token_reaches_the_app(guard, app) -> None:
    for carry in (bearer, session_cookie):
        (accept,) = await websocket(guard, "/", carry(mint()))
        assert accept == {"type": "websocket.accept"}
        assert app.state.is_authenticated


@pytest.mark.parametrize("headers", [[], bearer(b"garbage"), PREFLIGHT, bearer(mint()) * 2])
async def test_a_websocket_without_one_is_closed_before_it_opens(guard, app, headers) -> None:
    (close,) = await websocket(guard, "/", headers)
    assert (close["type"], close["code"]) == ("websocket.close", 3000)
    assert not app.scopes


async def test_a_websocket_without_one_gets_an_answer_where_the_server_can_send_it(guard) -> None:
    start, body = await websocket(guard, "/", extensions=REJECTION_EXTENSION)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert dict(start["headers"])[b"www-authenticate"] == b'Bearer realm="edgepass"'
    assert body["type"] == "websocket.http.response.body"


async def test_a_websocket_to_a_public_path_is_annotated(guard, app) -> None:
    assert await websocket(guard, "/login") == [{"type": "websocket.accept"}]
    assert app.state == SignedOut("credential_missing")


async def test_lifespan_is_none_of_its_business(guard, app) -> None:
    await call(guard, {"type": "lifespan", "asgi": {"version": "3.0"}})
    assert app.scopes == [{"type": "lifespan", "asgi": {"version": "3.0"}}]


@pytest.mark.parametrize("kind", ["webtransport", "HTTP", "http ", ""])
async def test_a_scope_of_another_type_is_passed_on_as_nobodys(guard, app, kind: str) -> None:
    scope = http_scope(type=kind)
    await call(guard, scope)
    assert app.scopes == [scope]
    assert "edgepass" not in app.scopes[0]


async def test_an_error_of_the_app_is_not_swallowed(clock) -> None:
    async def failing(scope, receive, send) -> None:
        raise LookupError("of the app")

    guard = EdgepassMiddleware(failing, issuer=ISSUER, keys=KEYS, public=["/*"], clock=clock)
    with pytest.raises(LookupError, match="of the app"):
        await http(guard, "/")


@pytest.mark.parametrize(
    "settings",
    [
        {"issuer": ""},
        {"issuer": "auth.example.com"},
        {"issuer": "http://auth.example.com"},
        {"issuer": "https://auth.example.com", "jwks_uri": "http://auth.example.com/jwks.json"},
        {"issuer": "https://auth.example.com", "jwks_uri": ""},
        {"issuer": ISSUER, "keys": KEYS, "jwks_uri": ISSUER + "/jwks.json"},
        {"issuer": ISSUER, "keys": KEYS, "public": "/login"},
        {"issuer": ISSUER, "keys": KEYS, "public": ["login"]},
        {"issuer": ISSUER, "keys": KEYS, "leeway": 301},
        {"issuer": ISSUER, "keys": KEYS, "algorithms": ["none"]},
        {"issuer": ISSUER, "keys": KEYS, "audience": []},
        {"issuer": ISSUER, "keys": KEYS, "when_stale": "refuse"},
        {"issuer": ISSUER, "keys": KEYS, "revocations_uri": ISSUER + "/v1/revocations"},
        {"issuer": ISSUER, "keys": KEYS, "edge_key": ""},
        {"issuer": ISSUER, "keys": KEYS, "edge_key": "ek\n"},
        {"issuer": ISSUER, "keys": KEYS, "edge_key": "ek", "when_stale": "sometimes"},
        {"issuer": ISSUER, "keys": KEYS, "edge_key": "ek", "stale_after": 2.9},
        {"issuer": ISSUER, "keys": KEYS, "edge_key": "ek", "revocations_uri": ""},
        {"issuer": ISSUER, "keys": KEYS, "maximum_connection_life": 0},
    ],
)
def test_settings_that_cannot_work_fail_at_once(app, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        EdgepassMiddleware(app, **settings)
