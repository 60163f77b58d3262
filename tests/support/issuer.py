"""A second opinion: keys, key sets and tokens by PyJWT and cryptography, and a fake HTTP issuer."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://auth.example.com"
NOW = 1_800_000_000
ABSENT = object()
"""As the value of a claim: leave it out."""


@dataclass(frozen=True)
class SigningKey:
    """A private key under its `kid`, for one algorithm."""

    key_id: str
    algorithm: str
    private: Any

    def sign(self, header: bytes, payload: bytes) -> bytes:
        """Sign exactly these bytes, however wrong they are."""
        signing_input = base64url(header) + b"." + base64url(payload)
        return signing_input + b"." + base64url(self.signature(signing_input))

    def signature(self, message: bytes) -> bytes:
        return jwt.get_algorithm_by_name(self.algorithm).sign(message, self.private)

    def jwk(self, **changes: object) -> dict[str, object]:
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        public = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)
        member = {**public, "kid": self.key_id, "alg": self.algorithm, "use": "sig", **changes}
        return {name: value for name, value in member.items() if value is not ABSENT}

    def header(self, **changes: object) -> bytes:
        members = {"alg": self.algorithm, "kid": self.key_id, "typ": "JWT", **changes}
        return to_json({name: value for name, value in members.items() if value is not ABSENT})


@cache
def make_key(algorithm: str = "RS256", key_id: str = "key-1") -> SigningKey:
    """Return one key per name: making an RSA key takes longer than most tests."""
    if algorithm == "RS256":
        return SigningKey(key_id, algorithm, rsa.generate_private_key(65537, 2048))
    if algorithm == "ES256":
        return SigningKey(key_id, algorithm, ec.generate_private_key(ec.SECP256R1()))
    return SigningKey(key_id, algorithm, ed25519.Ed25519PrivateKey.generate())


def session_claims(now: float = NOW, **changes: object) -> dict[str, object]:
    """Return the claims of a session token minted at `now`, with `changes`."""
    issued_at = int(now)
    claims = {
        "iss": ISSUER,
        "sub": "user_1",
        "sid": "sess_1",
        "iat": issued_at,
        "exp": issued_at + 60,
        "nbf": issued_at - 10,
        "jti": "token-1",
        "v": 2,
        "fva": [0, -1],
        "sts": "active",
        "azp": "https://app.example.com",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ABSENT}


def mint(key: SigningKey | None = None, now: float = NOW, **changes: object) -> bytes:
    """Return a session token as PyJWT writes it."""
    key = key or make_key()
    token = jwt.encode(
        session_claims(now, **changes), key.private, key.algorithm, headers={"kid": key.key_id}
    )
    return token.encode("ascii")


def jwks(*keys: SigningKey) -> dict[str, object]:
    return {"keys": [key.jwk() for key in keys or (make_key(),)]}


def to_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def base64url(value: bytes) -> bytes:
    return jwt.utils.base64url_encode(value)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the fake issuer does with one request."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delay: float = 0.0
    drop: bool = False
    hold: asyncio.Event | None = None
    raw: bytes | None = None
    """Instead of a status, headers and a body: these bytes."""

    def encode(self) -> bytes:
        if self.raw is not None:
            return self.raw
        fields = dict(self.headers)
        fields.setdefault("Content-Length", str(len(self.body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} Said\r\n{head}\r\n".encode("latin-1") + self.body


def key_set_answer(*keys: SigningKey, **headers: str) -> Answer:
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(headers=fields, body=to_json(jwks(*keys)))


@dataclass
class FakeIssuer:
    """An HTTP server on loopback: `answer` for every request, unless `next_answers` has one."""

    answer: Answer = field(default_factory=key_set_answer)
    next_answers: list[Answer] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def fetches(self) -> int:
        return len(self.requests)

    def mint(self, key: SigningKey | None = None, now: float = NOW, **changes: object) -> bytes:
        return mint(key, now, **{"iss": self.url, **changes})

    async def next_request(self, within: float = 20.0) -> None:
        """Wait for a request that nobody has waited for yet."""
        async with asyncio.timeout(within):
            await self._arrived.wait()
        self._arrived.clear()

    def refuse_connections(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            self._arrived.set()
            answer = self.next_answers.pop(0) if self.next_answers else self.answer
            if answer.hold is not None:
                await answer.hold.wait()
            await asyncio.sleep(answer.delay)
            if not answer.drop:
                writer.write(answer.encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def header_values(request: bytes, name: str) -> Iterable[str]:
    """Return every value that `request` has under the header `name`."""
    for line in request.decode("latin-1").split("\r\n")[1:]:
        field_name, _, value = line.partition(":")
        if field_name.lower() == name.lower():
            yield value.strip()
