"""A refresh endpoint as one would write it by hand: Starlette, redis-py and PyJWT; and a bare one.

`python -m bench.usual_stack PORT bare BYTES`, or `… PORT get REDIS_PORT ALGORITHM`. It
does what it has to and no more: no CORS, no security headers, no look at the origin.
"""

import hmac
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import jwt
import redis.asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.tokens import ISSUER, KEY_ID, SigningKey, make_key

COOKIE = "__client"
TOKEN_PATH = "/v1/client/sessions/{session_id}/tokens"
KEY_SET_PATH = "/.well-known/jwks.json"
TOKEN_LIFETIME = 60
INACTIVITY_TIMEOUT = 7 * 86_400

Handler = Callable[[Request], Awaitable[Response]]
Find = Callable[[str], Awaitable[str | None]]
Store = Any  # redis-py: its own types name no answers


def stored_session(session_id: str, user_id: str, client_token: str, now: float) -> dict[str, Any]:
    """Return what a sign-in would have put into Redis."""
    return {
        "id": session_id,
        "user_id": user_id,
        "status": "active",
        "token_hash": _hash(client_token),
        "created_at": now,
        "expire_at": now + INACTIVITY_TIMEOUT,
        "ip_address": "203.0.113.9",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    }


def session_key(session_id: str) -> str:
    return f"session:{session_id}"


def refreshing(find: Find, touch: Callable[[str], Awaitable[None]], key: SigningKey) -> Handler:
    """Return the endpoint: cookie, look-up, judgement, touch, token."""

    async def post_token(request: Request) -> Response:
        presented = request.cookies.get(COOKIE)
        name = session_key(request.path_params["session_id"])
        stored = await find(name) if presented else None
        if presented is None or stored is None:
            return _refuse()
        session, now = json.loads(stored), time.time()
        if not hmac.compare_digest(session["token_hash"], _hash(presented)):
            return _refuse()
        if session["status"] != "active" or now >= session["expire_at"]:
            return _refuse()
        await touch(name)
        claims = _claims(session, request.headers.get("origin", ""), int(now))
        token = jwt.encode(claims, key.private, key.algorithm, headers={"kid": KEY_ID})
        return JSONResponse(
            {"object": "token", "jwt": token}, headers={"cache-control": "no-store"}
        )

    return post_token


def _claims(session: dict[str, Any], origin: str, now: int) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "sub": session["user_id"],
        "sid": session["id"],
        "iat": now,
        "exp": now + TOKEN_LIFETIME,
        "nbf": now - 10,
        "jti": secrets.token_hex(10),
        "v": 2,
        "fva": [max(0, int(now - session["created_at"]) // 60), -1],
        "sts": "active",
        "azp": origin,
    }


def _refuse() -> Response:
    return JSONResponse({"code": "unauthorized"}, 401)


def _hash(client_token: str) -> str:
    return sha256(client_token.encode()).hexdigest()


def usual_app(port: int, algorithm: str, *, in_one_command: bool) -> Starlette:
    """Return the app; `in_one_command` reads and prolongs at once, before it has judged."""
    store: Store = redis.asyncio.Redis(host="127.0.0.1", port=port, decode_responses=True)
    key = make_key(algorithm)

    async def find(name: str) -> str | None:
        found: str | None = await store.get(name)
        return found

    async def find_and_touch(name: str) -> str | None:
        found: str | None = await store.getex(name, ex=INACTIVITY_TIMEOUT)
        return found

    async def touch(name: str) -> None:
        await store.expire(name, INACTIVITY_TIMEOUT)

    async def touched_already(name: str) -> None:
        pass

    async def get_key_set(_: Request) -> Response:
        return JSONResponse(key.jwks)

    ways = (find_and_touch, touched_already) if in_one_command else (find, touch)
    return Starlette(
        routes=[
            Route(TOKEN_PATH, refreshing(*ways, key), methods=["POST"]),
            Route(KEY_SET_PATH, get_key_set),
        ]
    )


def bare_app(size: int) -> Starlette:
    """Return an app that answers every refresh with the same JSON, `size` bytes of it."""
    frame = b'{"object":"token","jwt":"%b"}'
    body = frame % (b"A" * (size - len(frame % b"")))

    async def post_token(_: Request) -> Response:
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})

    return Starlette(routes=[Route(TOKEN_PATH, post_token, methods=["POST"])])


def main(arguments: list[str]) -> None:
    port, kind, number, *more = arguments
    if kind == "bare":
        app = bare_app(int(number))
    else:
        app = usual_app(int(number), *more, in_one_command=kind == "getex")
    # As the sidecar is served.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
