"""Keys and session tokens to measure with: real ones, forged ones and hostile ones.

A real token has 12 claims with a nested `o`, and a header that changes with each
second in which the issuer assembled its claims (`oiat`).
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUER = "https://auth.example.com"
USER_ID = "user_2bKq7Yx0RfT3mVw9sLhJ4nPdZaE"
SESSION_ID = "sess_2bKq9Ns4UeG8cXy1tMiK5oQfWbH"
KEY_ID = "key_2bKpZ6Wv3QdS7l"
ALGORITHMS = ("RS256", "ES256", "EdDSA")
# The longest that edgepass takes by default: peers read the real clock, and a
# run must not outlive its tokens. A real one lives 60 seconds; its size is the same.
LIFETIME = 300
# More than any verifier here remembers of headers (edgepass: 64), so that a
# token that comes round again meets nothing that a first sight would not.
TOKENS = 256
HOSTILE_BYTES = 1_000_000
LARGEST_TOKEN = 8192

Taker = Callable[[int], list[bytes]]
TextTaker = Callable[[int], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key of one algorithm, and its public half in each form that verifiers want."""

    algorithm: str
    private: Any
    public: Any
    pem: str
    jwks: dict[str, object]

    def mint(self, payload: bytes, **header: object) -> bytes:
        headers = {"kid": KEY_ID, "cat": "cl_B7d4PD111AAA", **header}
        token = jwt.api_jws.encode(payload, self.private, self.algorithm, headers)
        return token.encode("ascii")


def make_key(algorithm: str) -> SigningKey:
    private = _generate(algorithm)
    public = private.public_key()
    member = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    member.pop("key_ops", None)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(
        algorithm=algorithm,
        private=private,
        public=public,
        pem=pem.decode("ascii"),
        jwks={"keys": [{**member, "kid": KEY_ID, "alg": algorithm, "use": "sig"}]},
    )


def _generate(algorithm: str) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def session_claims(number: int, now: int) -> dict[str, object]:
    return {
        "azp": "https://app.example.com",
        "exp": now + LIFETIME,
        "fva": [3, -1],
        "iat": now,
        "iss": ISSUER,
        "jti": f"{number:020x}",
        "nbf": now - 10,
        "o": {"id": "org_2bKqBd5VgF6zYw2uOkL7pRhXc", "rol": "admin", "slg": "example"},
        "sid": SESSION_ID,
        "sts": "active",
        "sub": USER_ID,
        "v": 2,
    }


def mint_tokens(key: SigningKey, count: int = TOKENS, seconds_apart: int = 1) -> list[bytes]:
    """Return session tokens of one user, no two with the same header unless 0 seconds apart."""
    now = int(time.time())
    return [
        key.mint(_to_json(session_claims(number, now)), oiat=now - number * seconds_apart)
        for number in range(count)
    ]


def forge(tokens: Sequence[bytes]) -> list[bytes]:
    """Return each token with its neighbour's signature: well-formed, of the key, and wrong."""
    heads = [token.rpartition(b".")[0] for token in tokens]
    signatures = [token.rpartition(b".")[2] for token in tokens]
    return [
        head + b"." + signature
        for head, signature in zip(heads, signatures[1:] + signatures[:1], strict=True)
    ]


def huge_header(key: SigningKey) -> bytes:
    """Return a token whose header, which is read before its signature, has a megabyte of JSON."""
    empties = [[]] * (HOSTILE_BYTES // 4)  # type: list[list[object]]
    header = _to_json({"alg": key.algorithm, "kid": KEY_ID, "typ": "JWT", "x": empties})
    return jwt.utils.base64url_encode(header) + b"." + key.mint(b"{}").partition(b".")[2]


def full_stops() -> bytes:
    return b"." * HOSTILE_BYTES


def deeply_nested(key: SigningKey) -> bytes:
    """Return a token that is signed by the real key, of 8 kB, nearly all of it brackets."""
    room = (LARGEST_TOKEN - len(key.mint(b""))) * 3 // 4 - 16
    depth = room // 2
    return key.mint(b'{"x":' + b"[" * depth + b"]" * depth + b"}")


def as_bytes(tokens: Sequence[bytes]) -> Taker:
    """Return a function that hands out the next tokens, each a fresh object as a server's would be.

    A fresh object has no remembered hash, and is not found equal by identity.
    """
    supply = cycle(tokens)
    return lambda count: [bytes(bytearray(token)) for token in islice(supply, count)]


def as_text(tokens: Sequence[bytes]) -> TextTaker:
    supply = cycle(tokens)
    return lambda count: [token.decode("ascii") for token in islice(supply, count)]


def always(token: bytes) -> Taker:
    """Return a function that hands out one object again and again: for tokens nobody keeps."""
    return lambda count: [token] * count


def always_text(token: bytes) -> TextTaker:
    text = token.decode("ascii")
    return lambda count: [text] * count


def _to_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
