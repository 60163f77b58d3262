"""Apps behind the middleware, to be run by uvicorn in a process of their own."""

import os
import sys
from pathlib import Path
from typing import Self

from edgepass import EdgepassMiddleware
from edgepass._asgi import Receive, Scope, Send
from tests.support.processes import Process, free_port


async def say_who(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the user's id, nothing for nobody."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    if scope["type"] != "http":
        return
    body = scope["user"].identity.encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def guarded_app() -> EdgepassMiddleware:
    return EdgepassMiddleware(say_who, issuer=os.environ["ISSUER"], public=["/public"])


class GuardedApp:
    """`say_who` behind the middleware, served by uvicorn."""

    def __init__(self, directory: Path, issuer: str, *options: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "uvicorn", "--factory", "tests.support.apps:guarded_app"]
        command += ["--port", str(self.port), "--log-level", "warning", *options]
        self.process = Process(command, {"ISSUER": issuer}, directory / "app.log")

    def __enter__(self) -> Self:
        self.process.start(f"{self.url}/public")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.end()
