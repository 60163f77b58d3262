"""An app behind the middleware that notes when it began to refuse each session that was revoked.

Run as `python -m bench.revocation_edge PORT ISSUER`, with the edge key in `EDGE_KEY`.
Nobody has to ask again and again: as soon as a message of the feed was applied,
the edge itself puts the request of that session to its own middleware.
"""

import json
import os
import sys
from time import monotonic_ns
from typing import Any

import uvicorn

from bench.servers import HOST
from edgepass import EdgepassMiddleware, SignedIn
from edgepass._asgi import Message, Receive, Scope, Send
from edgepass._event_stream import Message as FeedMessage

KEEP, NOTES, MOMENT, HEALTH = "/keep", "/notes", "/moment", "/health"
PUBLIC = (NOTES, MOMENT, HEALTH)
KEY_VARIABLE = "EDGE_KEY"
REVOKED = "session_revoked"


class Edge:
    """The app in `guarded`, which is told of revocations as any edge is."""

    def __init__(self, issuer: str, edge_key: str) -> None:
        self.guarded = EdgepassMiddleware(
            self._answer, issuer=issuer, edge_key=edge_key, public=PUBLIC
        )
        self._credentials: dict[str, bytes] = {}
        self._refused_ns: dict[str, int] = {}
        live = self.guarded._live
        assert live is not None, "an edge with a key listens"
        self._apply = live._feed.apply
        vars(live._feed)["apply"] = self._apply_and_note

    def _apply_and_note(self, message: FeedMessage, now: float) -> None:
        self._apply(message, now)
        if message.kind != "session":
            return
        session_id = json.loads(message.data)["session_id"]
        credential = self._credentials.get(session_id)
        if credential is None or session_id in self._refused_ns:
            return
        if _refusal_of(self.guarded, credential) == REVOKED:
            self._refused_ns[session_id] = monotonic_ns()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _complete(receive, send)
        elif scope["path"] == NOTES:
            await _say(send, json.dumps(self._refused_ns))
        elif scope["path"] == MOMENT:
            await _say(send, str(monotonic_ns()))
        elif scope["path"] == HEALTH:
            await _say(send, str(self.guarded.health()["feed"]))
        else:
            if scope["path"] == KEEP:
                self._keep(scope)
            await _say(send, "ok")

    def _keep(self, scope: Scope) -> None:
        state = scope["edgepass"]
        assert isinstance(state, SignedIn), "others do not get here"
        self._credentials[state.session_id] = dict(scope["headers"])[b"authorization"]


def _refusal_of(app: EdgepassMiddleware, credential: bytes) -> str:
    """Return the code that a request is refused with; nothing for one that is let through."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "headers": [(b"authorization", credential)],
    }
    coroutine: Any = app(scope, receive, send)
    try:
        coroutine.send(None)
    except StopIteration:
        start, body = sent
        return "" if start["status"] == 200 else str(json.loads(body["body"])["code"])
    raise RuntimeError("the token of a session that was revoked was not remembered")


async def _complete(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _say(send: Send, text: str) -> None:
    body = text.encode("ascii")
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    port, issuer = sys.argv[1:]
    edge = Edge(issuer, os.environ[KEY_VARIABLE])
    uvicorn.run(
        edge.guarded,
        host=HOST,
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_level="warning",
        access_log=False,
        # Those who ask wait longer than usual while the sidecar is away.
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
