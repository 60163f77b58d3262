"""A GET over a real socket: bounded in time and size, and deaf to anything but a plain answer."""

import asyncio
import contextlib
import time

import pytest

from edgepass._http import Endpoint, FetchFailed, Response
from tests.support.issuer import Answer, FakeIssuer, header_values

LIMIT = 1_000


async def get(issuer: FakeIssuer, answer: Answer, within: float = 20.0) -> Response:
    issuer.answer = answer
    endpoint = Endpoint(issuer.url + "/jwks.json?v=1")
    return await endpoint.get(headers={"X-Test": "1"}, maximum_bytes=LIMIT, within=within)


@pytest.mark.parametrize(
    "url",
    [
        "https://auth.example.com/jwks.json",
        "https://auth.example.com:8443",
        "http://127.0.0.1:8787/x",
        "http://127.8.9.10/x",
        "http://[::1]:8787/x",
        "http://localhost/x",
        "http://auth.localhost:1/x",
    ],
)
def test_https_anywhere_and_http_on_loopback_are_usable(url: str) -> None:
    assert Endpoint(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "auth.example.com",
        "//auth.example.com",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:application/json,{}",
        "http://",
        "https:///x",
        "http://auth.example.com/x",
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest",
        "http://127.0.0.1.evil.example/x",
        "http://localhost.evil.example/x",
        "http://notlocalhost/x",
        "http://0.0.0.0/x",
        "http://2130706433/x",
        "https://user:secret@auth.example.com/x",
        "http://127.0.0.1@evil.example/x",
        "https://auth.example.com/a b",
        "https://auth.example.com/a\r\nX-Injected: 1",
        "https://auth.example.com/a\tb",
        "https://auth.exämple.com/x",
        "https://auth.example.com:99999/x",
        "https://auth.example.com:port/x",
    ],
)
def test_any_other_url_fails_at_once(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        Endpoint(url)


async def test_an_answer_is_read_whole(issuer: FakeIssuer) -> None:
    answer = Answer(status=404, headers=(("ETag", '"1"'), ("X-Two", " a ")), body=b"body")
    response = await get(issuer, answer)
    assert (response.status, response.body) == (404, b"body")
    assert response.headers["etag"] == '"1"'
    assert response.headers["x-two"] == "a"


async def test_the_request_is_small_and_carries_no_cookie(issuer: FakeIssuer) -> None:
    await get(issuer, Answer())
    (request,) = issuer.requests
    assert request.startswith(b"GET /jwks.json?v=1 HTTP/1.1\r\n")
    assert list(header_values(request, "Host")) == [issuer.url.removeprefix("http://")]
    assert list(header_values(request, "Connection")) == ["close"]
    assert list(header_values(request, "X-Test")) == ["1"]
    assert not list(header_values(request, "Cookie"))
    assert not list(header_values(request, "Authorization"))


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (OK + b"\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (OK + b"Content-Length: 2\r\n\r\nok and more", b"ok"),
        (OK + b"content-length:2\r\n\r\nok", b"ok"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", b"abc"),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_every_way_to_end_a_body_is_understood(issuer, raw: bytes, body: bytes) -> None:
    assert (await get(issuer, Answer(raw=raw))).body == body


@pytest.mark.parametrize("interim", [b"100 Continue", b"103 Early Hints"])
async def test_an_interim_answer_is_skipped(issuer: FakeIssuer, interim: bytes) -> None:
    # A client must be able to do so even if it asked for none (RFC 9110 section 15.2).
    raw = b"HTTP/1.1 " + interim + b"\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok"
    response = await get(issuer, Answer(raw=raw))
    assert (response.status, response.body) == (200, b"ok")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\n",
        OK + b"No colon\r\n\r\n",
        OK + b": nameless\r\n\r\n",
        OK + b"Space : before\r\n\r\n",
        OK + b" folded: line\r\n\r\n",
        OK + b'ETag: "1"\nX-Injected: 1\r\n\r\n',
        OK + b'ETag: "1"\rX-Injected: 1\r\n\r\n',
        OK + b"ETag: \x00\r\n\r\n",
        OK + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
        OK + b"X: y\r\n" * 10_000 + b"\r\n",
        OK + b"Content-Length: 3\r\n\r\nok",
        OK + b"Content-Length: -1\r\n\r\nok",
        OK + b"Content-Length: +2\r\n\r\nok",
        OK + b"Content-Length: 2, 2\r\n\r\nok",
        OK + b"Content-Length: 0x2\r\n\r\nok",
        OK + b"Content-Length: \xb2\r\n\r\nok",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nok",
        OK + b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\nok",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_anything_that_is_no_plain_answer_fails(issuer: FakeIssuer, raw: bytes) -> None:
    with pytest.raises(FetchFailed):
        await get(issuer, Answer(raw=raw))


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
async def test_a_body_as_large_as_allowed_is_read(issuer: FakeIssuer, size: int) -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size + b"x" * size
    to_the_end = OK + b"\r\n" + b"x" * size
    for answer in (
        Answer(body=b"x" * size),
        Answer(raw=to_the_end),
        Answer(raw=chunked + b"\r\n0\r\n\r\n"),
    ):
        assert len((await get(issuer, answer)).body) == size


@pytest.mark.parametrize("size", [LIMIT + 1, 10_000_000])
async def test_a_larger_body_fails(issuer: FakeIssuer, size: int) -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size + b"x" * size
    for answer in (
        Answer(body=b"x" * size),
        Answer(raw=OK + b"\r\n" + b"x" * size),
        Answer(raw=chunked),
    ):
        with pytest.raises(FetchFailed):
            await get(issuer, answer)


async def test_many_small_chunks_are_counted_together(issuer: FakeIssuer) -> None:
    chunks = b"1\r\nx\r\n" * (LIMIT + 1)
    with pytest.raises(FetchFailed):
        await get(issuer, Answer(raw=OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(hold=asyncio.Event()),
        Answer(raw=OK + b"Content-Length: 5\r\n\r\nab", hold=asyncio.Event()),
        Answer(delay=10),
    ],
)
async def test_an_answer_that_takes_too_long_fails_in_time(issuer: FakeIssuer, answer) -> None:
    with pytest.raises(FetchFailed, match="seconds"):
        await get(issuer, answer, within=0.05)


async def test_a_connection_that_is_dropped_or_refused_fails(issuer: FakeIssuer) -> None:
    with pytest.raises(FetchFailed):
        await get(issuer, Answer(drop=True))
    issuer.refuse_connections()
    with pytest.raises(FetchFailed):
        await get(issuer, Answer())


async def test_a_server_that_speaks_no_tls_fails(issuer: FakeIssuer) -> None:
    endpoint = Endpoint(issuer.url.replace("http://", "https://"))
    with pytest.raises(FetchFailed):
        await endpoint.get(headers={}, maximum_bytes=LIMIT, within=0.2)


async def test_a_redirect_is_an_answer_and_not_followed(issuer: FakeIssuer) -> None:
    response = await get(issuer, Answer(status=302, headers=(("Location", issuer.url + "/b"),)))
    assert response.status == 302
    assert issuer.fetches == 1


async def test_a_request_that_is_cancelled_leaves_nothing_behind(issuer: FakeIssuer) -> None:
    task = asyncio.create_task(get(issuer, Answer(hold=asyncio.Event())))
    await issuer.next_request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_body_in_a_great_many_chunks_does_not_hold_up_the_event_loop(issuer) -> None:
    size, longest = 256 * 1024, 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            # Of this thread alone: what other processes take says nothing.
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    chunks = b"1\r\nx\r\n" * size + b"0\r\n\r\n"
    issuer.answer = Answer(raw=OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    watcher = asyncio.create_task(watch())
    with contextlib.suppress(FetchFailed):
        await Endpoint(issuer.url).get(headers={}, maximum_bytes=size, within=2.0)
    watcher.cancel()
    assert longest < 0.25
