"""A sidecar in this process: settings, a browser and a server that call it, and domain values."""

import asyncio
import base64
import contextlib
import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import httpx
import jwt
from starlette.applications import Starlette

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.app import make_app
from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import ClientId, SessionId, TicketId, UserId, client_id
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.settings import Settings, load_settings
from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.ticket import Ticket, TicketStatus
from edgepass_sidecar.user import User
from tests.support.issuer import NOW

PUBLIC_URL = "https://auth.example.com"
APP_ORIGIN = "https://app.example.com"
SECRET_KEY = "sk_test_" + "5ec4e7" * 8
MASTER_KEY = bytes(range(32))
CLIENT = client_id(bytes(18))
# What no log line and no error may hold: tokens, tickets, keys, PEM.
SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.|client_\w{25}\.[0-9a-f]{8}|(?:sit|act)_\w{22}\.[0-9a-f]{8}"
    r"|sk_(live|test)_[0-9a-f]{8}|PRIVATE KEY"
)


def make_settings(**changes: str) -> Settings:
    """Return the settings of a production sidecar in memory, with `changes`."""
    environment = {
        "PUBLIC_URL": PUBLIC_URL,
        "ALLOWED_ORIGINS": APP_ORIGIN,
        "STORE": "memory:",
        "ALGORITHM": "ES256",
        "SECRET_KEYS": SECRET_KEY,
        "MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        **changes,
    }
    return load_settings(
        {f"EDGEPASS_{name}": value for name, value in environment.items()}, Path(__file__).parent
    )


def make_session(name: str = "1", *, user_id: str = "user_1", **changes: Any) -> Session:
    session = Session(
        id=SessionId(f"sess_{name}"),
        client_id=CLIENT,
        user=make_user(user_id.removeprefix("user_")),
        status=Status.ACTIVE,
        created_at=float(NOW),
        updated_at=float(NOW),
        last_active_at=float(NOW),
        expire_at=NOW + 3600.0,
        inactivity_timeout=None,
        first_factor_at=float(NOW),
        activity=Activity(ip_address="203.0.113.9", user_agent="Firefox"),
    )
    return replace(session, **changes)


def make_client(*sessions: Session, **changes: Any) -> Client:
    client = Client(
        id=sessions[0].client_id if sessions else CLIENT,
        version=0,
        token_hash=sha256(b"current").digest(),
        previous_token_hash=None,
        rotated_at=0.0,
        last_active_session_id=sessions[-1].id if sessions else None,
        created_at=float(NOW),
        updated_at=float(NOW),
        sessions=sessions,
    )
    return replace(client, **changes)


def make_ticket(name: str = "1", **changes: Any) -> Ticket:
    ticket = Ticket(
        id=TicketId(f"sit_{name}"),
        user_id=UserId("user_1"),
        secret_hash=sha256(b"ticket").digest(),
        status=TicketStatus.PENDING,
        created_at=float(NOW),
        updated_at=float(NOW),
        expires_at=NOW + 60.0,
    )
    return replace(ticket, **changes)


def make_user(name: str = "1", **changes: Any) -> User:
    user = User(id=UserId(f"user_{name}"), created_at=float(NOW), updated_at=float(NOW))
    return replace(user, **changes)


class LateStore:
    """A store that lets others go first, before and after each call, as a distant one does."""

    def __init__(self, store: SessionStore, seed: int = 0) -> None:
        self._store = store
        self._random = random.Random(seed)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        async def call(*arguments: Any) -> Any:
            await self._step_aside()
            outcome = await method(*arguments)
            await self._step_aside()
            return outcome

        return call

    async def _step_aside(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


@dataclass(frozen=True)
class Sidecar:
    """A running sidecar and the HTTP client that reaches it."""

    app: Starlette
    http: httpx.AsyncClient

    @property
    def core(self) -> Core:
        return self.app.state.context.core

    @property
    def server(self) -> "Server":
        return Server(self.http)

    def browser(self, origin: str | None = APP_ORIGIN) -> "Browser":
        return Browser(self.http, self.server, origin)

    async def event_types(self) -> list[str]:
        return [event.type for _, event in await self.core.store.list_events(0, 10_000)]


class NoJar(CookieJar):
    """Keeps nothing: each browser below keeps its own cookie, and the server none."""

    def extract_cookies(self, response: object, request: object) -> None:
        pass


@contextlib.asynccontextmanager
async def run_sidecar(
    clock: Callable[[], float], settings: Settings | None = None
) -> AsyncIterator[Sidecar]:
    """Run a sidecar with its lifespan, on the caller's event loop."""
    settings = settings or make_settings()
    app = make_app(settings, clock=clock, timer=clock)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url=settings.public_url, cookies=NoJar()
        ) as http,
    ):
        yield Sidecar(app, http)


