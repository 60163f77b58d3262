"""The revocation feed for edges, as server-sent events (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.service.refusal import Refused

EVENT_STREAM = "text/event-stream"
_LONGEST_CURSOR = 19  # digits of a 64-bit number


async def get_revocations(context: Context, request: Request) -> Response:
    """Answer with all that is alive, or what came after `Last-Event-ID`; then what comes."""
    messages = context.feed.listen(_last_event_id(request))
    # Before the answer begins: a store that does not answer is a 503 and no broken stream.
    first = await anext(messages)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_all_of(first, messages), headers=headers, media_type=EVENT_STREAM)


async def _all_of(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for messages in rest:
        yield messages


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_CURSOR):
        raise Refused(
            400, "last_event_id_invalid", "Last-Event-ID must be the id of a message, or absent."
        )
    return int(text)


ROUTES = [
    Operation(
        "GET",
        "/v1/revocations",
        get_revocations,
        "What was revoked, and what is being revoked",
        access=Access.EDGE,
        answers=str,
        media_type=EVENT_STREAM,
    )
]
