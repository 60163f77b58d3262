"""A sidecar that can be killed and started again, edges that listen to it, and live sessions."""

import json
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.harness import AnswerWrong
from bench.http_load import ask_at_once, ask_in_turn, body_of, http_request, status_of
from bench.machine import UsageMeter
from bench.revocation_edge import HEALTH, KEEP, KEY_VARIABLE, NOTES
from bench.revocation_sidecar import Committed, read_commits
from bench.servers import HOST, PATIENCE, Server, ServerFailed, free_port

EDGES = 3
CONNECTIONS = 16
_WAITED = 1  # column of /proc/PID/schedstat: nanoseconds in which it could have run, and did not
_SECRET_KEY = f"sk_test_{secrets.token_hex(24)}"
_EDGE_KEY = f"sk_test_{secrets.token_hex(24)}"
_ROOT = Path(__file__).parents[1]


class Process(Server):
    """A server whose event loop may be kept from its processor, and that may be killed."""

    def waited_ns(self) -> int:
        """Return how long its first thread, which has the event loop, waited for a processor."""
        text = Path(f"/proc/{self._process.pid}/schedstat").read_text("ascii")
        return int(text.split()[_WAITED])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Sidecar:
    """`edgepass serve` on SQLite, which notes its commits; the same again after `restart`."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._notes = directory / "commits"
        self._notes.touch()
        self._used_before = 0
        self.process = self._start()

    def restart(self) -> None:
        """Kill it without warning, start it again, and return when it listens."""
        self._used_before += self.process.used_ns()
        self.process.kill()
        self.process = self._start()
        self.process.wait_until_it_listens()

    def used_ns(self) -> int:
        return self._used_before + self.process.used_ns()

    def stop(self) -> None:
        self.process.stop()

    def read_commits(self) -> dict[str, Committed]:
        return read_commits(self._notes.read_text("ascii"))

    def _start(self) -> Process:
        settings = {
            "EDGEPASS_INSTANCE": "development",
            "EDGEPASS_LISTEN": f"{HOST}:{self.port}",
            "EDGEPASS_STORE": f"sqlite:///{self._directory / 'edgepass.db'}",
            "EDGEPASS_SECRET_KEYS": _SECRET_KEY,
            "EDGEPASS_EDGE_KEYS": _EDGE_KEY,
            # All sessions are made at once here, by one caller.
            "EDGEPASS_RATE_LIMITS": "off",
        }
        return Process(
            "edgepass",
            [sys.executable, "-m", "bench.revocation_sidecar", str(self._notes)],
            port=self.port,
            cwd=_ROOT,
            log=self._directory / "edgepass.log",
            environment=settings,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """All that runs, besides those who ask."""

    sidecar: Sidecar
    edges: tuple[Process, ...]

    def used_ns(self) -> int:
        return self.sidecar.used_ns() + sum(edge.used_ns() for edge in self.edges)

    def waited_ns(self) -> list[int]:
        """Return of each edge how long it waited for a processor."""
        return [edge.waited_ns() for edge in self.edges]

    def read_refusals(self) -> list[dict[str, int]]:
        """Return of each edge when it began to refuse each session, in nanoseconds."""
        answers = (_ask(edge, http_request("GET", NOTES)) for edge in self.edges)
        return [json.loads(body_of(answer)) for answer in answers]


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds that something took, and what the processors did meanwhile."""

    elapsed: float
    waited: float  # the longest that an edge could have run, and did not
    others: float | None


