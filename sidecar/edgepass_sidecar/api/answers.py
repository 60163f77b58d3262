"""Answers: JSON with exactly the type and the error envelope that clients expect."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgepass_sidecar.service.key_keeper import NoActiveKey
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.store import StoreUnavailable

# Exactly this, without a charset: @clerk/backend parses nothing else.
JSON = "application/json"
RETRY_AFTER = "1"
Handler = Callable[[Request, Exception], Awaitable[Response]]
_log = logging.getLogger("edgepass.failures")
_CODES = {404: "resource_not_found", 405: "method_not_allowed", 413: "request_too_large"}


class _JsonAnswer(Response):
    media_type = JSON

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str] | None) -> None:
        if headers or status != 200:
            super().__init__(body, status, {"cache-control": "no-store", **(headers or {})})
            return
        # What it would come to, written down: it is so for each refresh.
        self.body, self.status_code, self.background = body, status, None
        self.raw_headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
        ]


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that no cache may keep: most of it holds a token or depends on a cookie."""
    return _JsonAnswer(orjson.dumps(content), status, headers)


def error_answer(status: int, code: str, message: str) -> Response:
    error = {"message": message, "long_message": message, "code": code, "meta": {}}
    headers = {"retry-after": RETRY_AFTER} if status == 503 else {}
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="edgepass"'
    return answer({"errors": [error], "clerk_trace_id": secrets.token_hex(16)}, status, headers)


async def answer_refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refused)
    return error_answer(refusal.status, refusal.code, refusal.message)


async def answer_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "request_invalid")
    response = error_answer(error.status_code, code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def answer_unavailable(_: Request, error: Exception) -> Response:
    assert isinstance(error, StoreUnavailable | NoActiveKey)
    _log.error("unavailable: %s", error)
    if isinstance(error, NoActiveKey):
        return error_answer(503, "no_active_key", "No signing key is active: try again later.")
    return error_answer(503, "unavailable", "The session store does not answer: try again.")


def is_held(request: Request, tag: str) -> bool:
    """Say whether the client has the version `tag`, by the weak comparison of RFC 9110 13.1.2."""
    held = request.headers.get("if-none-match", "")
    return tag in (part.strip().removeprefix("W/") for part in held.split(","))


class AnswerFailures:
    """Answers what a route raises: with the handler of its kind, or 500 for a fault of ours.

    Belongs inside of what adds headers to every answer.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[Any, Handler]) -> None:
        self._app = app
        self._handlers: dict[Any, Handler] = dict(handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        def send_noting(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            response = await self._respond(Request(scope), error)
            await response(scope, receive, send)

    async def _respond(self, request: Request, error: Exception) -> Response:
        for kind in type(error).__mro__:
            if kind in self._handlers:
                return await self._handlers[kind](request, error)
        _log.error("a request failed", exc_info=error)
        return error_answer(500, "internal_error", "Something went wrong on our side.")


class Layered(Starlette):
    """Starlette with one layer around its routes that answers failures, instead of three.

    Its own two tell the kinds that have handlers from all others; `AnswerFailures` does both.
    """

    def build_middleware_stack(self) -> ASGIApp:
        app: ASGIApp = AnswerFailures(self.router, self.exception_handlers)
        for layer, arguments, options in reversed(self.user_middleware):
            app = layer(app, *arguments, **options)
        return app
