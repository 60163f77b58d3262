"""HTTP/1.1 requests, made beforehand, over connections that stay open: in turn, or many at once.

As little as asking takes, so that those who ask are never what is measured.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing
from time import perf_counter_ns
from typing import cast

import uvloop

from bench.servers import HOST, ServerFailed

PATIENCE = 60.0  # seconds for all the answers of one call here
_BLOCK = 65_536
_HEAD_END, _LENGTH = b"\r\n\r\n", b"content-length: "


def http_request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole request; an underscore in a header's name stands for a hyphen."""
    fields = {"host": "auth.example.com", **headers, "content-length": str(len(body))}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("ascii") + body


def ask_in_turn(port: int, requests: Sequence[bytes]) -> tuple[list[int], list[bytes]]:
    """Ask one after the other on one connection; return what each took, in ns, and the answers."""
    answers, times = [], []
    with closing(socket.create_connection((HOST, port), PATIENCE)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            started = perf_counter_ns()
            connection.sendall(request)
            answer = connection.recv(_BLOCK)
            while not _is_whole(answer):
                more = connection.recv(_BLOCK)
                if not more:
                    raise ServerFailed(f"port {port}: closed the connection after {answer[:99]!r}")
                answer += more
            times.append(perf_counter_ns() - started)
            answers.append(answer)
    return times, answers


def ask_at_once(port: int, requests: Sequence[bytes], connections: int) -> tuple[int, list[bytes]]:
    """Ask on some connections, on each as soon as it is answered.

    Return what all took together, in ns, and the answers in the order that they came in.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_ask_at_once(port, requests, min(connections, len(requests))))


async def _ask_at_once(
    port: int, requests: Sequence[bytes], connections: int
) -> tuple[int, list[bytes]]:
    loop = asyncio.get_running_loop()
    waiting, answers = iter(requests), list[bytes]()
    made = [
        await loop.create_connection(lambda: _Connection(waiting, answers), HOST, port)
        for _ in range(connections)
    ]
    try:
        started = perf_counter_ns()
        for _, connection in made:
            connection.ask()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(connection.is_done for _, connection in made))
        elapsed = perf_counter_ns() - started
    finally:
        for transport, _ in made:
            transport.close()
    return elapsed, answers


class _Connection(asyncio.Protocol):
    """Takes the next of the requests that all connections share when its last one is answered."""

    def __init__(self, waiting: Iterator[bytes], answers: list[bytes]) -> None:
        self._waiting = waiting
        self._answers = answers
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None
        self.is_done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not a subclass: uvloop's transports only have its methods.
        self._transport = cast("asyncio.WriteTransport", transport)

    def ask(self) -> None:
        request = next(self._waiting, None)
        if request is None:
            self.is_done.set_result(None)
        else:
            assert self._transport is not None
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data
        if _is_whole(received):
            self._answers.append(received)
            self._received = b""
            self.ask()
        else:
            self._received = received

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_done.done():
            self.is_done.set_exception(ServerFailed(f"a connection was closed: {exc}"))


def status_of(answer: bytes) -> int:
    return int(answer[9:12])


def head_of(answer: bytes) -> bytes:
    return answer.partition(_HEAD_END)[0]


def body_of(answer: bytes) -> bytes:
    return answer.partition(_HEAD_END)[2]


def _is_whole(received: bytes) -> bool:
    end = received.find(_HEAD_END)
    if end < 0:
        return False
    start = received.find(_LENGTH, 0, end) + len(_LENGTH)
    length = int(received[start : start + 9].partition(b"\r")[0])
    return len(received) >= end + len(_HEAD_END) + length
