"""What a request says, read strictly: its body, its cookie, its origin, its address."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from edgepass_sidecar.service.refusal import Refused, client_token_invalid
from edgepass_sidecar.service.sign_in import Origin
from edgepass_sidecar.settings import Network

Body = TypeVar("Body", bound=msgspec.Struct)

MAXIMUM_BODY_BYTES = 64 * 1024
MAXIMUM_COOKIE_BYTES = 16 * 1024
MAXIMUM_FIELDS = 100
_LONGEST_USER_AGENT = 512
_REFERER = re.compile(r"(https?://[a-z0-9.:\[\]-]+)(?:[/?#].*)?", re.DOTALL)
_SPACES = " \t"  # what browsers trim; of other white space they make a different name


async def read_body(request: Request, shape: type[Body]) -> Body:
    """Read a form or JSON body as `shape`, or raise `Refused` naming the field that is wrong."""
    raw = await _read_raw(request)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and raw:
        return _read_json(raw, shape)
    if raw and kind != "application/x-www-form-urlencoded":
        raise Refused(415, "unsupported_content_type", "Send JSON, or a urlencoded form.")
    try:
        fields = dict(
            parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAXIMUM_FIELDS)
        )
        return msgspec.convert(fields, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong_field(error) from None
    except ValueError:
        raise Refused(400, "request_body_invalid", "The form cannot be read.") from None


def _read_json(raw: bytes, shape: type[Body]) -> Body:
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        raise _wrong_field(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "request_body_invalid", "The body is not JSON.") from None


def _wrong_field(error: msgspec.ValidationError) -> Refused:
    return Refused(422, "form_param_format_invalid", f"{error}.")


async def _read_raw(request: Request) -> bytes:
    raw = b""
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAXIMUM_BODY_BYTES:
                raise Refused(413, "request_too_large", "The body is longer than 64 kB.")
    except ClientDisconnect:
        raise Refused(400, "request_body_invalid", "The body ended too early.") from None
    return raw


def read_query(request: Request, shape: type[Body]) -> Body:
    """Read the query as `shape`; a field that may come several times is a list there."""
    fields: dict[str, Any] = {}
    repeated = {f.name for f in msgspec.structs.fields(shape) if "list" in str(f.type)}
    for name, value in request.query_params.multi_items():
        if name in repeated:
            fields.setdefault(name, []).append(value)
        else:
            fields[name] = value
    try:
        return msgspec.convert(fields, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong_field(error) from None


def find_cookie(headers: Headers, name: str) -> str | None:
    """Return the value of one cookie, or `None`. Two of one name are refused (401).

    Not `request.cookies`: the standard library's parser behind it is quadratic.
    """
    fields = "; ".join(headers.getlist("cookie"))
    if len(fields) > MAXIMUM_COOKIE_BYTES:
        raise Refused(431, "cookie_too_large", "The Cookie header is longer than 16 kB.")
    pairs = (pair.partition("=") for pair in fields.split(";"))
    # Browsers compare the prefix __Host- without regard to case, so must we.
    values = [
        value.strip(_SPACES)
        for key, _, value in pairs
        if key.strip(_SPACES).lower() == name.lower()
    ]
    if len(values) > 1:
        # A sibling domain can set a second one (RFC 6265bis section 8.6).
        raise client_token_invalid()
    return values[0] if values and values[0] else None


def authorized_party(request: Request, allowed: frozenset[str], own: str) -> str:
    """Return the origin that this request comes from, or raise `Refused` (403).

    It must be in the allow-list. A browser leaves `Origin` out of a GET to its own
    origin only: then `Referer` names it, or Fetch Metadata says that it is ours.
    """
    origins = request.headers.getlist("origin") or _referring_origins(request)
    if len(origins) == 1 and (origins[0] == own or origins[0] in allowed):
        return origins[0]
    if origins:
        raise Refused(403, "origin_invalid", "This origin is not in EDGEPASS_ALLOWED_ORIGINS.")
    if request.headers.get("sec-fetch-site") == "same-origin":
        return own
    raise Refused(403, "origin_missing", "Send the Origin header that the request is made from.")


def _referring_origins(request: Request) -> list[str]:
    # Two, or one that is no URL, stay what they are, and are in no allow-list.
    referers = request.headers.getlist("referer")
    matches = [(_REFERER.fullmatch(referer), referer) for referer in referers]
    return [match[1] if match else referer for match, referer in matches]


def read_origin(request: Request, trusted: Iterable[Network]) -> Origin:
    """Say where a request came from, past the proxies that we trust and no further."""
    address = request.client.host if request.client else ""
    hops = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed(hops):
        if not _is_within(address, trusted) or not _is_address(hop.strip()):
            break
        address = hop.strip()
    agent = request.headers.get("user-agent", "")[:_LONGEST_USER_AGENT]
    return Origin(ip_address=address, user_agent=agent)


def _is_within(address: str, networks: Iterable[Network]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in net for net in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
