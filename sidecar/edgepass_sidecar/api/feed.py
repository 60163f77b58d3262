"""The revocation feed for edges, as server-sent events (WHATWG HTML, section 9.2)."""

from collections.abc import AsyncIterator
from contextlib import suppress
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.operation import Access, Operation, bearer_key
from edgepass_sidecar.secret_key import KeyScope
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.store import StoreUnavailable

EVENT_STREAM = "text/event-stream"
KEY_CHECKED_EVERY = 5.0  # seconds
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
_LONGEST_CURSOR = 19  # digits of a 64-bit number


async def get_revocations(context: Context, request: Request) -> Response:
    """Answer with all that is alive, or what came after `Last-Event-ID`; then what comes."""
    last = _last_event_id(request)
    if request.method == "HEAD":
        return Response(headers=_HEADERS, media_type=EVENT_STREAM)
    messages = context.feed.listen(last)
    # Before the answer begins: a store that does not answer is a 503 and no broken stream.
    first = await anext(messages)
    told = _tell(context, bearer_key(request), first, messages)
    return StreamingResponse(told, headers=_HEADERS, media_type=EVENT_STREAM)


async def _tell(
    context: Context, key: str, first: bytes, rest: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    yield first
    checked_at = monotonic()
    async for messages in rest:
        yield messages
        # A key that is revoked while somebody listens opens nothing any more either.
        if monotonic() - checked_at >= KEY_CHECKED_EVERY:
            checked_at = monotonic()
            # Where the store does not answer, the last word on it stands.
            with suppress(StoreUnavailable):
                if not await context.secret_keys.recognises(key, KeyScope.EDGE):
                    return


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
