"""The whole way: what a real sidecar revokes, a real edge refuses, and goes on doing so."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgepass import EdgepassMiddleware
from tests.middleware.calls import App, bearer, http
from tests.support.feed import until
from tests.support.processes import Browser as Page
from tests.support.processes import Sidecar

ORIGIN = "http://localhost:3000"


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    with Sidecar(tmp_path, ORIGIN) as running:
        yield running


@asynccontextmanager
async def edge_of(sidecar: Sidecar, key: str, **options: Any) -> AsyncIterator[EdgepassMiddleware]:
    edge = EdgepassMiddleware(App(), issuer=sidecar.url, edge_key=key, **options)
    try:
        yield edge
    finally:
        await edge._live.stop()
        await edge._keys.stop()


async def ask(edge: EdgepassMiddleware, token: str) -> str:
    reply = await http(edge, "/", bearer(token.encode()))
    return "" if reply.status == 200 else reply.code


def sign_in(sidecar: Sidecar, user: str = "user_1") -> tuple[Page, str]:
    browser = sidecar.browser()
    return browser, browser.sign_in(user)


async def test_a_revocation_reaches_an_edge_and_a_restart_loses_none(sidecar: Sidecar) -> None:
    key = (await asyncio.to_thread(sidecar.run, "keys", "create", "--edge")).strip()
    (one, first), (two, second), (three, third) = (sign_in(sidecar) for _ in range(3))
    tokens = [page.token(name) for page, name in ((one, first), (two, second), (three, third))]
    async with edge_of(sidecar, key, when_stale="refuse") as edge:
        assert [await ask(edge, token) for token in tokens] == ["", "", ""]
        with sidecar.backend() as backend:
            began = time.monotonic()
            await asyncio.to_thread(backend.post, f"/v1/sessions/{first}/revoke")
            await until(lambda: edge.health()["revocations"] == 1)
            assert time.monotonic() - began < 2
        assert [await ask(edge, token) for token in tokens] == ["session_revoked", "", ""]
        began = time.monotonic()
        assert await asyncio.to_thread(sidecar.process.end) == 0
        assert time.monotonic() - began < 5
        await asyncio.to_thread(sidecar.run, "sessions", "revoke", second)
        await asyncio.to_thread(sidecar.start)
        await until(lambda: edge.health()["revocations"] == 2)
        await until(lambda: edge.health()["feed"] == "live")
        answers = [await ask(edge, token) for token in tokens]
        assert answers == ["session_revoked", "session_revoked", ""]
    assert "Traceback" not in sidecar.process.log
    assert key not in sidecar.process.log


async def test_keys_reach_an_edge_through_the_feed(sidecar: Sidecar) -> None:
    key = (await asyncio.to_thread(sidecar.run, "keys", "create", "--edge")).strip()
    page, session = sign_in(sidecar)
    async with edge_of(sidecar, key) as edge:
        assert await ask(edge, page.token(session)) == ""
        await until(lambda: edge.health()["feed"] == "live")
        line = await asyncio.to_thread(sidecar.run, "keys", "rotate")
        await until(lambda: edge.health()["keys"] == 2)
        await asyncio.to_thread(sidecar.run, "keys", "revoke", line.split()[0])
        await until(lambda: edge.health()["keys"] == 1)
        assert edge.health()["tokens"] == 0
        assert await ask(edge, page.token(session)) == ""


async def test_an_edge_without_a_right_key_says_so(
    sidecar: Sidecar, caplog: pytest.LogCaptureFixture
) -> None:
    async with edge_of(sidecar, "ek_test_" + "0" * 64, when_stale="refuse") as edge:
        edge._live.start()
        await until(lambda: "status 401" in caplog.text)
        assert edge.health()["feed"] == "catching_up"
