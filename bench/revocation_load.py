"""Those who ask while sessions are revoked: a crowd at a fixed rate, and an app that revokes.

Nobody in the crowd waits for an answer before asking again: a request is sent
when it is due, and its time counts from there.
"""

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import monotonic_ns
from typing import cast

from bench.harness import AnswerWrong
from bench.http_load import body_of, http_request, status_of
from bench.revocation_edge import MOMENT, REVOKED
from bench.revocation_servers import Servers, revoke_request, signed_in_request
from bench.servers import HOST, ServerFailed

CONNECTIONS = 8  # of the crowd, with each edge
PROBE_EVERY = 0.001  # seconds between an answer and the next probe
PATIENCE = 60.0  # seconds, a token's life: later a refusal means nothing
_RETRY_AFTER = 0.02
_HEAD_END, _LENGTH = b"\r\n\r\n", b"content-length: "
_SIGNED_IN = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the crowd, in nanoseconds. `code` is what it was refused with, if it was."""

    session_id: str
    edge: int
    due_ns: int
    sent_ns: int
    answered_ns: int
    code: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """One revocation as its caller saw it, and the first refusal that followed, at one edge."""

    session_id: str
    edge: int
    asked_ns: int
    answered_ns: int
    refused_ns: int
    one_way_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that those who ask have seen."""

    crowd: tuple[Asked, ...]
    revoked: tuple[Revoked, ...]


