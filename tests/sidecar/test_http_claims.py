"""The hook of an app over real sockets: a signed question, and an answer bounded in every way."""

import asyncio
import base64
import contextlib
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edgepass_sidecar.http_claims import MAXIMUM_ANSWER_BYTES, HttpClaimsSource
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.logs import JsonFormatter
from edgepass_sidecar.service.claims_source import (
    DEFAULT_FRESH_FOR,
    ClaimsUnavailable,
    ClaimsUnusable,
    FetchedClaims,
)
from edgepass_sidecar.webhook_signature import parse_webhook_secret, webhook_headers
from tests.conftest import Clock
from tests.support.processes import PATIENCE

SECRET = "whsec_" + base64.b64encode(b"top-secret-key-of-32-bytes-total").decode()
OLD_SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()
ADA, SESSION = UserId("ada"), SessionId("sess_1")
CLAIMS = {"role": "org:classified", "features": ["search"]}
MEGABYTE = b" " * 1_000_000
JSON = ("content-type", "application/json")


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the hook does with one question."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (JSON,)
    body: bytes = json.dumps(CLAIMS).encode()
    hold: asyncio.Event | None = None
    drop: bool = False
    raw: bytes | None = None
    repeat: int = 1
    """Send the body so many times."""
    pause: float = 0.0
    """Seconds after each byte of the body."""
    half_close: bool = False
    """After the answer say that nothing follows, and go on listening."""

    def head(self) -> bytes:
        fields = {"content-length": str(len(self.body) * self.repeat), **dict(self.headers)}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} Said\r\n{lines}\r\n".encode("latin-1")

    def pieces(self) -> Iterator[bytes]:
        if self.raw is not None:
            yield self.raw
            return
        yield self.head()
        for _ in range(self.repeat):
            if self.pause:
                yield from (bytes([byte]) for byte in self.body)
            else:
                yield self.body


@dataclass(frozen=True)
class Asked:
    request_line: str
    headers: dict[str, str]
    body: bytes


def read_head(head: bytes) -> tuple[str, dict[str, str]]:
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    fields = [line.partition(":") for line in lines]
    return request_line, {name.lower(): value.strip() for name, _, value in fields}


@dataclass
class FakeHook:
    """An app's hook on loopback: `reply` for every question, unless `next_replies` has one."""

    reply: Reply = field(default_factory=Reply)
    next_replies: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, backlog=1024, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and break those that there are."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}/claims?of=edgepass"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request_line, headers = read_head(await reader.readuntil(b"\r\n\r\n"))
        body = await reader.readexactly(int(headers["content-length"]))
        self.asked.append(Asked(request_line, headers, body))
        self.arrived.set()
        reply = self.next_replies.pop(0) if self.next_replies else self.reply
        if reply.hold is not None:
            await reply.hold.wait()
        if reply.drop:
            return False
        for piece in reply.pieces():
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)
            await asyncio.sleep(reply.pause)
        if reply.half_close:
            writer.write_eof()
        return True


@pytest.fixture
async def hook() -> AsyncIterator[FakeHook]:
    async with FakeHook() as running:
        yield running


@pytest.fixture
async def source(hook: FakeHook, clock: Clock) -> AsyncIterator[HttpClaimsSource]:
    # Much time, because a shared machine pauses when it likes.
    made = HttpClaimsSource(hook.url, SECRET, timeout=10.0, clock=clock)
    yield made
    await made.close()


@pytest.fixture
async def hurried(hook: FakeHook, clock: Clock) -> AsyncIterator[HttpClaimsSource]:
    made = HttpClaimsSource(hook.url, SECRET, timeout=0.2, clock=clock)
    yield made
    await made.close()


