"""Between domain values and the rows of a SQL database."""

from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import Any

import orjson

from edgepass_sidecar.client import Client
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, TicketId, UserId
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.ticket import Ticket, TicketStatus
from edgepass_sidecar.user import User

Row = tuple[Any, ...]

CLIENT_COLUMNS = (
    "id", "version", "token_hash", "previous_token_hash", "rotated_at",
    "last_active_session_id", "created_at", "updated_at",
)  # fmt: skip
SESSION_COLUMNS = (
    "id", "client_id", "user_id", "status", "created_at", "updated_at", "last_active_at",
    "expire_at", "inactivity_timeout", "first_factor_at", "ip_address", "user_agent",
)  # fmt: skip
USER_COLUMNS = ("id", "external_id", "profile", "created_at", "updated_at")
TICKET_COLUMNS = (
    "id", "user_id", "secret_hash", "status", "created_at", "updated_at", "expires_at",
    "session_id",
)  # fmt: skip
SECRET_KEY_COLUMNS = ("id", "hash", "hint", "created_at", "revoked_at")
EVENT_COLUMNS = ("type", "at", "client_id", "session_id", "user_id", "data")

_PROFILE = ("username", "first_name", "last_name", "image_url", "public_metadata")


def client_row(client: Client) -> Row:
    return tuple(getattr(client, name) for name in CLIENT_COLUMNS)


def parse_client(row: Row, sessions: tuple[Session, ...]) -> Client:
    values = dict(zip(CLIENT_COLUMNS, row, strict=True))
    return Client(**(values | {"id": ClientId(values["id"])}), sessions=sessions)


def session_row(session: Session) -> Row:
    return tuple(getattr(session, name) for name in SESSION_COLUMNS)


def parse_session(row: Row) -> Session:
    values = dict(zip(SESSION_COLUMNS, row, strict=True))
    return Session(**(values | {"id": SessionId(values["id"]), "status": Status(values["status"])}))


def user_row(user: User) -> Row:
    profile = orjson.dumps({name: getattr(user, name) for name in _PROFILE}).decode()
    return (user.id, user.external_id, profile, user.created_at, user.updated_at)


def parse_user(row: Row) -> User:
    identifier, external_id, profile, created_at, updated_at = row
    return User(
        id=UserId(identifier),
        external_id=external_id,
        created_at=created_at,
        updated_at=updated_at,
        **orjson.loads(profile),
    )


def ticket_row(ticket: Ticket) -> Row:
    return tuple(getattr(ticket, name) for name in TICKET_COLUMNS)


def parse_ticket(row: Row) -> Ticket:
    values = dict(zip(TICKET_COLUMNS, row, strict=True))
    return Ticket(
        **(values | {"id": TicketId(values["id"]), "status": TicketStatus(values["status"])})
    )


def secret_key_row(key: SecretKey) -> Row:
    return tuple(getattr(key, name) for name in SECRET_KEY_COLUMNS)


def parse_secret_key(row: Row) -> SecretKey:
    return SecretKey(**dict(zip(SECRET_KEY_COLUMNS, row, strict=True)))


def event_row(event: Event) -> Row:
    data = orjson.dumps(event.data).decode()
    return (event.type, event.at, event.client_id, event.session_id, event.user_id, data)


def parse_event(row: Row) -> Event:
    values = dict(zip(EVENT_COLUMNS, row, strict=True))
    return Event(**(values | {"data": orjson.loads(values["data"])}))


def encode_signing_keys(keys: tuple[SigningKey, ...]) -> str:
    return orjson.dumps(
        [asdict(key) | {"sealed_private": b64encode(key.sealed_private).decode()} for key in keys]
    ).decode()


def parse_signing_keys(text: str) -> tuple[SigningKey, ...]:
    return tuple(
        SigningKey(**(values | {"sealed_private": b64decode(values["sealed_private"])}))
        for values in orjson.loads(text)
    )
