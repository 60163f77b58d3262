"""Answers: JSON with exactly the type and the error envelope that clients expect."""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

import orjson
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
_log = logging.getLogger("edgepass.failures")
_CODES = {404: "resource_not_found", 405: "method_not_allowed", 413: "request_too_large"}


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON that no cache may keep: most of it holds a token or depends on a cookie."""
    headers = {"cache-control": "no-store", **(headers or {})}
    return Response(orjson.dumps(content), status, headers, JSON)


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
    """Answers 500 for a fault of ours, inside of what adds headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception:
            if started or scope["type"] != "http":
                raise
            _log.exception("a request failed")
            failure = error_answer(500, "internal_error", "Something went wrong on our side.")
            await failure(scope, receive, send)
