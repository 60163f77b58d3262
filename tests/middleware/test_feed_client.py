"""Listening to the feed over a real socket: what is cut, garbled, slow or silent is begun anew."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from edgepass._connections import Connections
from edgepass._feed import Feed
from edgepass._feed_client import FeedClient
from edgepass._jwks_client import JwksClient
from edgepass._keyring import Keyring
from edgepass._revocations import Revocations
from tests.support.feed import HEAD, FakeFeed, chunk, event, for_ever, hello, revoked, until
from tests.support.issuer import NOW, header_values, jwks, make_key

EDGE_KEY = "ek_test_" + "0123456789abcdef" * 4
CAUGHT_UP = event("caught_up", {}, 9)
GOOD = HEAD + chunk(hello()) + chunk(revoked("sess_good", NOW, 9) + CAUGHT_UP)


def client_of(url: str, *, stale_after: float = 10) -> Any:
    """Return a client with what it changes, its stale moments among it."""
    revocations, stale = Revocations(), []
    keys = JwksClient(url + "/jwks.json", Keyring(), lambda: None)
    feed = Feed(revocations, Connections(), keys, leeway=5, longest_lifetime=300)
    client = FeedClient(
        url + "/v1/revocations",
        EDGE_KEY,
        feed,
        lambda: float(NOW),
        stale_after=stale_after,
        on_stale=lambda: stale.append(time.monotonic()),
        on_heard=stale.clear,
    )
    return SimpleNamespace(
        client=client, feed=feed, revocations=revocations, keys=keys, stale=stale
    )


@asynccontextmanager
async def listening(script: Any, **options: float) -> AsyncIterator[tuple[Any, FakeFeed]]:
    async with FakeFeed(script) as server:
        edge = client_of(server.url, **options)
        edge.client.start()
        try:
            yield edge, server
        finally:
            await edge.client.stop()


def once(*pieces: bytes) -> Any:
    """Send `pieces` to the first connection and close it; the next get a good feed."""

    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        for piece in pieces if number == 0 else (GOOD,):
            yield piece
        if number:
            await for_ever()

    return script


async def test_a_good_feed_is_followed_with_the_edge_key_and_nothing_else() -> None:
    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        yield GOOD
        await for_ever()

    async with listening(script) as (edge, server):
        await edge.client.wait_until_ready(20)
        assert (len(edge.revocations), edge.feed.cursor) == (1, 9)
        (request,) = server.requests
        assert request.startswith(b"GET /v1/revocations HTTP/1.1\r\n")
        assert list(header_values(request, "Authorization")) == [f"Bearer {EDGE_KEY}"]
        assert list(header_values(request, "Accept")) == ["text/event-stream"]
        assert list(header_values(request, "Accept-Encoding")) == ["identity"]
        assert not list(header_values(request, "Last-Event-ID"))
        assert not list(header_values(request, "Cookie"))


async def test_after_a_cut_it_goes_on_from_the_last_event_that_is_whole() -> None:
    async with listening(once(GOOD, chunk(revoked("sess_2", NOW, 12)))) as (edge, server):
        await server.connections(2)
        await until(lambda: edge.feed.is_caught_up)
        assert list(header_values(server.requests[1], "Last-Event-ID")) == ["9"]
        assert len(edge.revocations) == 2


WHOLE = HEAD + chunk(hello()) + chunk(revoked("sess_2", NOW, 9) + CAUGHT_UP)


@pytest.mark.parametrize("part", range(4))
async def test_a_connection_that_closes_at_any_byte_is_begun_anew(part: int) -> None:
    async def one(length: int) -> None:
        async with listening(once(WHOLE[:length])) as (edge, server):
            await server.connections(2)
            await until(lambda: edge.feed.is_caught_up)
            assert "sess_good" in edge.revocations._sessions
            is_whole = length >= len(WHOLE) - 2
            assert list(header_values(server.requests[1], "Last-Event-ID")) == (
                ["9"] if is_whole and length == len(WHOLE) else []
            )

    lengths = range(part, len(WHOLE) + 1, 4)
    await asyncio.gather(*(one(length) for length in lengths))


@pytest.mark.parametrize(
    "pieces",
    [
        (b"",),
        (b"\x00" * 1000,),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n",),
        (HEAD, b"not a chunk\r\n"),
        (HEAD, b"-5\r\nhello\r\n"),
        (HEAD, b"5\r\nhelloXX"),
        (HEAD, b"0\r\n\r\n"),
        (HEAD, b"f" * 20_000),
        (HEAD, chunk(b"data: \xff\n\n"), chunk(b"event: \xff\ndata: x\n\n")),
        (HEAD, chunk(event("session", {"session_id": 7}, 1))),
        (HEAD, chunk(event("session", [], 1))),
        (HEAD, chunk(event("heartbeat", {}, "no number"))),
        (HEAD, chunk(event("keys", {"keys": []}))),
        (HEAD, *(chunk(b"data: " + b"x" * 100_000) for _ in range(6))),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",),
        (b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n",),
        (b"HTTP/1.1 204 No Content\r\n\r\n",),
        (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n",),
        (b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n",),
        (HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"), GOOD[len(HEAD) :]),
        (HEAD.replace(b"text/event-stream", b"text/html"), GOOD[len(HEAD) :]),
        (HEAD.replace(b"Transfer-Encoding: chunked", b"X: y"), hello() + CAUGHT_UP),
        (HEAD.replace(b"Transfer-Encoding: chunked", b"Content-Length: 5"), b"hello"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 50_000,),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200, b"HTTP/1.1 500 No\r\n\r\n"),
    ],
    ids=range(27),
)
async def test_what_is_no_feed_changes_nothing_and_is_begun_anew(pieces: tuple[bytes, ...]) -> None:
    async with listening(once(*pieces)) as (edge, server):
        await server.connections(2)
        await until(lambda: edge.feed.is_caught_up)
        assert list(edge.revocations._sessions) == ["sess_good"]
        assert not list(header_values(server.requests[1], "Last-Event-ID"))
        assert {request.split()[1] for request in server.requests} == {b"/v1/revocations"}


async def test_headers_without_an_end_are_given_up() -> None:
    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        if number:
            yield GOOD
            await for_ever()
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield b"X: y\r\n"
            await asyncio.sleep(0.01)

    async with listening(script) as (edge, server):
        began = time.monotonic()
        await server.connections(2)
        assert 1.9 < time.monotonic() - began < 4
        await until(lambda: edge.feed.is_caught_up)


async def seconds_until_given_up(drip: bytes) -> float:
    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        yield GOOD if drip != b"\r" else GOOD + b"5"
        while drip and number == 0:
            yield drip
            await asyncio.sleep(0.05)
        await for_ever()

    async with listening(script) as (edge, server):
        await edge.client.wait_until_ready(20)
        began = time.monotonic()
        await server.connections(2)
        assert edge.client.silent_for > 2.8
        return time.monotonic() - began


async def is_kept_through_four_seconds() -> bool:
    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        yield GOOD
        for cursor in range(10, 10_000):
            await asyncio.sleep(0.5)
            yield chunk(event("heartbeat", {}, cursor))

    async with listening(script) as (edge, server):
        await until(lambda: edge.feed.cursor == 17)
        return len(server.requests) == 1 and edge.client.silent_for < 1


async def test_silence_is_noticed_after_3_seconds_even_if_bytes_drip() -> None:
    drips = [b"", chunk(b":\n\n"), chunk(b"x"), b"\r"]
    *noticed, is_kept = await asyncio.gather(
        *map(seconds_until_given_up, drips), is_kept_through_four_seconds()
    )
    assert is_kept
    assert [2.8 < seconds < 4.5 for seconds in noticed] == [True] * 4


async def test_one_byte_at_a_time_is_as_good_as_all_at_once() -> None:
    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        for at in range(len(GOOD)):
            yield GOOD[at : at + 1]
            await asyncio.sleep(0)
        await for_ever()

    async with listening(script) as (edge, server):
        await edge.client.wait_until_ready(20)
        assert (len(edge.revocations), len(server.requests)) == (1, 1)


@contextmanager
def garbage_left_alone() -> Iterator[None]:
    # A collection of what all tests before have left takes as long as what is looked at.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_a_chunk_of_more_than_a_megabyte_is_read_and_requests_have_their_turn() -> None:
    count = 15_000
    snapshot = b"".join(revoked(f"sess_{number}", NOW, number) for number in range(count))
    assert len(snapshot) > 1_000_000
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            # Of this thread alone: what other processes take says nothing.
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        yield HEAD + chunk(hello())
        yield chunk(snapshot + event("caught_up", {}, count))
        await for_ever()

    async with listening(script) as (edge, server):
        watcher = asyncio.create_task(watch())
        with garbage_left_alone():
            await edge.client.wait_until_ready(20)
        watcher.cancel()
        assert (len(edge.revocations), len(server.requests)) == (count, 1)
        assert longest < 0.1


async def test_keys_come_with_the_feed_and_bad_ones_are_passed_over() -> None:
    key = make_key("ES256", "key-3")
    good = event("keys", jwks(key), 9)

    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        yield HEAD + chunk(hello()) + chunk(event("keys", {"keys": "none"}, 8))
        yield chunk(good + event("keys", jwks(), 7) + CAUGHT_UP)
        await for_ever()

    async with listening(script) as (edge, server):
        await edge.client.wait_until_ready(20)
        held = edge.keys.held_keys()
        assert held is not None
        assert ("key-3" in held, len(held), len(server.requests)) == (True, 1, 1)


async def test_being_stale_is_logged_once_and_again_after_a_recovery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    may_answer = asyncio.Event()

    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        if may_answer.is_set():
            yield GOOD
            await for_ever()

    async with FakeFeed(script) as server:
        edge = client_of(server.url)
        edge.client._stale_after = 0.3
        edge.client.start()
        await until(lambda: len(edge.stale) >= 3)
        assert caplog.text.count("nothing heard of revocations") == 1
        may_answer.set()
        await until(lambda: edge.feed.is_caught_up and not edge.stale)
        await until(lambda: caplog.text.count("nothing heard of revocations") == 2)
        await edge.client.stop()


async def test_retries_back_off_with_jitter_and_begin_anew_after_a_success() -> None:
    moments: list[float] = []

    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        moments.append(time.monotonic())
        if number == 4:
            yield GOOD

    async with listening(script) as (_, server):
        await server.connections(6)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    for gap, longest in zip(gaps, [0.1, 0.2, 0.4, 0.8, 0.1], strict=False):
        assert longest / 2 - 0.01 <= gap < longest + 0.3


async def test_many_edges_do_not_come_back_in_step() -> None:
    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        arrived.append(time.monotonic())
        return
        yield b""

    arrived: list[float] = []
    async with FakeFeed(script) as server:
        edges = [client_of(server.url) for _ in range(20)]
        for edge in edges:
            edge.client.start()
        await server.connections(40)
        for edge in edges:
            await edge.client.stop()
    again = sorted(arrived)[20:40]
    assert again[-1] - again[0] > 0.02


async def test_starting_twice_is_starting_once_and_stopping_leaves_nothing() -> None:
    before = asyncio.all_tasks()
    async with listening(once(GOOD)) as (edge, server):
        edge.client.start()
        await edge.client.wait_until_ready(20)
        assert len(server.requests) == 1
        await edge.client.stop()
        assert not edge.feed.is_caught_up
        assert not asyncio.all_tasks() - before - server._tasks
        await edge.client.stop()


async def test_a_wait_counts_from_the_start_and_not_from_each_request() -> None:
    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        await for_ever()
        yield b""

    async with listening(script) as (edge, _):
        began = time.monotonic()
        await asyncio.gather(*(edge.client.wait_until_ready(0.2) for _ in range(100)))
        assert 0.15 < time.monotonic() - began < 2
        began = time.monotonic()
        for _ in range(100):
            await edge.client.wait_until_ready(0.2)
        assert time.monotonic() - began < 0.1


def test_a_second_event_loop_listens_anew() -> None:
    async def run(edge: Any) -> Any:
        async with FakeFeed(once(b"")) as server:
            if edge is None:
                edge = client_of(server.url)
            edge.client._endpoint = client_of(server.url).client._endpoint
            edge.client.start()
            await server.connections(2)
            await until(lambda: edge.feed.is_caught_up)
            return edge

    edge = asyncio.run(run(None))
    asyncio.run(run(edge))


def test_what_a_loop_that_ended_had_heard_counts_for_nothing_in_the_next() -> None:
    async def first() -> Any:
        async with FakeFeed(once(b"")) as server:
            edge = client_of(server.url)
            edge.client.start()
            await until(lambda: edge.feed.is_caught_up)
            return edge

    async def second(edge: Any) -> None:
        edge.client.start()
        assert not edge.feed.is_caught_up
        await edge.client.stop()

    edge = asyncio.run(first())
    asyncio.run(second(edge))


async def test_an_event_loop_beside_the_one_that_listens_opens_no_second_feed() -> None:
    async def beside(edge: Any) -> bool:
        await edge.client.wait_until_ready(0.1)
        return bool(edge.client.start())

    async with listening(once(b"")) as (edge, server):
        await until(lambda: edge.feed.is_caught_up)
        for _ in range(5):
            assert not await asyncio.to_thread(asyncio.run, beside(edge))
        assert edge.feed.is_caught_up
        assert len(server.requests) <= 2


async def test_a_message_that_breaks_the_feed_leaves_it_stale() -> None:
    broken = b"event: session\nid: 9\ndata: {}\n\n"

    async def script(number: int, _: bytes) -> AsyncIterator[bytes]:
        if number == 0:
            yield HEAD + chunk(hello() + CAUGHT_UP + broken)
        await for_ever()

    async with FakeFeed(script) as server:
        edge = client_of(server.url)
        edge.client._stale_after = 0.3
        edge.client.start()
        await server.connections(2)
        await until(lambda: not edge.feed.is_caught_up and len(edge.stale) >= 3)
        await edge.client.stop()


async def test_the_edge_key_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with listening(once(b"HTTP/1.1 401 " + EDGE_KEY.encode()[:4] + b"\r\n\r\n")) as (edge, _):
        await until(lambda: edge.feed.is_caught_up)
    assert "revocation feed lost" in caplog.text
    assert EDGE_KEY not in caplog.text


@pytest.mark.parametrize("key", ["", " ", "a\r\nX: y", "é", "a\x00b", "a\tb"])
def test_a_key_that_no_header_can_carry_fails_at_once(key: str) -> None:
    feed = client_of("http://127.0.0.1:1").feed
    with pytest.raises(ValueError, match="edge_key"):
        FeedClient(
            "http://127.0.0.1:1",
            key,
            feed,
            time.time,
            stale_after=9,
            on_stale=print,
            on_heard=print,
        )


@pytest.mark.parametrize("uri", ["http://auth.example.com/v1/revocations", "ftp://127.0.0.1", ""])
def test_a_url_that_cannot_be_used_fails_at_once(uri: str) -> None:
    feed = client_of("http://127.0.0.1:1").feed
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        FeedClient(uri, EDGE_KEY, feed, time.time, stale_after=9, on_stale=print, on_heard=print)
