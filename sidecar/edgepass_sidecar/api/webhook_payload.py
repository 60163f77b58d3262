"""The body of a webhook: an event with its session and user, in Clerk's shapes."""

from hashlib import sha256
from typing import Literal, TypedDict

import orjson

from edgepass_sidecar.api.schema import milliseconds, session_shape, user_shape
from edgepass_sidecar.api.shapes import SessionShape
from edgepass_sidecar.api.user_shapes import UserShape
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import random_text
from edgepass_sidecar.session import Session


class SessionOfUserShape(SessionShape):
    user: UserShape


class HttpRequestShape(TypedDict):
    client_ip: str
    user_agent: str


class EventAttributesShape(TypedDict):
    http_request: HttpRequestShape


class WebhookShape(TypedDict):
    data: SessionOfUserShape
    object: Literal["event"]
    type: str
    timestamp: int
    instance_id: str
    event_attributes: EventAttributesShape


def instance_id(issuer: str) -> str:
    """Return the id by which a receiver tells sidecars apart: the same for the same issuer."""
    return "ins_" + random_text(sha256(issuer.encode()).digest()[:16])


def webhook_payload(event: Event, session: Session, issuer: str) -> bytes:
    """Spell what a webhook says; `session` is as the event left it."""
    shape: WebhookShape = {
        "data": {
            **session_shape(session, event.at),
            # Not what time or a ban would make of it: what the event says.
            "status": session.status,
            "user": user_shape(session.user),
        },
        "object": "event",
        "type": event.type,
        "timestamp": milliseconds(event.at),
        "instance_id": instance_id(issuer),
        "event_attributes": {
            "http_request": {"client_ip": event.ip_address, "user_agent": event.user_agent}
        },
    }
    return orjson.dumps(shape)
