"""Websockets and streams end with their session, and not with the short life of a token."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Self

import pytest

from edgepass import EdgepassMiddleware
from edgepass_sidecar.app import make_app
from edgepass_sidecar.http_client import httpx
from edgepass_sidecar.settings import load_settings
from tests.journeys.conftest import ORIGIN
from tests.journeys.live_app import RENEW, LiveApp, Served, Socket
from tests.support.processes import SECRET_KEY, Browser, Sidecar, free_port

EDGE_KEY = "sk_test_" + "fedcba9876543210" * 4
BEAT = ("data: beat", "")
CLOSED = (3000, "session_revoked")
TRIES = 7
PROMISED, AT_MOST = 0.1, 2.0  # seconds until a connection ends
LIFETIME, LEEWAY = 60, 5
PATIENCE = 10.0


class MovedClock:
    """The clock on the wall, moved ahead by a test, for a sidecar and its edge alike."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Edge:
    """An app behind the middleware that listens to the feed."""

    def __init__(self, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self.inner = LiveApp()
        self.guarded = EdgepassMiddleware(
            self.inner.app, issuer=issuer, edge_key=EDGE_KEY, clock=clock
        )
        self.served = Served(self.guarded, free_port())
        self.port = self.served.port
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE)

    def __enter__(self) -> Self:
        self.served.__enter__()
        wait_until(lambda: self.guarded.health()["feed"] == "live")
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self.served.__exit__(None, None, None)

    def status(self, token: str) -> int:
        return self._http.get("/who", headers={"authorization": f"Bearer {token}"}).status_code


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    directory = tmp_path_factory.mktemp("sidecar")
    with Sidecar(directory, ORIGIN, EDGEPASS_EDGE_KEYS=EDGE_KEY) as running:
        yield running


@pytest.fixture(scope="module")
def edge(sidecar: Sidecar) -> Iterator[Edge]:
    with Edge(sidecar.url) as running:
        yield running


@pytest.fixture(scope="module")
def browser(sidecar: Sidecar) -> Browser:
    return sidecar.browser()


@pytest.fixture(scope="module")
def revoke(sidecar: Sidecar) -> Iterator[Callable[[str], None]]:
    with sidecar.backend() as backend:
        yield lambda session_id: revoke_with(backend, session_id)


def revoke_with(backend: httpx.Client, session_id: str) -> None:
    answer = backend.post(f"/v1/sessions/{session_id}/revoke")
    assert answer.json()["status"] == "revoked"


def assert_ended_soon(waits: list[float]) -> None:
    # The median, since a machine that is busy with other things makes any single
    # connection wait for its processor; a feed that is slow makes all of them.
    assert median(waits) < PROMISED, waits
    assert max(waits) < AT_MOST, waits


def test_a_websocket_closes_with_its_session_and_its_neighbour_does_not(
    browser: Browser, edge: Edge, revoke: Callable[[str], None]
) -> None:
    waits = []
    # The same user in the same browser, and in a session of their own.
    with Socket(edge.port, browser.token(browser.sign_in("ada"))) as neighbour:
        for number in range(TRIES):
            session_id = browser.sign_in(f"user-{number}")
            with Socket(edge.port, browser.token(session_id)) as revoked:
                assert revoked.ask("hello") == "hello"
                revoke(session_id)
                started = time.monotonic()
                assert revoked.wait_for_the_end() == CLOSED
                waits.append(time.monotonic() - started)
            assert neighbour.ask("still there?") == "still there?"
    assert_ended_soon(waits)


def test_the_app_is_told_of_the_end(
    browser: Browser, edge: Edge, revoke: Callable[[str], None]
) -> None:
    session_id = browser.sign_in("ada")
    told = edge.inner.disconnected
    with Socket(edge.port, browser.token(session_id)) as connection:
        told.clear()
        revoke(session_id)
        assert connection.wait_for_the_end() == CLOSED
        wait_until(lambda: told == [CLOSED[0]])


def test_a_stream_ends_with_its_session_and_its_neighbour_does_not(
    browser: Browser, edge: Edge, revoke: Callable[[str], None]
) -> None:
    waits = []
    with ExitStack() as open_streams:
        neighbour = opened_stream(open_streams, edge, browser.token(browser.sign_in("ada")))
        for number in range(TRIES):
            session_id = browser.sign_in(f"user-{number}")
            revoked = opened_stream(open_streams, edge, browser.token(session_id))
            assert next(revoked) in BEAT
            revoke(session_id)
            started = time.monotonic()
            for _ in revoked:
                assert time.monotonic() - started < AT_MOST, "the stream goes on"
            waits.append(time.monotonic() - started)
            assert next(neighbour) in BEAT
    assert_ended_soon(waits)


def opened_stream(stack: ExitStack, edge: Edge, token: str) -> Iterator[str]:
    """Return the lines of a stream, which end without an error when it ends in good order."""
    http = stack.enter_context(httpx.Client(timeout=PATIENCE))
    headers = {"authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{edge.port}/events"
    answer = stack.enter_context(http.stream("GET", url, headers=headers))
    assert answer.status_code == 200
    return answer.iter_lines()


def test_a_websocket_takes_the_next_token_of_its_session_and_no_other(
    browser: Browser, edge: Edge, revoke: Callable[[str], None]
) -> None:
    ada, grace = browser.sign_in("ada"), browser.sign_in("grace")
    with Socket(edge.port, browser.token(ada)) as connection:
        assert connection.ask(RENEW + browser.token(ada)).startswith("until ")
        assert connection.ask(RENEW + browser.token(grace)) == "session_mismatch"
        assert connection.ask(RENEW + "no token") == "token_malformed"
        assert connection.ask("hello") == "hello"
        revoke(grace)
        assert connection.ask("hello") == "hello"
        revoke(ada)
        assert connection.wait_for_the_end() == CLOSED


@pytest.mark.parametrize("renews", [True, False])
def test_a_websocket_outlives_ten_tokens_and_not_its_session(tmp_path: Path, renews: bool) -> None:
    clock, port = MovedClock(), free_port()
    settings = load_settings(
        {
            "EDGEPASS_INSTANCE": "development",
            "EDGEPASS_LISTEN": f"127.0.0.1:{port}",
            "EDGEPASS_STORE": f"sqlite:///{tmp_path}/edgepass.db",
            "EDGEPASS_SECRET_KEYS": SECRET_KEY,
            "EDGEPASS_EDGE_KEYS": EDGE_KEY,
            "EDGEPASS_ALLOWED_ORIGINS": ORIGIN,
        },
        tmp_path,
    )
    sidecar = Sidecar(tmp_path, ORIGIN)
    sidecar.url = f"http://127.0.0.1:{port}"
    browser = sidecar.browser()
    with (
        browser.http,
        sidecar.backend() as backend,
        Served(make_app(settings, clock), port),
        Edge(sidecar.url, clock) as edge,
    ):
        session_id = browser.sign_in("ada")
        token = browser.token(session_id)
        with Socket(edge.port, token) as connection:
            for _ in range(10):
                assert edge.status(token) == 200
                clock.ahead += LIFETIME + LEEWAY + 1
                assert edge.status(token) == 401
                assert connection.ask("hello") == "hello"
                token = browser.token(session_id)
                if renews:
                    assert connection.ask(RENEW + token).startswith("until ")
            revoke_with(backend, session_id)
            assert connection.wait_for_the_end() == CLOSED
