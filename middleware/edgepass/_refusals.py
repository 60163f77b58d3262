"""What a refused request is told: status, challenge and body, per code (RFC 6750 section 3)."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from edgepass._asgi import WEBSOCKET_UNAUTHORIZED, Receive, Scope, Send
from edgepass._errors import CredentialRefused, KeysUnavailable, RevocationsStale, TokenRefused

CREDENTIAL_MISSING = "credential_missing"
PATH_NOT_CANONICAL = "path_not_canonical"
_RETRY_AFTER = b"2"  # seconds; a fetch or a connection to the issuer is decided within two


class Refusal(NamedTuple):
    """One answer, ready to be sent over HTTP or instead of a WebSocket handshake."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    code: str

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._send_response("http.response", send)
            return
        await receive()  # the handshake: nothing may be sent before it was read
        if "websocket.http.response" in (scope.get("extensions") or {}):
            await self._send_response("websocket.http.response", send)
        else:
            # A close before an accept: the server answers the handshake with 403.
            await send(
                {"type": "websocket.close", "code": WEBSOCKET_UNAUTHORIZED, "reason": self.code}
            )

    async def _send_response(self, kind: str, send: Send) -> None:
        await send({"type": f"{kind}.start", "status": self.status, "headers": list(self.headers)})
        await send({"type": f"{kind}.body", "body": self.body})


def _refusal(status: int, error: str, code: str, *extra: tuple[bytes, bytes]) -> Refusal:
    body = json.dumps({"error": error, "code": code}).encode("ascii")
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        *extra,
    ]
    return Refusal(status, headers, body, code)


def _challenge(error: str, code: str) -> tuple[bytes, bytes]:
    text = f'Bearer realm="edgepass", error="{error}", error_description="{code}"'
    return (b"www-authenticate", text.encode("ascii"))


def _refused_token(kind: type[TokenRefused]) -> Refusal:
    if issubclass(kind, KeysUnavailable | RevocationsStale):
        return _refusal(503, "temporarily_unavailable", kind.code, (b"retry-after", _RETRY_AFTER))
    if issubclass(kind, CredentialRefused):
        return _refusal(400, "invalid_request", kind.code, _challenge("invalid_request", kind.code))
    return _refusal(401, "invalid_token", kind.code, _challenge("invalid_token", kind.code))


def _kinds(root: type[TokenRefused]) -> Iterator[type[TokenRefused]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


REFUSALS = {kind.code: _refused_token(kind) for kind in _kinds(TokenRefused)} | {
    # Without credentials the challenge has no error code (RFC 6750 section 3.1).
    CREDENTIAL_MISSING: _refusal(
        401,
        "credential_missing",
        CREDENTIAL_MISSING,
        (b"www-authenticate", b'Bearer realm="edgepass"'),
    ),
    PATH_NOT_CANONICAL: _refusal(400, "invalid_request", PATH_NOT_CANONICAL),
}
