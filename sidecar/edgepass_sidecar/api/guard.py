"""Around every route: headers that browsers obey, and one log line per answer that is an error."""

import logging
import time
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ONE_YEAR = 31_536_000
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
_log = logging.getLogger("edgepass.http")


class Guard:
    """Adds security headers (OWASP ASVS 5.0 section 3.4); logs what went wrong, without queries."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        headers = dict(_HEADERS)
        if is_https:
            headers["strict-transport-security"] = f"max-age={_ONE_YEAR}"
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    # No coroutine, as in the layers within: who awaits what it returns awaits the app itself.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        started = time.perf_counter()

        def send_guarded(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
                if message["status"] >= 400:
                    self._log(scope, message["status"], time.perf_counter() - started)
            return send(message)

        return self._app(scope, receive, send_guarded)

    def _log(self, scope: Scope, status: int, elapsed: float) -> None:
        _log.log(
            logging.ERROR if status >= 500 else logging.INFO,
            "answered %d",
            status,
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "elapsed_ms": round(elapsed * 1000, 2),
            },
        )
