"""Which pages may read answers (Fetch standard, section 3.2): those of the allowed origins."""

from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgepass_sidecar.api.answers import error_answer
from edgepass_sidecar.api.fields import fields_of, query_of

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


class _Preflights(CORSMiddleware):
    """Refuses a preflight with the envelope of every other refusal."""

    def preflight_response(self, request_headers: Headers) -> Response:
        answered = super().preflight_response(request_headers)
        if answered.status_code < 400:
            return answered
        why = bytes(answered.body).decode()
        refused = error_answer(
            400, "preflight_refused", f"{why}: a page of another origin may not ask this."
        )
        for name, value in answered.headers.items():
            refused.headers.setdefault(name, value)
        return refused


class Cors:
    """Lets pages of the allowed origins read answers: with their cookie, or else in native mode.

    `Authorization` passes in native mode alone, so that no page is invited to hold a secret key.
    """

    def __init__(self, app: ASGIApp, *, allow_origins: list[str]) -> None:
        self._app = app
        self._with_cookie = {origin: _readable(origin, _WITH_COOKIE) for origin in allow_origins}
        self._native = {origin: _readable(origin, _NATIVE) for origin in allow_origins}
        self._preflight_with_cookie = _Preflights(
            app,
            allow_origins=allow_origins,
            allow_credentials=True,
            allow_methods=_METHODS,
            allow_headers=["content-type"],
        )
        self._preflight_native = _Preflights(
            app,
            allow_origins=allow_origins,
            allow_methods=_METHODS,
            allow_headers=["authorization", "content-type"],
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        is_native = _is_native_call(scope)
        if scope["method"] == "OPTIONS":
            preflight = self._preflight_native if is_native else self._preflight_with_cookie
            return preflight(scope, receive, send)
        origins = fields_of(scope).getlist("origin")
        allowed = self._native if is_native else self._with_cookie
        # By hand where it is on the way of each refresh: what Starlette does there takes
        # longer than all that a refresh reads from the store.
        readable = allowed.get(origins[0]) if len(origins) == 1 else None
        if readable is None:
            return self._app(scope, receive, send)

        def send_readable(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" and not _says_so(message):
                message["headers"] = [*message["headers"], *readable]
            return send(message)

        return self._app(scope, receive, send_readable)


def _readable(origin: str, more: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(b"access-control-allow-origin", origin.encode("latin-1")), *more]


def _says_so(message: Message) -> bool:
    """Say whether a route has decided by itself who may read its answer, as the script does."""
    return b"access-control-allow-origin" in [name for name, _ in message["headers"]]


def _is_frontend(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in _PATHS)


def _is_native_call(scope: Scope) -> bool:
    if b"_is_native" not in scope["query_string"] or not _is_frontend(scope["path"]):
        return False
    return query_of(scope).getlist("_is_native") == ["1"]
