"""What a request costs more than the bare app, in direct ASGI calls with a server's scopes."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.harness import Contestant, Measurement, Plan, measure
from bench.peer_apps import (
    FieldNames,
    Idle,
    bare_app,
    clerk_app,
    clerk_guard_app,
    dict_app,
    pyjwt_app,
)
from bench.peers import cached_pyjwt_verifier, pyjwt_verifier
from bench.tokens import (
    ISSUER,
    USER_ID,
    SigningKey,
    Taker,
    as_bytes,
    forge,
    make_key,
    mint_tokens,
)
from edgepass import EdgepassMiddleware, KeySet
from edgepass._asgi import ASGIApp, Message, Scope
from edgepass._signatures import STANDARD_LIBRARY, Backend, preferred_backend

TITLE = "request: what a middleware adds to a bare ASGI app, in one direct call"
NOTES = (
    "net is the time over the bare app; a ratio is between net times",
    "8 header fields a request, in fresh objects; the app sends 2 messages",
    "first sight: every token is another one, and the token cache is empty of it",
    "no peer caches what it verified; TTLCache and dict are what an application would add",
    "the dict never forgets a token and never looks at exp again: a floor, not a way to do it",
    "the floors verify nothing: one only calls the app, the other compares the names of all fields",
    "clerk-backend-api takes its key as PEM text and does not compare iss",
    "fastapi-clerk-auth: its guard in a plain ASGI middleware, without FastAPI's own cost",
)
BARE = "bare app"
PYJWT = "Starlette + PyJWT"
CACHED = "Starlette + PyJWT + TTLCache, warm"
DICT = "Starlette headers + dict, warm"
IDLE, FIELD_NAMES = "floor: calls the app", "floor: and reads field names"
PATH, PUBLIC_PATH = "/v1/things", "/health"
SIGNED_IN = f"200 {USER_ID}"
# Beyond 64 kB of header servers answer on their own.
HOSTILE_FIELD_BYTES = 60_000
COMMON_HEADERS = (
    (b"host", b"api.example.com"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    (b"accept", b"application/json"),
    (b"accept-language", b"en-GB,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"referer", b"https://app.example.com/things"),
    (b"connection", b"keep-alive"),
)
_COOKIES = b"_ga=GA1.1.1838201745.1763750000; __client_uat=1763750000; __session=%b; theme=dark"

Header = tuple[bytes, bytes]
HeaderTaker = Callable[[int], list[Header]]


class Exchange:
    """One request as a server would present it, and what was sent in answer."""

    __slots__ = ("scope", "sent")

    def __init__(self, path: str, last: Header) -> None:
        self.sent: list[Message] = []
        self.scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("ascii"),
            "root_path": "",
            "query_string": b"",
            "headers": [(_fresh(name), _fresh(value)) for name, value in (*COMMON_HEADERS, last)],
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 50000),
            "state": {},
        }

    async def receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


Exchanges = Callable[[int], list[Exchange]]
AnyContestant = Contestant[Exchange, Exchange]


def run(plan: Plan) -> Measurement:
    return measure(contestants(), plan, benchmark="request", title=TITLE, notes=NOTES)


def contestants() -> list[AnyContestant]:
    key = make_key("RS256")
    tokens = mint_tokens(key)
    return [
        _contestant(BARE, bare_app, _requests(_bearer(as_bytes(tokens))), "200 nobody"),
        *_floors(tokens),
        *_warm(key, tokens),
        *_first_sights(key, tokens),
        *_without_sign_in(key, tokens),
        *_peers(key, tokens),
    ]


def _floors(tokens: list[bytes]) -> Iterator[AnyContestant]:
    requests = _requests(_bearer(as_bytes(tokens)))
    yield _contestant(IDLE, Idle(bare_app), requests, "200 nobody")
    yield _contestant(FIELD_NAMES, FieldNames(bare_app), requests, "200 nobody")


def _warm(key: SigningKey, tokens: list[bytes]) -> Iterator[AnyContestant]:
    app, one = _edgepass(key), as_bytes(tokens[:1])
    forged = as_bytes(forge(tokens))
    for where, field, peers in (
        ("bearer", _bearer, (FIELD_NAMES, DICT, PYJWT)),
        ("cookie", _session_cookie, (CACHED, PYJWT)),
    ):
        yield _contestant(
            f"edgepass, warm {where}",
            app,
            _requests(field(one)),
            SIGNED_IN,
            also=((_requests(field(forged)), "401 signature_invalid"),),
            against=peers,
        )


def _first_sights(key: SigningKey, tokens: list[bytes]) -> Iterator[AnyContestant]:
    for backend in {one.name: one for one in (preferred_backend(), STANDARD_LIBRARY)}.values():
        app = _edgepass(key, backend)
        yield _contestant(
            f"edgepass, first sight, {backend.name}",
            app,
            _forgetting(app, _requests(_bearer(as_bytes(tokens)))),
            SIGNED_IN,
            against=(PYJWT,),
        )


def _without_sign_in(key: SigningKey, tokens: list[bytes]) -> Iterator[AnyContestant]:
    app = _edgepass(key)
    other = _always((b"x-request-id", b"7f3d0c52b1a94e68"))
    huge = _always((b"authorization", b"Bearer " + b"A" * HOSTILE_FIELD_BYTES))
    forged = _bearer(as_bytes(forge(tokens)))
    for name, path, fields, expected in (
        ("no credential (401)", PATH, other, "401 credential_missing"),
        ("refused token (401)", PATH, forged, "401 signature_invalid"),
        ("hostile: 60 kB token (401)", PATH, huge, "401 token_too_large"),
        ("public path", PUBLIC_PATH, other, "200 nobody"),
    ):
        yield _contestant(f"edgepass, {name}", app, _requests(fields, path), expected)


def _peers(key: SigningKey, tokens: list[bytes]) -> Iterator[AnyContestant]:
    warm = _requests(_bearer(as_bytes(tokens[:1])))
    fresh = _requests(_bearer(as_bytes(tokens)))
    forged = _requests(_bearer(as_bytes(forge(tokens))))
    for name, app, requests, refusal in (
        (PYJWT, pyjwt_app(pyjwt_verifier(key)), fresh, "401 InvalidSignatureError"),
        (CACHED, pyjwt_app(cached_pyjwt_verifier(key)), warm, "401 InvalidSignatureError"),
        (DICT, dict_app(pyjwt_verifier(key)), warm, "401 InvalidSignatureError"),
        ("clerk-backend-api", clerk_app(key), fresh, "401 TOKEN_INVALID_SIGNATURE"),
        ("fastapi-clerk-auth guard", clerk_guard_app(key), fresh, "403 refused"),
    ):
        against = () if name in (PYJWT, CACHED, DICT) else (PYJWT,)
        yield _contestant(name, app, requests, SIGNED_IN, ((forged, refusal),), against)


def _contestant(
    name: str,
    app: ASGIApp,
    requests: Exchanges,
    expected: str,
    also: tuple[tuple[Exchanges, str], ...] = (),
    against: tuple[str, ...] = (),
) -> AnyContestant:
    return Contestant(
        name=name,
        arguments=requests,
        call=_driver(app),
        read=_read_answer,
        expected=expected,
        also=also,
        against=against,
    )


def _driver(app: ASGIApp) -> Callable[[Exchange], Exchange]:
    """Return a call of `app` without an event loop: nothing here ever has to wait."""

    def drive(exchange: Exchange) -> Exchange:
        coroutine: Any = app(exchange.scope, exchange.receive, exchange.send)
        try:
            coroutine.send(None)
        except StopIteration:
            return exchange
        raise RuntimeError("the app waited for something")

    return drive


def _read_answer(exchange: Exchange) -> str:
    start, body = exchange.sent
    if start["status"] == 200:
        user = exchange.scope.get("user")
        return f"200 {(user and user.display_name) or 'nobody'}"
    return f"{start['status']} {_read_code(body)}"


def _read_code(body: Mapping[str, Any]) -> str:
    return str(json.loads(body["body"])["code"])


def _edgepass(key: SigningKey, backend: Backend | None = None) -> EdgepassMiddleware:
    keys = KeySet.from_jwks(key.jwks, backend=backend)
    return EdgepassMiddleware(
        bare_app, issuer=ISSUER, keys=keys, public=[PUBLIC_PATH], clock=time.time
    )


def _forgetting(app: EdgepassMiddleware, requests: Exchanges) -> Exchanges:
    """Return `requests` that come after a lull long enough for the token cache to be empty."""

    def made(count: int) -> list[Exchange]:
        app._cache.clear()
        return requests(count)

    return made


def _requests(fields: HeaderTaker, path: str = PATH) -> Exchanges:
    return lambda count: [Exchange(path, field) for field in fields(count)]


def _bearer(tokens: Taker) -> HeaderTaker:
    return lambda count: [(b"authorization", b"Bearer " + token) for token in tokens(count)]


def _session_cookie(tokens: Taker) -> HeaderTaker:
    return lambda count: [(b"cookie", _COOKIES % token) for token in tokens(count)]


def _always(field: Header) -> HeaderTaker:
    return lambda count: [field] * count


def _fresh(value: bytes) -> bytes:
    return bytes(bytearray(value))
