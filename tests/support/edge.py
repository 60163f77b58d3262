"""An edge inside the test: the middleware around a tiny app, called without a server."""

from collections.abc import Callable
from typing import Any

from edgepass import EdgepassMiddleware
from tests.support.apps import say_who


class Edge:
    """Sends requests with a Bearer token straight into the middleware."""

    def __init__(self, issuer: str, clock: Callable[[], float]) -> None:
        self.middleware = EdgepassMiddleware(say_who, issuer=issuer, clock=clock)

    async def status(self, token: str) -> int:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "raw_path": b"/",
            "headers": [(b"authorization", b"Bearer " + token.encode("ascii"))],
        }
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("nothing here reads a body")

        await self.middleware(scope, receive, send)
        return int(sent[0]["status"])

    async def close(self) -> None:
        """End the middleware's background work, as the end of a server's lifespan does."""

        async def receive() -> Any:
            return {"type": "lifespan.shutdown"}

        async def send(_: Any) -> None:
            pass

        await self.middleware({"type": "lifespan"}, receive, send)
