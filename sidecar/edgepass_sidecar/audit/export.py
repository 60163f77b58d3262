"""An export of the event log: lines of canonical JSON (RFC 8785), made and read strictly.

{"edgepass_export":1,"issuer":…,"keys":{"keys":[…]}}     the first line
{"at":…,"cursor":…,"digest":…,"link":…,"salt":…,"type":…,"user_id":…, …}
{"at":…,"cursor":…,"digest":…,"erased":true,"link":…,"type":…}
{"checkpoint":"<JWS>"}                                   after the events that it closes
{"end":"<JWS>"}                                          the last line
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from edgepass_sidecar.audit.canonical import canonical
from edgepass_sidecar.audit.chain import PERSONAL, SALT_BYTES, Ranges, Seal, Sealed, personal_part
from edgepass_sidecar.audit.checkpoint import Jwk, parse_hash
from edgepass_sidecar.event import Event

VERSION = 1
# Bytes. No event comes near it: what a session is told of is bounded by its requests.
LONGEST_LINE = 1 << 20
_SALT = re.compile(rf"[0-9a-f]{{{2 * SALT_BYTES}}}")
_PUBLIC = frozenset(("at", "cursor", "digest", "link", "type"))
_WHOLE = _PUBLIC | {"salt", *PERSONAL}
_ERASED = _PUBLIC | {"erased"}
_LATEST_CURSOR = 1 << 63


class WrongLine(ValueError):
    """A line is none of an export's. `cursor` is that of its event, where it names one."""

    def __init__(self, problem: str, cursor: int | None = None) -> None:
        super().__init__(problem)
        self.cursor = cursor


@dataclass(frozen=True, slots=True)
class Header:
    issuer: str
    keys: Jwk


@dataclass(frozen=True, slots=True)
class Closing:
    """A checkpoint, as the JWS that it is; `is_end` is the last line of an export."""

    text: str
    is_end: bool


Line = Header | Closing | Sealed


def header_line(issuer: str, keys: list[Jwk]) -> bytes:
    return canonical({"edgepass_export": VERSION, "issuer": issuer, "keys": {"keys": keys}})


def event_line(sealed: Sealed) -> bytes:
    event, seal = sealed.event, sealed.seal
    members: dict[str, Any] = {
        "at": event.at,
        "cursor": sealed.cursor,
        "digest": seal.digest.hex(),
        "link": seal.link.hex(),
        "type": event.type,
    }
    if seal.salt is None:
        return canonical(members | {"erased": True})
    return canonical(members | {"salt": seal.salt.hex()} | personal_part(event))


def closing_line(closing: Closing) -> bytes:
    return canonical({"end" if closing.is_end else "checkpoint": closing.text})


def parse_line(raw: bytes) -> Line:
    """Read one line without its line end, or raise `WrongLine`."""
    try:
        members = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise WrongLine("is no JSON") from None
    if not isinstance(members, dict):
        raise WrongLine("is no JSON object")
    cursor = members.get("cursor")
    known = cursor if type(cursor) is int and 0 < cursor < _LATEST_CURSOR else None
    try:
        # One value has one spelling, so that all who read it read the same.
        if canonical(members) != raw:
            raise WrongLine("is not in canonical form (RFC 8785)", known)
        return _parse_members(members)
    except ValueError as error:
        raise WrongLine(str(error), known) from None


def _parse_members(members: dict[str, Any]) -> Line:
    names = set(members)
    if "edgepass_export" in names:
        return _parse_header(members)
    for name in ("checkpoint", "end"):
        if names == {name} and isinstance(members[name], str):
            return Closing(members[name], name == "end")
    if names in (_WHOLE, _ERASED):
        return _parse_event(members)
    raise WrongLine("is neither an event nor a checkpoint")


def _parse_header(members: dict[str, Any]) -> Header:
    is_known = type(members["edgepass_export"]) is int and members["edgepass_export"] == VERSION
    if not is_known or set(members) != {"edgepass_export", "issuer", "keys"}:
        raise WrongLine(f"is no header of an export of version {VERSION}")
    if not isinstance(members["issuer"], str) or not isinstance(members["keys"], dict):
        raise WrongLine("has no issuer, or no keys")
    return Header(members["issuer"], members["keys"])


def _parse_event(members: dict[str, Any]) -> Sealed:
    cursor, at, salt = members["cursor"], members["at"], None
    if type(cursor) is not int or not 0 < cursor < _LATEST_CURSOR:
        raise WrongLine("has no cursor")
    if type(at) not in (int, float) or not isinstance(members["type"], str):
        raise WrongLine("has no time, or no type")
    event = Event(type=members["type"], at=at)
    if "erased" in members:
        if members["erased"] is not True:
            raise WrongLine("is erased, or is not")
    else:
        salt = _parse_salt(members["salt"])
        event = Event(type=event.type, at=at, **_personal(members))
    digest, link = parse_hash(members["digest"]), parse_hash(members["link"])
    return Sealed(cursor=cursor, event=event, seal=Seal(salt=salt, digest=digest, link=link))


def _parse_salt(value: object) -> bytes:
    if not isinstance(value, str) or _SALT.fullmatch(value) is None:
        raise WrongLine(f"has no salt of {SALT_BYTES} bytes")
    return bytes.fromhex(value)


def _personal(members: dict[str, Any]) -> dict[str, Any]:
    for name in ("client_id", "session_id", "user_id", "actor_id"):
        if not isinstance(members[name], str | None):
            raise WrongLine(f"has a {name} that is no text")
    for name in ("ip_address", "user_agent"):
        if not isinstance(members[name], str):
            raise WrongLine(f"has a {name} that is no text")
    if not isinstance(members["data"], dict):
        raise WrongLine("has data that is no object")
    return {name: members[name] for name in PERSONAL}


def parse_ranges(data: dict[str, Any]) -> Ranges:
    """Read which cursors an erasure names, or raise `WrongLine`."""
    ranges = data.get("erased")
    if not isinstance(ranges, list) or not all(_is_range(each) for each in ranges):
        raise WrongLine("names no ranges of cursors")
    return ranges


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or [type(cursor) for cursor in value] != [int, int]:
        return False
    return bool(0 < value[0] <= value[1] < _LATEST_CURSOR)
