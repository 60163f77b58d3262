"""The ASGI 3 types, as far as a middleware sees them."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

# IANA's registry of WebSocket close codes: 3000 is Unauthorized.
WEBSOCKET_UNAUTHORIZED = 3000
