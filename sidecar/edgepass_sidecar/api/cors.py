"""Which pages may read answers (Fetch standard, section 3.2): those of the allowed origins."""

from starlette.datastructures import QueryParams
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATHS = ("/v1/client", "/v1/environment", "/v1/me")
_METHODS = ["GET", "POST", "DELETE"]
_WITH_COOKIE = [
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", b"retry-after"),
    (b"vary", b"Origin"),
]
_NATIVE = [
    (b"access-control-expose-headers", b"authorization, retry-after"),
    (b"vary", b"Origin"),
]


class Cors:
    """Lets pages of the allowed origins read answers: with their cookie, or else in native mode.

    `Authorization` passes in native mode alone, so that no page is invited to hold a secret key.
    """

    def __init__(self, app: ASGIApp, *, allow_origins: list[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in allow_origins)
        self._preflight_with_cookie = CORSMiddleware(
            app,
            allow_origins=allow_origins,
            allow_credentials=True,
            allow_methods=_METHODS,
            allow_headers=["content-type"],
        )
        self._preflight_native = CORSMiddleware(
            app,
            allow_origins=allow_origins,
            allow_methods=_METHODS,
            allow_headers=["authorization", "content-type"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_native = _is_native_call(scope)
        if scope["method"] == "OPTIONS":
            preflight = self._preflight_native if is_native else self._preflight_with_cookie
            await preflight(scope, receive, send)
            return
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1 or origins[0] not in self._origins:
            await self._app(scope, receive, send)
            return
        # By hand where it is on the way of each refresh: what Starlette does there takes
        # longer than all that a refresh reads from the store.
        readable = [
            (b"access-control-allow-origin", origins[0]),
            *(_NATIVE if is_native else _WITH_COOKIE),
        ]

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start" and not _says_so(message):
                message["headers"] = [*message["headers"], *readable]
            await send(message)

        await self._app(scope, receive, send_readable)


def _says_so(message: Message) -> bool:
    """Say whether a route has decided by itself who may read its answer, as the script does."""
    return any(name == b"access-control-allow-origin" for name, _ in message["headers"])


def _is_frontend(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in _PATHS)


def _is_native_call(scope: Scope) -> bool:
    query = scope["query_string"]
    if b"_is_native" not in query or not _is_frontend(scope["path"]):
        return False
    return QueryParams(query).getlist("_is_native") == ["1"]