class LoadMeter:
    """Reads who used the processors, and who waited for one, from the moment that it is made."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._used = servers.used_ns()
        self._waited = servers.waited_ns()
        self._meter = UsageMeter()

    def read(self) -> Load:
        usage = self._meter.read()
        used = (self._servers.used_ns() - self._used) / 1e9
        waits = zip(self._servers.waited_ns(), self._waited, strict=True)
        return Load(
            elapsed=usage.elapsed,
            waited=max(after - before for after, before in waits) / 1e9,
            others=None if usage.others is None else max(0.0, usage.others - used),
        )


@contextmanager
def started_servers(directory: Path) -> Iterator[Servers]:
    """Start a sidecar and its edges, and end them."""
    with ExitStack() as stops:
        sidecar = Sidecar(directory)
        stops.callback(sidecar.stop)
        edges = tuple(_edge(directory, number, sidecar.port) for number in range(EDGES))
        for edge in edges:
            stops.callback(edge.stop)
        for process in (sidecar.process, *edges):
            process.wait_until_it_listens()
        _wait_until_all_listen_to_the_feed(edges)
        yield Servers(sidecar=sidecar, edges=edges)


def _edge(directory: Path, number: int, sidecar_port: int) -> Process:
    port = free_port()
    issuer = f"http://{HOST}:{sidecar_port}"
    return Process(
        f"edge {number}",
        [sys.executable, "-m", "bench.revocation_edge", str(port), issuer],
        port=port,
        cwd=_ROOT,
        log=directory / f"edge-{number}.log",
        environment={KEY_VARIABLE: _EDGE_KEY},
    )


def _wait_until_all_listen_to_the_feed(edges: Sequence[Process]) -> None:
    deadline = time.monotonic() + PATIENCE
    for edge in edges:
        while body_of(_ask(edge, http_request("GET", HEALTH))) != b"live":
            if time.monotonic() > deadline:
                raise ServerFailed(f"{edge.name}: has not caught up with the feed")
            time.sleep(0.02)


def sign_in(servers: Servers, count: int) -> dict[str, str]:
    """Start so many sessions of a user each; return a new token by session, known to each edge."""
    port = servers.sidecar.port
    bodies = [{"id": f"user_{secrets.token_hex(10)}"} for _ in range(count)]
    users = _answers(port, [_backend_request("/v1/users", body) for body in bodies])
    bodies = [{"user_id": user["id"]} for user in users]
    started = _answers(port, [_backend_request("/v1/sessions", body) for body in bodies])
    identifiers = [session["id"] for session in started]
    paths = [f"/v1/sessions/{identifier}/tokens" for identifier in identifiers]
    # In turn, since answers that come at once come in any order.
    _, answers = ask_in_turn(port, [_backend_request(path, {}) for path in paths])
    tokens = dict(zip(identifiers, (_read(answer)["jwt"] for answer in answers), strict=True))
    for edge in servers.edges:
        asked = [signed_in_request(token, KEEP) for token in tokens.values()]
        for answer in ask_at_once(edge.port, asked, CONNECTIONS)[1]:
            _validate(edge.name, answer)
    return tokens


def signed_in_request(token: str, path: str = "/") -> bytes:
    return http_request("GET", path, authorization=f"Bearer {token}")


def revoke_request(session_id: str) -> bytes:
    return _backend_request(f"/v1/sessions/{session_id}/revoke", {})


def _backend_request(path: str, body: object) -> bytes:
    return http_request(
        "POST",
        path,
        json.dumps(body).encode("ascii"),
        authorization=f"Bearer {_SECRET_KEY}",
        content_type="application/json",
    )


def _answers(port: int, requests: Sequence[bytes]) -> list[dict[str, str]]:
    return [_read(answer) for answer in ask_at_once(port, requests, CONNECTIONS)[1]]


def _read(answer: bytes) -> dict[str, str]:
    _validate("edgepass", answer)
    document: dict[str, str] = json.loads(body_of(answer))
    return document


def _ask(server: Server, request: bytes) -> bytes:
    _, (answer,) = ask_in_turn(server.port, [request])
    _validate(server.name, answer)
    return answer


def _validate(name: str, answer: bytes) -> None:
    if status_of(answer) != 200:
        raise AnswerWrong(f"{name}: answered {answer[:300]!r}")