@dataclass
class Server:
    """The app's own server: it calls the backend API with a secret key."""

    http: httpx.AsyncClient
    key: str = SECRET_KEY

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return without_secrets(await self.http.request(method, path, headers=headers, **options))

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.send("GET", path, params=query)

    async def post(self, path: str, body: object = None) -> httpx.Response:
        return await self.send("POST", path, json={} if body is None else body)

    async def ticket(self, user_id: str = "user_1", lifetime: int = 60) -> tuple[str, str]:
        """Return the id and the text of a new ticket, for a user who is made if need be."""
        await self.post("/v1/users", {"id": user_id})
        body = {"user_id": user_id, "expires_in_seconds": lifetime}
        made = succeeded(await self.post("/v1/sign_in_tokens", body))
        return made["id"], made["token"]

    async def revoke(self, session_id: str) -> None:
        succeeded(await self.post(f"/v1/sessions/{session_id}/revoke"))

    async def status(self, session_id: str) -> str:
        return succeeded(await self.get(f"/v1/sessions/{session_id}"))["status"]


@dataclass
class Browser:
    """A page in a browser: it keeps the client cookie that it was given last, and no other."""

    http: httpx.AsyncClient
    server: Server
    origin: str | None = APP_ORIGIN
    token: str | None = None
    cookie_name: str = "__Host-client"
    set_cookies: list[str] = field(default_factory=list)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"origin": self.origin} if self.origin else {}
        if self.token:
            headers["cookie"] = f"{self.cookie_name}={self.token}"
        headers |= options.pop("headers", {})
        answer = await self.http.request(method, path, headers=headers, **options)
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            if name == self.cookie_name:
                self.set_cookies.append(cookie)
                self.token = value
        return without_secrets(answer)

    def with_token(self, token: str | None) -> "Browser":
        """Return another browser that holds `token`, such as a thief's."""
        return replace(self, token=token, set_cookies=[])

    async def present(self, ticket: str) -> httpx.Response:
        form = {"strategy": "ticket", "ticket": ticket}
        return await self.send("POST", "/v1/client/sign_ins", data=form)

    async def sign_in(self, user_id: str = "user_1") -> str:
        """Sign in with a fresh ticket and return the session's id."""
        _, ticket = await self.server.ticket(user_id)
        return succeeded(await self.present(ticket))["response"]["created_session_id"]

    async def sign_out(self) -> httpx.Response:
        return await self.send("DELETE", "/v1/client/sessions")

    async def act(self, session_id: str, action: str = "tokens") -> httpx.Response:
        return await self.send("POST", f"/v1/client/sessions/{session_id}/{action}")

    async def refresh(self, session_id: str) -> str:
        return succeeded(await self.act(session_id))["jwt"]

    async def client(self) -> dict[str, Any] | None:
        return succeeded(await self.send("GET", "/v1/client"))["response"]


def succeeded(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def without_secrets(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code < 400 or not SECRETS.search(answer.text), answer.text
    return answer


def error_code(answer: httpx.Response) -> str:
    """Return the code of an error whose envelope, type and caching are as promised."""
    body = answer.json()
    assert set(body) == {"errors", "clerk_trace_id"}
    (error,) = body["errors"]
    assert set(error) == {"message", "long_message", "code", "meta"}
    assert error["message"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return error["code"]


def claims_of(token: str) -> dict[str, Any]:
    """Read claims without verifying anything; tests/contract/test_wire.py does that."""
    return jwt.decode(token, options={"verify_signature": False})


def other_client(number: int) -> ClientId:
    return client_id(number.to_bytes(18))