class Line(asyncio.Protocol):
    """A connection on which one asks without waiting for earlier answers (RFC 9112, 9.3.2)."""

    def __init__(self) -> None:
        self._received = b""
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not a subclass: uvloop's transports only have its methods.
        self._transport = cast("asyncio.WriteTransport", transport)

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        assert self._transport is not None, "it is connected"
        if self._transport.is_closing():
            raise ServerFailed("the connection was closed")
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._transport.write(request)
        return answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        while size := _size_of_first(self._received):
            answer, self._received = self._received[:size], self._received[size:]
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        for answer in self._waiting:
            if not answer.done():
                answer.set_exception(ServerFailed(f"the connection was closed: {exc}"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Crowd:
    """Asks the edges in turn, `rate` times a second, with the tokens of all sessions."""

    def __init__(self, edges: Sequence[Sequence[Line]], tokens: dict[str, str], rate: float):
        lines = zip(*edges, strict=True)
        self._lines = cycle([(edge, line) for row in lines for edge, line in enumerate(row)])
        requests = [(one, signed_in_request(token)) for one, token in tokens.items()]
        random.Random(len(requests)).shuffle(requests)
        self._requests = cycle(requests)
        self._interval_ns = round(1e9 / rate)
        self._waiting: set[asyncio.Future[bytes]] = set()
        self._due_ns = monotonic_ns()
        self.asked: list[Asked] = []

    async def keep_asking(self) -> None:
        """Ask until cancelled."""
        self._due_ns = monotonic_ns()
        while True:
            while self._due_ns <= monotonic_ns():
                self._ask(self._due_ns)
                self._due_ns += self._interval_ns
            await asyncio.sleep((self._due_ns - monotonic_ns()) / 1e9)

    async def settle(self) -> None:
        """Wait for the answers that are still to come."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._waiting)

    def _ask(self, due_ns: int) -> None:
        (edge, line), (session_id, request) = next(self._lines), next(self._requests)
        sent_ns = monotonic_ns()

        def note(answer: asyncio.Future[bytes]) -> None:
            # One that failed stays, for `settle` to raise.
            if answer.exception() is None:
                self._waiting.discard(answer)
                times = (due_ns, sent_ns, monotonic_ns())
                self.asked.append(Asked(session_id, edge, *times, code_of(answer.result())))

        answer = line.ask(request)
        self._waiting.add(answer)
        answer.add_done_callback(note)


class App:
    """Revokes sessions one by one, and asks one edge after each until that edge refuses."""

    def __init__(
        self, servers: Servers, probes: Sequence[Line], tokens: dict[str, str], rate: float
    ) -> None:
        self._sidecar = servers.sidecar
        self._probes = probes
        self._tokens = tokens
        self._interval = 1 / rate
        self._line: Line | None = None

    async def revoke_all(self) -> list[Revoked]:
        loop, seeing = asyncio.get_running_loop(), []
        began = loop.time()
        for number, session_id in enumerate(self._tokens):
            await asyncio.sleep(max(0.0, began + number * self._interval - loop.time()))
            asked_ns = monotonic_ns()
            await self._revoke(session_id)
            times = (asked_ns, monotonic_ns())
            edge = number % len(self._probes)
            seeing.append(asyncio.create_task(self._see(session_id, edge, *times)))
        if self._line is not None:
            self._line.close()
        return await asyncio.gather(*seeing)

    async def _revoke(self, session_id: str) -> None:
        """Revoke, and ask again while nobody answers: again changes nothing."""
        deadline = monotonic_ns() + PATIENCE * 1e9
        while True:
            try:
                self._line = self._line or await connect(self._sidecar.port)
                answer = await self._line.ask(revoke_request(session_id))
                break
            except (OSError, ServerFailed):
                if monotonic_ns() > deadline:
                    raise
                self._line = None
                await asyncio.sleep(_RETRY_AFTER)
        if status_of(answer) != 200 or json.loads(body_of(answer))["status"] != "revoked":
            raise AnswerWrong(f"a revocation was answered {answer[:300]!r}")

    async def _see(self, session_id: str, edge: int, asked_ns: int, answered_ns: int) -> Revoked:
        line, request = self._probes[edge], signed_in_request(self._tokens[session_id])
        deadline = answered_ns + PATIENCE * 1e9
        while code_of(await line.ask(request)) != REVOKED:
            if monotonic_ns() > deadline:
                raise AnswerWrong(f"a session was not refused within {PATIENCE:.0f} s: it is lost")
            await asyncio.sleep(PROBE_EVERY)
        refused_ns = monotonic_ns()
        one_way_ns = await _one_way_ns(line)
        return Revoked(session_id, edge, asked_ns, answered_ns, refused_ns, one_way_ns)


async def _one_way_ns(line: Line) -> int:
    """Return how long a request is on its way until an edge has it in its hands."""
    sent_ns = monotonic_ns()
    return int(body_of(await line.ask(http_request("GET", MOMENT)))) - sent_ns


async def watch(
    servers: Servers,
    tokens: dict[str, str],
    *,
    crowd_rate: float,
    revocation_rate: float,
    meanwhile: Callable[[], None],
) -> Seen:
    """Revoke all sessions of `tokens` under load; `meanwhile` is called in a thread half-way."""
    edges = [[await connect(edge.port) for _ in range(CONNECTIONS)] for edge in servers.edges]
    probes = [await connect(edge.port) for edge in servers.edges]
    crowd = Crowd(edges, tokens, crowd_rate)
    app = App(servers, probes, tokens, revocation_rate)
    half_way = len(tokens) / revocation_rate / 2
    asking = asyncio.create_task(crowd.keep_asking())
    try:
        revoked, _ = await asyncio.gather(app.revoke_all(), _call_later(half_way, meanwhile))
        asking.cancel()
        await crowd.settle()
    finally:
        asking.cancel()
        for line in (*probes, *(line for lines in edges for line in lines)):
            line.close()
    return Seen(crowd=tuple(crowd.asked), revoked=tuple(revoked))


async def _call_later(after: float, work: Callable[[], None]) -> None:
    await asyncio.sleep(after)
    await asyncio.to_thread(work)


async def connect(port: int) -> Line:
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(Line, HOST, port)
    return line


def code_of(answer: bytes) -> str:
    """Return what an edge refused a request with, or nothing where it did not."""
    return _SIGNED_IN if status_of(answer) == 200 else str(json.loads(body_of(answer))["code"])


def _size_of_first(received: bytes) -> int:
    """Return how many bytes the first answer has, 0 while it is not whole."""
    end = received.find(_HEAD_END)
    if end < 0:
        return 0
    start = received.find(_LENGTH, 0, end) + len(_LENGTH)
    length = int(received[start : start + 9].partition(b"\r")[0])
    size = end + len(_HEAD_END) + length
    return size if len(received) >= size else 0
