"""A hook that fails in any way: the last good claims serve, nobody waits for it twice."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.http_claims import HttpClaimsSource
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.service.claims_source import USABLE_FOR, CachedClaims, ClaimsUnavailable
from tests.conftest import Clock
from tests.sidecar.test_http_claims import (
    JSON,
    MEGABYTE,
    SECRET,
    FakeHook,
    Reply,
    assert_nothing_is_told,
)
from tests.support.processes import Process, free_port

ADA, BOB = (UserId("ada"), SessionId("sess_1"), None), (UserId("bob"), SessionId("sess_2"), None)
MEMBER, ADMIN = {"role": "classified:member"}, {"role": "classified:admin"}


def says(claims: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps(claims).encode())


async def refuses(hook: FakeHook) -> None:
    await hook.stop()


def replies(make_reply: Callable[[], Reply]) -> Callable[[FakeHook], Any]:
    async def begin(hook: FakeHook) -> None:
        hook.reply = make_reply()

    return begin


OUTAGES = {
    "refused connections": refuses,
    "hanging": replies(lambda: Reply(hold=asyncio.Event())),
    "slow": replies(lambda: Reply(pause=0.1)),
    "dropped connections": replies(lambda: Reply(drop=True)),
    "half-closed": replies(lambda: Reply(raw=Reply().head() + b"{", half_close=True)),
    "no HTTP": replies(lambda: Reply(raw=bytes(range(256)))),
    "unavailable": replies(lambda: Reply(status=503)),
}
USELESS = {
    "server error": Reply(status=500),
    "redirect": Reply(status=302, headers=(JSON, ("location", "/elsewhere"))),
    "html": Reply(headers=(("content-type", "text/html"),)),
    "list": Reply(body=b"[]"),
    "100 MB": Reply(body=MEGABYTE, repeat=100),
    "9 kB of claims": says({"x": "x" * 9_000}),
}


@pytest.fixture
async def hook() -> AsyncIterator[FakeHook]:
    async with FakeHook(reply=says(MEMBER)) as running:
        yield running


@pytest.fixture
async def source(hook: FakeHook, clock: Clock) -> AsyncIterator[HttpClaimsSource]:
    made = HttpClaimsSource(hook.url, SECRET, timeout=10.0, clock=clock)
    yield made
    await made.close()


@pytest.fixture
async def cached(source: HttpClaimsSource, clock: Clock) -> AsyncIterator[CachedClaims]:
    made = CachedClaims(source, clock)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def _nothing_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    assert_nothing_is_told(caplog)


async def claims_of(cached: CachedClaims, key: Any) -> dict[str, Any] | None:
    try:
        return await cached.fetch(*key)
    except ClaimsUnavailable:
        return None


async def recover(hook: FakeHook, source: HttpClaimsSource) -> None:
    await hook.stop()
    hook.reply = says(ADMIN)
    await hook.start()
    source._timeout = 10.0


@pytest.mark.parametrize("begin", OUTAGES.values(), ids=OUTAGES)
async def test_a_hook_that_is_down_costs_one_attempt_for_all_and_is_found_again(
    hook, source, cached, clock, begin
) -> None:
    assert await claims_of(cached, ADA) == MEMBER
    clock.advance(30)
    await begin(hook)
    source._timeout = 0.3
    assert await claims_of(cached, ADA) == MEMBER
    attempts = hook.connections, len(hook.asked)
    others = [(UserId(f"user_{i}"), SessionId("sess_3"), None) for i in range(50)]
    assert [await claims_of(cached, key) for key in (ADA, BOB, *others)] == [MEMBER] + [None] * 51
    assert (hook.connections, len(hook.asked)) == attempts
    await recover(hook, source)
    assert await claims_of(cached, BOB) is None
    clock.advance(1)
    assert await claims_of(cached, BOB) == ADMIN
    assert await claims_of(cached, ADA) == ADMIN


@pytest.mark.parametrize("reply", USELESS.values(), ids=USELESS)
async def test_answers_of_no_use_leave_the_last_good_claims_and_are_not_waited_out(
    hook, cached, clock, reply
) -> None:
    assert await claims_of(cached, ADA) == MEMBER
    clock.advance(30)
    hook.reply = reply
    assert await claims_of(cached, ADA) == MEMBER
    assert await claims_of(cached, BOB) is None
    hook.reply = says(ADMIN)
    assert await claims_of(cached, ADA) == ADMIN
    assert await claims_of(cached, BOB) == ADMIN


async def test_an_outage_is_outlived_for_an_hour_and_no_longer(hook, cached, clock) -> None:
    assert await claims_of(cached, ADA) == MEMBER
    await hook.stop()
    clock.advance(USABLE_FOR - 1)
    assert await claims_of(cached, ADA) == MEMBER
    clock.advance(1)
    assert await claims_of(cached, ADA) is None


async def test_claims_that_have_changed_are_not_used_in_an_outage(hook, cached) -> None:
    assert await claims_of(cached, ADA) == MEMBER
    await hook.stop()
    assert await claims_of(cached, (*ADA, 2.0)) is None


async def test_fifty_callers_at_once_are_one_request_whoever_goes_away(hook, cached) -> None:
    answering = asyncio.Event()
    hook.reply = Reply(body=json.dumps(ADMIN).encode(), hold=answering)
    callers = [asyncio.create_task(claims_of(cached, ADA)) for _ in range(50)]
    await hook.arrived.wait()
    for caller in callers[::2]:
        caller.cancel()
    await asyncio.wait(callers[::2])
    answering.set()
    assert await asyncio.gather(*callers[1::2]) == [ADMIN] * 25
    assert (len(hook.asked), hook.connections) == (1, 1)


async def hook_app(scope: Any, receive: Any, send: Any) -> None:
    """Answer whoever signs with the secret, and say in which of its lives the app is."""
    if scope["type"] != "http":
        return
    claims: dict[str, Any] = {"life": os.environ["LIFE"]}
    status = 200
    if scope["method"] == "POST":
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status = 200 if headers["webhook-signature"] == signature_of(headers, body) else 401
        claims["user"] = json.loads(body)["user_id"]
    kind = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": kind})
    await send({"type": "http.response.body", "body": json.dumps(claims).encode()})


def signature_of(headers: dict[str, str], body: bytes) -> str:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def test_an_app_that_is_killed_and_started_again_is_asked_again(
    tmp_path: Path, clock: Clock
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/claims"
    app = "tests.faults.test_claims_source_down:hook_app"
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port)]
    source = HttpClaimsSource(url, SECRET, timeout=10.0)
    cached = CachedClaims(source, clock)
    first = Process(command, {"LIFE": "first"}, tmp_path / "first.log")
    second = Process(command, {"LIFE": "second"}, tmp_path / "second.log")
    async with contextlib.AsyncExitStack() as ending:
        ending.push_async_callback(source.close)
        ending.push_async_callback(cached.close)
        first.start(url)
        ending.callback(first.end)
        assert await claims_of(cached, ADA) == {"life": "first", "user": "ada"}
        first.end(signal.SIGKILL)
        clock.advance(30)
        assert await claims_of(cached, ADA) == {"life": "first", "user": "ada"}
        assert await claims_of(cached, BOB) is None
        second.start(url)
        ending.callback(second.end)
        clock.advance(1)
        assert await claims_of(cached, BOB) == {"life": "second", "user": "bob"}
        assert await claims_of(cached, ADA) == {"life": "second", "user": "ada"}
