"""A request whose token is known is answered like the first one: recalling only saves time."""

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepass import EdgepassMiddleware, KeySet, SignedIn
from edgepass._credential import MAXIMUM_COOKIE_BYTES
from tests.middleware.calls import App, Scope, bearer, call, http_scope, session_cookie, websocket
from tests.support.issuer import ISSUER, NOW, jwks, make_key, mint

FAST = make_key("ES256", "key-3")
KEYS = KeySet.from_jwks(jwks(FAST))
TOKEN = mint(FAST)
OTHER = mint(FAST, sub="user_2", jti="token-2")
FORGED = TOKEN.rpartition(b".")[0] + b"." + OTHER.rpartition(b".")[2]
SAME_TAIL = OTHER.rpartition(b".")[0] + b"." + TOKEN.rpartition(b".")[2]
Headers = list[tuple[bytes, bytes]]


def guard_of(app: App | None = None, **options: Any) -> EdgepassMiddleware:
    options = {"keys": KEYS, "clock": lambda: NOW, **options}
    return EdgepassMiddleware(app or App(), issuer=ISSUER, **options)


async def answer(guard: EdgepassMiddleware, scope: Scope) -> tuple[list[Any], str]:
    """Return what was sent, and whom the app was told of."""
    sent = await call(guard, scope, {"type": "http.request", "body": b""})
    return sent, repr(scope.get("edgepass"))


async def knowing(carry: Any, **options: Any) -> EdgepassMiddleware:
    """Return a guard that has seen both tokens, carried in this way."""
    guard = guard_of(**options)
    for token in (OTHER, TOKEN):
        sent, _ = await answer(guard, http_scope("/", carry(token)))
        assert sent[0]["status"] == 200
    return guard


def cookies(*fields: bytes) -> Headers:
    return [(b"cookie", field) for field in fields]


def is_recalled(guard: EdgepassMiddleware, headers: Headers) -> bool:
    return guard._cache.recall(headers, NOW) is not None


@pytest.mark.parametrize(
    ("carry", "headers"),
    [
        (bearer, bearer(TOKEN)),
        (bearer, [(b"host", b"a"), *bearer(TOKEN), (b"accept", b"*/*")]),
        (bearer, [*cookies(b"theme=dark"), *bearer(TOKEN)]),
        (bearer, [*bearer(TOKEN), *session_cookie(OTHER)]),
        (session_cookie, session_cookie(TOKEN)),
        (session_cookie, cookies(b"a=b; __session=" + TOKEN)),
        (session_cookie, cookies(b"__session=" + TOKEN + b"; a=b")),
        (session_cookie, cookies(b"__session=" + TOKEN + b";")),
        (session_cookie, cookies((b"__session=" + TOKEN + b"; a=").ljust(MAXIMUM_COOKIE_BYTES))),
        (session_cookie, cookies(b'a="x"; __session=' + TOKEN + b"; __session_1=c")),
    ],
)
async def test_the_usual_request_is_recalled(carry: Any, headers: Headers) -> None:
    guard = await knowing(carry)
    assert is_recalled(guard, headers)
    assert await answer(guard, http_scope("/", headers)) == await answer(
        guard_of(), http_scope("/", headers)
    )