def assert_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Look for claims and the secret in what is logged, but for what only other libraries debug."""
    for record in caplog.get_records("call"):
        if record.name.startswith("edgepass") or record.levelno >= logging.WARNING:
            line = JsonFormatter().format(record)
            assert "classified" not in line
            assert SECRET.removeprefix("whsec_") not in line


@pytest.fixture(autouse=True)
def _nothing_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    assert_nothing_is_told(caplog)


async def ask(source: HttpClaimsSource, organization_id: str | None = "org_1") -> FetchedClaims:
    return await source.fetch(ADA, SESSION, organization_id)


async def refusal(source: HttpClaimsSource) -> ClaimsUnavailable:
    """Return how the source refuses: in words that tell nothing, and with no cause that might."""
    with pytest.raises(ClaimsUnavailable) as caught:
        await ask(source)
    assert "classified" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


async def test_the_hook_is_asked_in_json_and_its_object_is_the_claims(hook, source) -> None:
    assert await ask(source) == CLAIMS
    assert await ask(source, None) == CLAIMS
    first, second = hook.asked
    assert first.request_line == "POST /claims?of=edgepass HTTP/1.1"
    assert json.loads(first.body) == {
        "user_id": "ada",
        "session_id": "sess_1",
        "organization_id": "org_1",
    }
    assert json.loads(second.body)["organization_id"] is None
    assert first.headers["content-type"] == first.headers["accept"] == "application/json"
    assert first.headers["accept-encoding"] == "identity"
    assert first.headers["host"] == f"127.0.0.1:{hook.port}"
    assert not {"authorization", "cookie", "transfer-encoding"} & set(first.headers)


async def test_the_app_can_tell_that_it_is_us(hook, source, clock) -> None:
    await ask(source)
    clock.advance(61.9)
    await ask(source)
    for asked, timestamp in zip(hook.asked, (1_800_000_000, 1_800_000_061), strict=True):
        message_id = asked.headers["webhook-id"]
        signed = f"{message_id}.{timestamp}.".encode() + asked.body
        mac = hmac.new(b"top-secret-key-of-32-bytes-total", signed, hashlib.sha256).digest()
        assert asked.headers["webhook-timestamp"] == str(timestamp)
        assert asked.headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
    assert len({asked.headers["webhook-id"] for asked in hook.asked}) == 2


async def test_while_a_secret_is_rotated_both_sign(hook, clock) -> None:
    source = HttpClaimsSource(hook.url, [SECRET, OLD_SECRET], timeout=10.0, clock=clock)
    await ask(source)
    await source.close()
    (asked,) = hook.asked
    expected = [
        webhook_headers(
            [parse_webhook_secret(secret)], asked.headers["webhook-id"], int(clock()), asked.body
        )["webhook-signature"]
        for secret in (SECRET, OLD_SECRET)
    ]
    assert asked.headers["webhook-signature"].split(" ") == expected


def test_the_signature_is_that_of_the_specifications_example() -> None:
    key = parse_webhook_secret("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert webhook_headers(
        [key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    ) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("size", [24, 25, 32, 63, 64])
def test_a_secret_has_24_to_64_bytes(size: int) -> None:
    key = bytes(range(size))
    assert parse_webhook_secret("whsec_" + base64.b64encode(key).decode()) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_c2hvcnQ=",
        SECRET.removeprefix("whsec_"),
        "WHSEC_" + SECRET.removeprefix("whsec_"),
        "whsec_" + SECRET,
        SECRET.rstrip("="),
        SECRET + "\n",
        " " + SECRET,
        SECRET[:-2] + "l=",  # unused bits that are not zero
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        SECRET[:-1] + "é",
    ],
)
def test_any_other_secret_fails_at_once_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 random bytes") as caught:
        HttpClaimsSource("https://app.example.com/claims", text)
    assert SECRET.removeprefix("whsec_")[:-2] not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com",
        "https://app.example.com:8443/claims?key=1",
        "http://127.0.0.1:8000/claims",
        "http://127.8.9.10/x",
        "http://[::1]:8000/x",
        "http://localhost/x",
        "http://app.localhost:1/x",
    ],
)
async def test_https_anywhere_and_http_on_loopback_are_usable(url: str) -> None:
    source = HttpClaimsSource(url, SECRET)
    assert source._url == url
    await source.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.example.com",
        "//app.example.com",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://",
        "https:///x",
        "http://app.example.com/x",
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest",
        "http://127.0.0.1.evil.example/x",
        "http://localhost.evil.example/x",
        "http://notlocalhost/x",
        "http://0.0.0.0/x",
        "http://2130706433/x",
        "http://127.0.0.1@evil.example/x",
        "http://127.0.0.1\\@evil.example/x",
        "http://evil.example\\@127.0.0.1/x",
        "https://user:hunter2@app.example.com/x",
        "https://app.example.com/x#part",
        "https://app.example.com/a b",
        "https://app.example.com/a\r\nX-Injected: 1",
        "https://app.example.com/a\tb",
        "https://app.exämple.com/x",
        "https://app.example.com:port/x",
        "https://app.example.com/?key=hunter2&" + "x" * 100_000,
    ],
)
def test_any_other_url_fails_at_once_and_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="the URL ") as caught:
        HttpClaimsSource(url, SECRET)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("secret", "timeout"), [([], 1.0), (SECRET, 0.0), (SECRET, -1.0)])
def test_no_secret_and_no_time_fail_at_once(secret: Any, timeout: float) -> None:
    with pytest.raises(ValueError, match="needs a secret, and a timeout"):
        HttpClaimsSource("https://app.example.com/claims", secret, timeout=timeout)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("body", [b"", b"<h1>Not here</h1>", b'{"role":"admin"}'])
async def test_404_and_410_say_that_there_are_no_claims(hook, source, status, body) -> None:
    hook.reply = Reply(status=status, headers=(("content-type", "text/html"),), body=body)
    assert await ask(source) == {}


async def test_a_long_page_for_404_is_not_read_to_its_end(hook, source) -> None:
    hook.reply = Reply(status=404, body=MEGABYTE, repeat=100)
    assert await ask(source) == {}
    assert hook.sent < 20 * len(MEGABYTE)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
async def test_who_is_too_busy_is_down(hook, source, status: int) -> None:
    hook.reply = Reply(status=status)
    refused = await refusal(source)
    assert type(refused) is ClaimsUnavailable
    assert str(refused) == f"the hook answers with status {status}"


LONG = json.dumps({"x": "x" * MAXIMUM_ANSWER_BYTES}).encode()
USELESS = {
    **{
        f"status {status}": Reply(status=status)
        for status in (201, 202, 206, 300, 304, 400, 401, 403, 405, 500, 501)
    },
    "204": Reply(status=204, headers=(), raw=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "no type": Reply(headers=()),
    "html": Reply(headers=(("content-type", "text/html"),)),
    "text": Reply(headers=(("content-type", "text/plain; charset=application/json"),)),
    "empty": Reply(body=b""),
    "not JSON": Reply(body=b"<!doctype html><title>classified</title>"),
    "cut JSON": Reply(body=b'{"role":"org:classified"'),
    "two values": Reply(body=b"{}{}"),
    "NaN": Reply(body=b'{"x":NaN}'),
    "not UTF-8": Reply(body=b'{"x":"\xff"}'),
    "byte order mark": Reply(body=b"\xef\xbb\xbf{}"),
    "list": Reply(body=b'["classified"]'),
    "string": Reply(body=b'"classified"'),
    "null": Reply(body=b"null"),
    "deep": Reply(body=b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}"),
    "long": Reply(body=LONG),
    "compressed": Reply(headers=(JSON, ("content-encoding", "gzip"))),
}


@pytest.mark.parametrize("reply", USELESS.values(), ids=USELESS)
async def test_an_answer_of_no_use_is_told_from_an_outage(hook, source, reply) -> None:
    hook.reply = reply
    assert type(await refusal(source)) is ClaimsUnusable
    hook.reply = Reply()
    assert await ask(source) == CLAIMS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(hook, source, status: int) -> None:
    async with FakeHook() as elsewhere:
        hook.reply = Reply(status=status, headers=(JSON, ("location", elsewhere.url)))
        assert str(await refusal(source)) == f"the hook answers with status {status}"
        assert (len(hook.asked), elsewhere.connections) == (1, 0)


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json ;",
    ],
)
async def test_json_has_its_type_in_any_spelling(hook, source, kind: str) -> None:
    hook.reply = Reply(headers=(("content-type", kind),))
    assert await ask(source) == CLAIMS


@pytest.mark.parametrize(
    ("size", "usable"),
    [
        (MAXIMUM_ANSWER_BYTES - 1, True),
        (MAXIMUM_ANSWER_BYTES, True),
        (MAXIMUM_ANSWER_BYTES + 1, False),
    ],
)
async def test_at_most_64_kb_are_read(hook, source, size: int, usable: bool) -> None:
    hook.reply = Reply(body=b"{}" + b" " * (size - 2))
    if usable:
        assert await ask(source) == {}
    else:
        assert "longer than 65536 bytes" in str(await refusal(source))


async def test_a_body_of_100_megabytes_is_cut(hook, source) -> None:
    hook.reply = Reply(body=MEGABYTE, repeat=100)
    assert "longer than 65536 bytes" in str(await refusal(source))
    # What the sockets hold between us was sent as well.
    assert hook.sent < 20 * len(MEGABYTE)
    hook.reply = Reply()
    assert await ask(source) == CLAIMS


async def test_an_endless_body_in_chunks_is_cut(hook, source) -> None:
    chunk = b"f4240\r\n" + MEGABYTE + b"\r\n"
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    hook.reply = Reply(raw=head + chunk * 20)
    assert "longer than 65536 bytes" in str(await refusal(source))


HANGING = {
    "before the answer": lambda: Reply(hold=asyncio.Event()),
    "after the head": lambda: Reply(raw=Reply().head()),
    "within the body": lambda: Reply(raw=Reply().head() + b'{"role"'),
    "byte by byte": lambda: Reply(pause=0.05),
    "interim answers without end": lambda: Reply(raw=b"HTTP/1.1 102 Processing\r\n\r\n" * 10),
}


@pytest.mark.parametrize("make_reply", HANGING.values(), ids=HANGING)
async def test_the_time_is_bounded_as_a_whole(hook, hurried, make_reply) -> None:
    hook.reply = make_reply()
    started = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        refused = await refusal(hurried)
    assert type(refused) is ClaimsUnavailable
    assert str(refused) == "the hook gave no whole answer within 0.2 seconds"
    assert time.monotonic() - started >= 0.2
    assert len(hook.asked) == 1


async def test_a_connection_that_gets_no_answer_takes_no_longer(clock) -> None:
    # A listener whose backlog is full: even the handshake of TCP gets no answer.
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        source = HttpClaimsSource(url, SECRET, timeout=0.2, clock=clock)
        assert "no whole answer within" in str(await refusal(source))
        await source.close()


async def test_more_hanging_questions_than_connections_leave_the_pool_in_order(
    hook, hurried, source
) -> None:
    hook.reply = Reply(hold=asyncio.Event())
    refused = await asyncio.gather(*(refusal(hurried) for _ in range(200)))
    assert {str(each) for each in refused} == {"the hook gave no whole answer within 0.2 seconds"}
    hook.reply = Reply()
    hurried._timeout = 10.0
    assert await ask(hurried) == CLAIMS
    assert await asyncio.gather(*(ask(source) for _ in range(200))) == [CLAIMS] * 200


BROKEN = {
    "dropped": Reply(drop=True),
    "half-closed before the answer": Reply(raw=b"", half_close=True),
    "half-closed in the head": Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-", half_close=True),
    "half-closed in the body": Reply(raw=Reply().head() + b'{"role"', half_close=True),
    "no HTTP": Reply(raw=b"SSH-2.0-classified\r\n\r\n"),
    "garbage": Reply(raw=bytes(range(256)) * 64),
    "a head without end": Reply(raw=b"HTTP/1.1 200 OK\r\nx: " + b"x" * 1_000_000),
    "a header without a colon": Reply(raw=b"HTTP/1.1 200 OK\r\nclassified\r\n\r\n"),
    "two lengths": Reply(
        raw=b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"
    ),
}


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
async def test_a_broken_exchange_is_an_outage_and_its_bytes_are_not_repeated(
    hook, source, reply
) -> None:
    hook.reply = reply
    refused = await refusal(source)
    assert type(refused) is ClaimsUnavailable
    assert str(refused) in (
        "the exchange with the hook broke: RemoteProtocolError",
        "the exchange with the hook broke: ReadError",
        "the exchange with the hook broke: WriteError",
    )
    assert len(hook.asked) == 1


async def test_what_a_hook_sends_too_much_is_never_the_answer_to_the_next_question(
    hook, source
) -> None:
    one = Reply(body=b'{"role":"admin"}')
    hook.next_replies = [Reply(raw=(one.head() + one.body) * 2)]
    assert await ask(source) == {"role": "admin"}
    assert await ask(source) == CLAIMS
    assert hook.connections == 2


async def test_a_cookie_of_the_app_is_not_kept(hook, source) -> None:
    hook.reply = Reply(headers=(JSON, ("set-cookie", "a=b; Path=/")))
    await ask(source)
    await ask(source)
    assert all("cookie" not in asked.headers for asked in hook.asked)


async def test_the_environment_sends_the_question_nowhere_else(
    hook, clock, monkeypatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    async with FakeHook() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        source = HttpClaimsSource(hook.url, SECRET, timeout=10.0, clock=clock)
        assert await ask(source) == CLAIMS
        await source.close()
        assert proxy.connections == 0
    assert "authorization" not in hook.asked[0].headers


async def test_a_connection_that_is_refused_is_an_outage(hook, source) -> None:
    await hook.stop()
    refused = await refusal(source)
    assert type(refused) is ClaimsUnavailable
    assert str(refused).startswith("the hook cannot be reached: ")


@pytest.mark.parametrize(
    ("cache_control", "fresh_for"),
    [
        (None, DEFAULT_FRESH_FOR),
        ("", DEFAULT_FRESH_FOR),
        ("private", DEFAULT_FRESH_FOR),
        ("max-age=0", 0),
        ("max-age=5", 5),
        ("private, MAX-AGE=120", 120),
        ('max-age="120"', 120),
        ("max-age=999999999999", 999_999_999),
        ("s-maxage=5", DEFAULT_FRESH_FOR),
        ("max-age=-5", DEFAULT_FRESH_FOR),
        ("max-age=abc", DEFAULT_FRESH_FOR),
        ("no-store", 0),
        ("max-age=60, No-Cache", 0),
        ("x-no-cache", DEFAULT_FRESH_FOR),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
async def test_the_app_says_how_long_its_claims_are_fresh(
    hook, source, status, cache_control, fresh_for
) -> None:
    headers = (JSON,) if cache_control is None else (JSON, ("cache-control", cache_control))
    hook.reply = Reply(status=status, headers=headers)
    assert (await ask(source)).fresh_for == fresh_for


async def test_a_question_that_is_cancelled_leaves_nothing_behind(hook, source) -> None:
    before = asyncio.all_tasks()
    hook.reply = Reply(hold=asyncio.Event())
    asking = asyncio.create_task(ask(source))
    await hook.arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert asyncio.all_tasks() - before <= hook._tasks
    hook.reply = Reply()
    assert await ask(source) == CLAIMS


def make_certificate(directory: Path, name: str = "127.0.0.1") -> Path:
    """Write a certificate that signs itself, and its key, into one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def server_tls(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def outcome_over_tls(url: str) -> FetchedClaims | str:
    source = HttpClaimsSource(url, SECRET, timeout=10.0)
    try:
        return await ask(source)
    except ClaimsUnavailable as refused:
        return str(refused)
    finally:
        await source.close()


@pytest.mark.parametrize(
    ("name", "is_trusted", "told"),
    [
        ("127.0.0.1", True, None),
        ("127.0.0.1", False, "self-signed certificate"),
        ("127.0.0.2", True, "IP address mismatch"),
    ],
)
async def test_the_hook_proves_who_it_is(
    tmp_path, monkeypatch, name: str, is_trusted: bool, told: str | None
) -> None:
    pem = make_certificate(tmp_path, name)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with FakeHook(tls=server_tls(pem)) as hook:
        outcome = await outcome_over_tls(hook.url)
        if told is None:
            assert outcome == CLAIMS
        else:
            assert isinstance(outcome, str)
            assert outcome.startswith("the hook cannot be reached: ")
            assert told in outcome
            assert hook.asked == []


async def test_a_hook_that_speaks_no_tls_is_an_outage() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        outcome = await outcome_over_tls(f"https://127.0.0.1:{port}/")
    assert isinstance(outcome, str)
    assert outcome.startswith("the hook cannot be reached: ")
