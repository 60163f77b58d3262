"""Between domain values and the rows of a SQL database."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.client import Client
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, TemplateId, UserId
from edgepass_sidecar.secret_key import KeyScope, SecretKey
from edgepass_sidecar.session import Session, Status, Terms
from edgepass_sidecar.signing_keys import SigningKey, Stage
from edgepass_sidecar.template import Template
from edgepass_sidecar.ticket import Ticket, TicketStatus
from edgepass_sidecar.user import User

Row = tuple[Any, ...]

CLIENT_COLUMNS = (
    "id", "version", "token_hash", "previous_token_hash", "rotated_at",
    "last_active_session_id", "created_at", "updated_at", "rotation_due", "rotated_for",
)  # fmt: skip
SESSION_COLUMNS = (
    "id", "client_id", "user_id", "status", "created_at", "updated_at", "last_active_at",
    "expire_at", "inactivity_timeout", "first_factor_at", "second_factor_at", "ip_address",
    "user_agent", "details",
)  # fmt: skip
USER_COLUMNS = (
    "id", "external_id", "profile", "created_at", "updated_at", "is_banned", "not_before",
)  # fmt: skip
TICKET_COLUMNS = (
    "id", "user_id", "secret_hash", "status", "created_at", "updated_at", "expires_at",
    "session_id", "terms",
)  # fmt: skip
TEMPLATE_COLUMNS = ("id", "name", "document", "created_at", "updated_at")
SECRET_KEY_COLUMNS = ("id", "hash", "hint", "created_at", "revoked_at", "scope")
EVENT_COLUMNS = (
    "type", "at", "client_id", "session_id", "user_id", "actor_id", "ip_address", "user_agent",
    "data",
)  # fmt: skip

_PROFILE = (
    "username", "first_name", "last_name", "email_address", "image_url", "public_metadata",
    "unsafe_metadata", "claims",
)  # fmt: skip
_SEEN_WITH = (
    "browser_name", "browser_version", "device_type", "is_mobile", "city", "country",
)  # fmt: skip
_STATUSES = {status.value: status for status in Status}
_SETTLED = ("organization_id", "actor", "tasks", "claims", "data", "tokens_until")


def client_row(client: Client) -> Row:
    return tuple(getattr(client, name) for name in CLIENT_COLUMNS)


def parse_client(row: Row, sessions: tuple[Session, ...]) -> Client:
    # By hand, as are sessions and users: each refresh reads one of each of them.
    (
        identifier, version, token_hash, previous_token_hash, rotated_at,
        last_active_session_id, created_at, updated_at, rotation_due, rotated_for,
    ) = row  # fmt: skip
    return Client(
        id=ClientId(identifier),
        version=version,
        token_hash=token_hash,
        previous_token_hash=previous_token_hash,
        rotated_at=rotated_at,
        last_active_session_id=last_active_session_id,
        created_at=created_at,
        updated_at=updated_at,
        rotation_due=bool(rotation_due),
        rotated_for=rotated_for,
        sessions=sessions,
    )


def session_row(session: Session) -> Row:
    seen = {name: getattr(session.activity, name) for name in _SEEN_WITH}
    settled = {name: getattr(session, name) for name in _SETTLED}
    apart = {
        "ip_address": session.activity.ip_address,
        "user_agent": session.activity.user_agent,
        "details": _without_defaults(settled | ({"seen": seen} if any(seen.values()) else {})),
    }
    return tuple(apart[n] if n in apart else getattr(session, n) for n in SESSION_COLUMNS)


def parse_session(row: Row) -> Session:
    """Read a session's columns and then its user's, as a join has them."""
    (
        identifier, client_id, _, status, created_at, updated_at, last_active_at,
        expire_at, inactivity_timeout, first_factor_at, second_factor_at, ip_address,
        user_agent, document, *of_user,
    ) = row  # fmt: skip
    details = orjson.loads(document)
    seen = details.pop("seen", {})
    if "tasks" in details:
        details["tasks"] = tuple(details["tasks"])
    return Session(
        id=SessionId(identifier),
        client_id=ClientId(client_id),
        user=parse_user(of_user),
        status=_STATUSES[status],
        created_at=created_at,
        updated_at=updated_at,
        last_active_at=last_active_at,
        expire_at=expire_at,
        inactivity_timeout=inactivity_timeout,
        first_factor_at=first_factor_at,
        second_factor_at=second_factor_at,
        activity=Activity(ip_address=ip_address, user_agent=user_agent, **seen),
        **details,
    )


def user_row(user: User) -> Row:
    profile = _without_defaults({name: getattr(user, name) for name in _PROFILE})
    return (
        user.id, user.external_id, profile, user.created_at, user.updated_at, user.is_banned,
        user.not_before,
    )  # fmt: skip


def parse_user(row: Sequence[Any]) -> User:
    identifier, external_id, profile, created_at, updated_at, is_banned, not_before = row
    return User(
        id=UserId(identifier),
        external_id=external_id,
        created_at=created_at,
        updated_at=updated_at,
        is_banned=bool(is_banned),
        not_before=not_before,
        **orjson.loads(profile),
    )


def _without_defaults(values: dict[str, Any]) -> str:
    """Spell what is not empty as JSON: what is left out is the default."""
    return orjson.dumps({name: value for name, value in values.items() if value}).decode()


def ticket_row(ticket: Ticket) -> Row:
    terms = _without_defaults(asdict(ticket.terms))
    return tuple(terms if n == "terms" else getattr(ticket, n) for n in TICKET_COLUMNS)


def parse_ticket(row: Row) -> Ticket:
    values = dict(zip(TICKET_COLUMNS, row, strict=True))
    terms = orjson.loads(values["terms"])
    if "tasks" in terms:
        terms["tasks"] = tuple(terms["tasks"])
    values |= {"status": TicketStatus(values["status"]), "terms": Terms(**terms)}
    return Ticket(**values)


def template_row(template: Template) -> Row:
    document = orjson.dumps(
        {
            "claims": template.claims,
            "lifetime": template.lifetime,
            "allowed_clock_skew": template.allowed_clock_skew,
        }
    ).decode()
    return (template.id, template.name, document, template.created_at, template.updated_at)


def parse_template(row: Row) -> Template:
    identifier, name, document, created_at, updated_at = row
    return Template(
        id=TemplateId(identifier),
        name=name,
        created_at=created_at,
        updated_at=updated_at,
        **orjson.loads(document),
    )


def secret_key_row(key: SecretKey) -> Row:
    return tuple(getattr(key, name) for name in SECRET_KEY_COLUMNS)


def parse_secret_key(row: Row) -> SecretKey:
    values = dict(zip(SECRET_KEY_COLUMNS, row, strict=True))
    return SecretKey(**(values | {"scope": KeyScope(values["scope"])}))


def event_row(event: Event) -> Row:
    data = orjson.dumps(event.data).decode()
    return tuple(data if name == "data" else getattr(event, name) for name in EVENT_COLUMNS)


def parse_event(row: Row) -> Event:
    values = dict(zip(EVENT_COLUMNS, row, strict=True))
    return Event(**(values | {"data": orjson.loads(values["data"])}))


def encode_signing_keys(keys: tuple[SigningKey, ...]) -> str:
    return orjson.dumps(
        [asdict(key) | {"sealed_private": b64encode(key.sealed_private).decode()} for key in keys]
    ).decode()


def parse_signing_keys(text: str) -> tuple[SigningKey, ...]:
    return tuple(
        SigningKey(
            **values
            | {
                "sealed_private": b64decode(values["sealed_private"]),
                "recorded_stage": Stage(values.get("recorded_stage", Stage.UPCOMING)),
            }
        )
        for values in orjson.loads(text)
    )
