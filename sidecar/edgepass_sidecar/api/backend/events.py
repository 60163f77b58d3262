"""The event log, as the app's servers ask it by user, session, client, type and time."""

from typing import Annotated, Any, Literal, TypedDict

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.backend.asked import Limit, Text, backend_operation
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.schema import milliseconds
from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import EventQuery
from edgepass_sidecar.identifier import ClientId, SessionId, UserId

_LATEST = 1 << 53  # what every JSON parser keeps whole
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]
Cursor = Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]
Types = Annotated[list[Text], msgspec.Meta(max_length=50)]


class EventList(msgspec.Struct):
    """Which events. `until` is exclusive, and so is `after`, the cursor to go on from."""

    user_id: str | None = None
    session_id: str | None = None
    client_id: str | None = None
    type: Types = msgspec.field(default_factory=list)
    since: Milliseconds | None = None
    until: Milliseconds | None = None
    after: Cursor = 0
    limit: Limit = 10
    order: Literal["asc", "desc"] = "desc"

    def query(self) -> EventQuery:
        """Return what to ask the log for: one more than the limit, to see if there is more."""
        return EventQuery(
            user_id=UserId(self.user_id) if self.user_id is not None else None,
            session_id=SessionId(self.session_id) if self.session_id is not None else None,
            client_id=ClientId(self.client_id) if self.client_id is not None else None,
            types=frozenset(self.type),
            since=self.since / 1000 if self.since is not None else None,
            until=self.until / 1000 if self.until is not None else None,
            after=self.after,
            newest_first=self.order == "desc",
            limit=self.limit + 1,
        )


class EventShape(TypedDict):
    object: Literal["event"]
    cursor: int
    type: str
    timestamp: int
    user_id: str | None
    session_id: str | None
    client_id: str | None
    actor_id: str | None
    ip_address: str | None
    user_agent: str | None
    data: dict[str, Any]


class EventsShape(TypedDict):
    """A part of the log; where there is more, it goes on `after` the last cursor of this one."""

    data: list[EventShape]
    has_more: bool


async def _get_events(context: Context, request: Request, query: EventList) -> Response:
    entries = await context.core.store.find_events(query.query())
    shapes = [_event_shape(cursor, event) for cursor, event in entries[: query.limit]]
    return answer(EventsShape(data=shapes, has_more=len(entries) > query.limit))


def _event_shape(cursor: int, event: Event) -> EventShape:
    return EventShape(
        object="event",
        cursor=cursor,
        type=event.type,
        timestamp=milliseconds(event.at),
        user_id=event.user_id,
        session_id=event.session_id,
        client_id=event.client_id,
        actor_id=event.actor_id,
        ip_address=event.ip_address or None,
        user_agent=event.user_agent or None,
        data=event.data,
    )


ROUTES = [
    backend_operation(
        "GET",
        "/v1/events",
        _get_events,
        "List events of the log, newest first",
        query=EventList,
        answers=EventsShape,
    ),
]
