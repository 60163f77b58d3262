"""Whatever is sent to whichever operation: the answer has its shape, and is no fault of ours."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import quote, unquote

import msgspec
import pytest
from starlette.types import Message

from edgepass_sidecar.api import backend, frontend, well_known
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.api.shapes import ErrorCode
from tests.support.sidecar import APP_ORIGIN, SECRET_KEY, Sidecar

# Not the revocation feed, whose answer has no end; test_feed.py asks that.
OPERATIONS = [*frontend.ROUTES, *backend.ROUTES, *well_known.ROUTES]
CODES = set(get_args(ErrorCode))
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
TYPES = [
    JSON,
    f"{JSON}; charset=utf-16",
    FORM,
    f"{FORM}; charset=latin-1",
    "multipart/form-data; boundary=x",
    "text/plain",
    "application/xml",
    "application/octet-stream",
    "",
    "///;;;",
    "é",
]
BODIES = [
    b"",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"{",
    b"[]",
    b"null",
    b"NaN",
    b'""',
    b'{"a":1,"a":2}',
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"&" * 500,
    b"=",
    b"a=%zz",
    b"a=%ff",
    b"a=1&a=2",
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
    b"x" * 70_000,
]
# Percent-encoded, as they stand in a request's first line.
NAMES = [
    *(
        "%00",
        "a%00b",
        "%2f",
        "..%2f..%2fv1%2fusers",
        "..",
        ".",
        "%2e%2e",
        "%5c",
        "%0d%0aset-cookie:x",
    ),
    *("%ff", "%ed%a0%80", "%25", "%", "%zz", ";a=b", "*", "'%20or%201=1--", "{session_id}", "null"),
    quote("🔑"),
    quote("ａ"),
    quote("e\u0301\u202e"),
    "a" * 8192,
    quote("é") * 2000,
    "sess_" + "0" * 25,
    "client_" + "0" * 25,
    "sess_",
]
METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "QUERY",
    "get",
    "X" * 99,
]
# For each field of a body or a query in its turn.
VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1 << 63,
        1 << 64,
        1 << 2000,
        0.5,
        1e308,
        "",
        " ",
        "null",
        "\x00",
        "é" * 300,
    ),
    *("{{user.id}}", "{{", [], {}, [[]], {"": {}}, ["a"] * 600, {"a": {"a": 1 << 64}}, {"exp": 1}),
    *(
        "a" * 65_000,
        "https://evil.example",
        "javascript:alert(1)",
        "sess_",
        "client_.x",
        "..",
        "\r\n",
    ),
]


@dataclass(frozen=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    sidecar: Sidecar,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes = b"",
) -> Answered:
    """Call the app as uvicorn would: no client in between mends what is sent."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.9", 1),
        "server": ("127.0.0.1", 1),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await sidecar.app(scope, receive, send)
    return Answered(
        sent[0]["status"],
        {name.decode(): value.decode() for name, value in sent[0]["headers"]},
        b"".join(message.get("body", b"") for message in sent[1:]),
    )


def is_as_promised(answered: Answered, method: str = "GET") -> bool:
    """Assert what every answer keeps to; say whether it is an error."""
    assert answered.status < 500, answered
    assert answered.headers["content-type"] == JSON, answered
    if answered.status < 400:
        assert answered.status == 200, answered
        return False
    assert answered.headers["cache-control"] == "no-store"
    if method != "HEAD":
        envelope = json.loads(answered.body)
        assert set(envelope) == {"errors", "clerk_trace_id"}
        assert [error["code"] in CODES for error in envelope["errors"]] == [True]
    return True


@pytest.fixture
async def credentials(sidecar: Sidecar) -> list[dict[str, str]]:
    return await credentials_for(sidecar)


async def credentials_for(sidecar: Sidecar) -> list[dict[str, str]]:
    """Return what a page, an app's server, and a stranger send."""
    browser = sidecar.browser()
    await browser.sign_in()
    page = {"origin": APP_ORIGIN, "cookie": f"{browser.cookie_name}={browser.token}"}
    return [page, {"authorization": f"Bearer {SECRET_KEY}"}, {}]


def path_of(operation: Operation, name: str = "nothing") -> str:
    return re.sub(r"\{\w+\}", lambda _: name, operation.path)


each_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}"
)


@each_operation
async def test_nothing_at_all(
    sidecar: Sidecar, credentials: list[dict[str, str]], operation: Operation
) -> None:
    asked = [await ask(sidecar, operation.method, path_of(operation), c) for c in credentials]
    refused = [is_as_promised(answered) for answered in asked]
    assert refused[-1] == (operation.access is not Access.PUBLIC)


@each_operation
async def test_bodies_of_every_type_that_mean_nothing(
    sidecar: Sidecar, credentials: list[dict[str, str]], operation: Operation
) -> None:
    path = path_of(operation)
    credential = credentials[operation.access is Access.SERVER]
    for kind in TYPES:
        for body in BODIES:
            headers = credential | {"content-type": kind}
            is_as_promised(await ask(sidecar, operation.method, path, headers, body))


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if "{" in each.path],
    ids=lambda each: f"{each.method} {each.path}",
)
async def test_names_in_the_path_that_mean_nothing(
    any_sidecar: Sidecar, operation: Operation
) -> None:
    for credential in await credentials_for(any_sidecar):
        for name in NAMES:
            path = path_of(operation, name)
            answered = await ask(any_sidecar, operation.method, path, credential)
            assert is_as_promised(answered)


@each_operation
async def test_methods_that_there_are_not(
    sidecar: Sidecar, credentials: list[dict[str, str]], operation: Operation
) -> None:
    for credential in credentials:
        for method in METHODS:
            answered = await ask(sidecar, method, path_of(operation), credential)
            is_as_promised(answered, method)
            assert (answered.status == 405) == ("allow" in answered.headers)


def fields_of(operation: Operation) -> Iterator[tuple[str, str]]:
    for place, shape in (("body", operation.body), ("query", operation.query)):
        for field in msgspec.structs.fields(shape) if shape else ():
            yield place, field.encode_name


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if each.body or each.query],
    ids=lambda each: f"{each.method} {each.path}",
)
async def test_values_of_each_field_that_mean_nothing(
    any_sidecar: Sidecar, operation: Operation
) -> None:
    known = {"user_id": "user_1", "name": "theirs", "claims": {}, "strategy": "ticket"}
    known |= {
        "actor": {"sub": "a"},
        "request_origin": APP_ORIGIN,
        "refresh_token": "a",
        "token": "a",
    }
    credential = (await credentials_for(any_sidecar))[operation.access is Access.SERVER]
    for place, name in fields_of(operation):
        for value in VALUES:
            path, body = path_of(operation), {**known, name: value}
            if place == "query":
                path += f"?{name}={quote(str(value)[:9_000])}"
            headers = credential | {"content-type": JSON}
            sent = json.dumps(body).encode()
            is_as_promised(await ask(any_sidecar, operation.method, path, headers, sent))