UNUSUAL: list[Headers] = [
    [],
    bearer(TOKEN) * 2,
    bearer(TOKEN) * 3,
    [*bearer(TOKEN), *bearer(OTHER)],
    [*bearer(TOKEN), (b"authorization", b"Basic dTpw")],
    [(b"authorization", b"Basic dTpw"), *session_cookie(TOKEN)],
    [(b"authorization", b""), *session_cookie(TOKEN)],
    [(b"authorization", b"bearer " + TOKEN)],
    [(b"authorization", b"Bearer  " + TOKEN)],
    [(b"authorization", b"Bearer\t" + TOKEN)],
    [(b"authorization", b"Bearer" + TOKEN)],
    [(b"authorization", TOKEN)],
    bearer(TOKEN + b" "),
    bearer(b"Bearer " + TOKEN),
    bearer(b""),
    bearer(TOKEN[-24:]),
    bearer(TOKEN[:-1]),
    bearer(FORGED),
    bearer(SAME_TAIL),
    session_cookie(TOKEN) * 2,
    session_cookie(TOKEN) * 3,
    session_cookie(b"Bearer " + TOKEN),
    session_cookie(b'"' + TOKEN + b'"'),
    session_cookie(TOKEN + b" "),
    session_cookie(b" " + TOKEN),
    session_cookie(FORGED),
    session_cookie(SAME_TAIL),
    cookies(b"a=b", b"__session=" + TOKEN),
    cookies(b"__session=" + TOKEN, b"__session="),
    cookies(b"x__session=" + TOKEN),
    cookies(b"x=__session=" + TOKEN),
    cookies(b"a=b, __session=" + TOKEN),
    cookies(b"a=b;\t__session=" + TOKEN),
    cookies(b";__session=" + TOKEN),
    cookies(b" __session=" + TOKEN),
    cookies(b"__session=" + TOKEN + b"; __session=" + OTHER),
    cookies(b"__session=" + TOKEN + b"; __session=" + TOKEN),
    cookies(b"__session=" + TOKEN + b";__session=" + OTHER),
    cookies(b"__session=" + TOKEN + b"; x__session=1"),
    cookies(b"__session=" + TOKEN + b",__session=" + OTHER),
    cookies(b"__session=" + TOKEN + b"; x=".ljust(MAXIMUM_COOKIE_BYTES + 1, b"x")),
    cookies(b"__Session=" + TOKEN),
    [*bearer(TOKEN), *cookies(b"x" * (MAXIMUM_COOKIE_BYTES + 1))],
    cookies(b"__session" + TOKEN),
]


@pytest.mark.parametrize("options", [{}, {"maximum_connection_life": 100.0}], ids=["", "life"])
@pytest.mark.parametrize("carry", [bearer, session_cookie])
@pytest.mark.parametrize("headers", UNUSUAL, ids=range(len(UNUSUAL)))
async def test_the_unusual_request_is_judged_anew(
    carry: Any, headers: Headers, options: dict[str, Any]
) -> None:
    guard = await knowing(carry, **options)
    assert not is_recalled(guard, headers)
    for path in ("/", "/a//b"):
        expected = await answer(guard_of(), http_scope(path, headers))
        assert await answer(guard, http_scope(path, headers)) == expected


VALUES = st.lists(
    st.sampled_from(
        [
            TOKEN,
            OTHER,
            FORGED,
            b"Bearer ",
            b"bearer",
            b"__session=",
            b"x=1",
            b"; ",
            b";",
            b" ",
            b"=",
        ]
    ),
    max_size=6,
).map(b"".join)
FIELDS = st.tuples(st.sampled_from([b"authorization", b"cookie", b"host"]), VALUES)


@given(st.lists(FIELDS, max_size=4), st.booleans())
async def test_any_request_is_judged_as_if_nothing_were_known(
    headers: Headers, is_bearer: bool
) -> None:
    guard = await knowing(bearer if is_bearer else session_cookie)
    expected = await answer(guard_of(), http_scope("/", headers))
    for _ in range(2):
        assert await answer(guard, http_scope("/", headers)) == expected


@pytest.mark.parametrize("life", [None, 100.0])
@pytest.mark.parametrize("path", ["/a//b", "/a/../b", "/a;b", "a", "/%2e"])
@pytest.mark.parametrize("required", [True, False])
async def test_a_known_token_opens_no_path_that_is_not_canonical(
    path: str, required: bool, life: float | None
) -> None:
    guard = await knowing(bearer, required=required, maximum_connection_life=life)
    expected = await answer(guard_of(required=required), http_scope(path, bearer(TOKEN)))
    assert await answer(guard, http_scope(path, bearer(TOKEN))) == expected
    assert expected[0][0]["status"] == (400 if required else 200)


