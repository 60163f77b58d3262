"""What a request says, read strictly: its body, its query, its cookies, its origin."""

import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from edgepass_sidecar.api.fields import Fields, fields_of
from edgepass_sidecar.service.refusal import Refused, client_token_invalid

Body = TypeVar("Body", bound=msgspec.Struct)

MAXIMUM_BODY_BYTES = 64 * 1024
MAXIMUM_COOKIE_BYTES = 16 * 1024
MAXIMUM_FIELDS = 100
_FORM = "application/x-www-form-urlencoded"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_REFERER = re.compile(r"(https?://[a-z0-9.:\[\]-]+)(?:[/?#].*)?", re.DOTALL)
_SPACES = " \t"  # what browsers trim; of other white space they make a different name


async def read_body(request: Request, shape: type[Body]) -> Body:
    """Read a form or JSON body as `shape`, or raise `Refused` naming the field that is wrong."""
    raw = await _read_raw(request)
    if not raw:
        return _read_texts({}, shape)
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if not _is_utf_8(parameters) or "content-encoding" in request.headers:
        raise Refused(415, "unsupported_content_type", "Send UTF-8, without a content encoding.")
    if kind.strip() == "application/json":
        return _read_json(raw, shape)
    if kind.strip() != _FORM:
        raise Refused(415, "unsupported_content_type", "Send JSON, or a urlencoded form.")
    return _read_form(raw, shape)


def _is_utf_8(parameters: str) -> bool:
    named = (parameter.strip().partition("=") for parameter in parameters.split(";"))
    return all(name != "charset" or value.strip('"') == "utf-8" for name, _, value in named)


def _read_form(raw: bytes, shape: type[Body]) -> Body:
    try:
        text = raw.decode()
        pairs = _parse_pairs(text)
    except ValueError:
        raise Refused(400, "request_body_invalid", "The form cannot be read.") from None
    fields = dict(pairs)
    # Of two values, another reader of the same form may have seen the other one.
    if len(fields) < len(pairs) or _BAD_ESCAPE.search(text):
        raise Refused(400, "request_body_invalid", "A field comes twice, or is escaped wrongly.")
    return _read_texts(fields, shape)


def _read_texts(fields: dict[str, Any], shape: type[Body]) -> Body:
    try:
        read = msgspec.convert(fields, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong_field(error) from None
    if not fields:
        return read
    for sent, name in zip(shape.__struct_encode_fields__, shape.__struct_fields__, strict=True):
        # The text `null` is none: it would be a filter that is not applied.
        if sent in fields and getattr(read, name) is None:
            raise Refused(422, "form_param_format_invalid", f"{sent}: leave it out for none.")
    return read


def _parse_pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(
        text,
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=MAXIMUM_FIELDS,
    )


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
    raw, is_whole = b"", False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "request_body_invalid", "The body ended too early.")
        raw += message.get("body", b"")
        if len(raw) > MAXIMUM_BODY_BYTES:
            raise Refused(413, "request_too_large", "The body is longer than 64 kB.")
        is_whole = not message.get("more_body", False)
    return raw


def read_query(request: Request, shape: type[Body]) -> Body:
    """Read the query as `shape`; a field that may come several times is a list there."""
    fields: dict[str, Any] = {}
    known = {f.encode_name: "list" in str(f.type) for f in msgspec.structs.fields(shape)}
    for name, value in request.query_params.multi_items():
        if known.get(name):
            fields.setdefault(name, []).append(value)
        elif name in known and name in fields:
            raise Refused(422, "form_param_value_invalid", f"{name}: send it once.")
        else:
            fields[name] = value
    return _read_texts(fields, shape)


def read_cookies(fields: Fields) -> list[tuple[str, str]]:
    """Return names and values in their order, or raise `Refused` (431)."""
    if fields.cookies is None:
        pairs = [pair.partition("=") for pair in _cookie_pairs(fields) if pair]
        fields.cookies = [(name.strip(_SPACES), value.strip(_SPACES)) for name, _, value in pairs]
    return fields.cookies


def find_cookie(fields: Fields, name: str) -> str | None:
    """Return the value of one cookie, or `None`. Two of one name are refused (401)."""
    # Browsers compare the prefix __Host- without regard to case, so must we.
    sought = name.lower()
    values = [value for key, value in read_cookies(fields) if key.lower() == sought]
    if len(values) > 1:
        # A sibling domain can set a second one (RFC 6265bis section 8.6).
        raise client_token_invalid()
    return values[0] if values and values[0] else None


def _cookie_pairs(fields: Fields) -> list[str]:
    # Not `request.cookies`: the standard library's parser behind it is quadratic.
    text = "; ".join(fields.getlist("cookie"))
    if len(text) > MAXIMUM_COOKIE_BYTES:
        raise Refused(431, "cookie_too_large", "The Cookie header is longer than 16 kB.")
    return text.split(";")


def authorized_party(request: Request, allowed: frozenset[str], own: str) -> str:
    """Return the origin that this request comes from, or raise `Refused` (403).

    It must be in the allow-list. A browser leaves `Origin` out of a GET to its own
    origin only: then `Referer` names it, or Fetch Metadata says that it is ours.
    """
    fields = fields_of(request.scope)
    origins = fields.getlist("origin") or _referring_origins(fields)
    if len(origins) == 1 and (origins[0] == own or origins[0] in allowed):
        return origins[0]
    if origins:
        raise Refused(403, "origin_invalid", "This origin is not in EDGEPASS_ALLOWED_ORIGINS.")
    if fields.getlist("sec-fetch-site") == ["same-origin"]:
        return own
    raise Refused(403, "origin_missing", "Send the Origin header that the request is made from.")


def _referring_origins(fields: Fields) -> list[str]:
    # Two, or one that is no URL, stay what they are, and are in no allow-list.
    referers = fields.getlist("referer")
    matches = [(_REFERER.fullmatch(referer), referer) for referer in referers]
    return [match[1] if match else referer for match, referer in matches]
