"""What an edge does while its sidecar is away, and what a browser finds when it is back."""

import signal
import time
from pathlib import Path

from tests.journeys.conftest import ORIGIN
from tests.support.edge import Edge
from tests.support.processes import Sidecar

LIFETIME, LEEWAY = 60, 5


class ShiftedClock:
    """The clock on the wall, moved ahead by what a test has waited through."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def test_signed_in_requests_go_on_until_their_tokens_expire(tmp_path: Path) -> None:
    clock = ShiftedClock()
    with Sidecar(tmp_path, ORIGIN) as sidecar:
        edge = Edge(sidecar.url, clock)
        browser = sidecar.browser()
        session_id = browser.sign_in("ada")
        warm, unseen = browser.token(session_id), sidecar.browser()
        other = unseen.token(unseen.sign_in("grace"))
        assert await edge.status(warm) == 200

        sidecar.process.end(signal.SIGKILL)

        assert await edge.status(warm) == 200
        assert await edge.status(other) == 200, "keys are held, so an unseen token verifies too"
        clock.ahead = LIFETIME + LEEWAY
        assert await edge.status(warm) == 401
        assert await edge.status(other) == 401

        sidecar.start()
        clock.ahead = 0.0
        assert await edge.status(browser.token(session_id)) == 200
        await edge.close()


async def test_an_edge_that_never_had_keys_says_503_and_recovers(tmp_path: Path) -> None:
    with Sidecar(tmp_path, ORIGIN) as sidecar:
        browser = sidecar.browser()
        session_id = browser.sign_in("ada")
        token = browser.token(session_id)
        sidecar.process.end()
        edge = Edge(sidecar.url, time.time)

        assert await edge.status(token) == 503

        sidecar.start()
        assert await edge.status(token) == 200
        await edge.close()