async def test_a_path_that_was_hidden_by_encoding_is_not_the_one_that_was_seen() -> None:
    guard = await knowing(bearer)
    for raw, status in ((b"/a/b", 200), (b"/a%2fb", 400), (b"/a/b", 200)):
        sent, _ = await answer(guard, http_scope("/a/b", bearer(TOKEN), raw_path=raw))
        assert sent[0]["status"] == status


async def test_a_server_that_tells_no_raw_path_is_served_as_well() -> None:
    guard = await knowing(bearer)
    for path, status in (("/a", 200), ("/a", 200), ("/b", 200), ("/a//b", 400)):
        scope = http_scope(path, bearer(TOKEN))
        del scope["raw_path"]
        assert (await answer(guard, scope))[0][0]["status"] == status


async def test_all_requests_of_a_token_have_one_state_and_a_websocket_has_its_own() -> None:
    app = App()
    guard = guard_of(app)
    for headers in (bearer(TOKEN), bearer(TOKEN), session_cookie(TOKEN), session_cookie(TOKEN)):
        await answer(guard, http_scope("/", headers))
    states = [scope["edgepass"] for scope in app.scopes]
    assert len(states) == 4
    assert {id(state) for state in states} == {id(states[0])}
    assert states[0].elapsed_ns > 0
    await websocket(guard, "/", bearer(TOKEN))
    assert isinstance(app.state, SignedIn)
    assert app.state is not states[0]
    assert app.state.claims is states[0].claims


async def test_a_websocket_after_a_request_has_a_state_that_can_be_renewed() -> None:
    class Renewing(App):
        async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)
            if scope["type"] == "websocket":
                await scope["edgepass"].renew(TOKEN)

    guard = guard_of(Renewing())
    await answer(guard, http_scope("/ws", bearer(TOKEN)))
    assert await websocket(guard, "/ws", bearer(TOKEN)) == [{"type": "websocket.accept"}]


async def test_headers_that_can_be_read_once_only_are_read_once() -> None:
    guard = await knowing(session_cookie)
    twice = [*bearer(b"x") * 2, *session_cookie(TOKEN)]
    preflight = [(b"origin", b"https://a.example"), (b"access-control-request-method", b"GET")]
    for method, headers, status in (
        ("GET", twice, 400),
        ("GET", session_cookie(TOKEN), 200),
        ("GET", bearer(OTHER), 200),
        ("OPTIONS", preflight, 200),
    ):
        scope = http_scope("/", [], method=method)
        scope["headers"] = iter(headers)
        sent, _ = await answer(guard, scope)
        assert sent[0]["status"] == status
        assert list(scope["headers"]) == headers


async def test_what_reads_the_state_cannot_change_it() -> None:
    app = App()
    await answer(guard_of(app), http_scope("/", bearer(TOKEN)))
    for name in ("claims", "user_id", "elapsed_ns", "is_admin"):
        with pytest.raises(AttributeError):
            setattr(app.state, name, "root")


async def test_servers_see_a_coroutine_function() -> None:
    # By this they tell ASGI 3 from ASGI 2.
    guard = guard_of()
    assert inspect.iscoroutinefunction(guard.__call__)
    scope = http_scope("/", bearer(TOKEN))
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    await guard.__call__(scope, None, send)
    assert sent[0]["status"] == 200


async def test_an_error_of_the_app_reaches_the_server_also_on_a_recalled_request() -> None:
    class Failing(App):
        async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)
            raise KeyError("headers")

    app = Failing()
    guard = guard_of(app)
    for count in (1, 2):
        with pytest.raises(KeyError, match="headers"):
            await answer(guard, http_scope("/", bearer(TOKEN)))
        assert len(app.scopes) == count
