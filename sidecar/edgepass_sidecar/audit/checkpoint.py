"""Checkpoints: signed statements of how far the chain had come (compact JWS, RFC 7515)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from jwt.exceptions import PyJWTError

from edgepass_sidecar.audit.canonical import canonical
from edgepass_sidecar.session_token import Signer
from edgepass_sidecar.signing_keys import ALGORITHMS

# No edge takes this for a session token (RFC 8725 section 3.11).
TYPE = "edgepass-checkpoint+jwt"
LONGEST = 8192  # characters
_HASH = re.compile(r"[0-9a-f]{64}")

Jwk = dict[str, Any]


class WrongCheckpoint(ValueError):
    """A text is no checkpoint that one of the known keys has signed; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """That `count` events, with cursors from `first` to `last`, lead from one link to another.

    `at` is when it was signed (seconds since the epoch). `header` is there in the last
    line of an export only, and is the SHA-256 of its first line.
    """

    issuer: str
    first: int
    last: int
    previous: bytes
    link: bytes
    count: int
    at: float
    header: bytes | None = None


def sign_statement(statement: Statement, signer: Signer) -> str:
    payload: dict[str, Any] = {
        "iss": statement.issuer,
        "first": statement.first,
        "last": statement.last,
        "previous": statement.previous.hex(),
        "link": statement.link.hex(),
        "count": statement.count,
        "at": statement.at,
    }
    if statement.header is not None:
        payload["header"] = statement.header.hex()
    header = {"alg": signer.algorithm, "kid": signer.key_id, "typ": TYPE}
    message = f"{_encode(canonical(header))}.{_encode(canonical(payload))}"
    return f"{message}.{_encode(signer.sign(message.encode()))}"


class CheckpointKeys:
    """The public keys that checkpoints are verified with: a JWK Set (RFC 7517)."""

    def __init__(self, document: object) -> None:
        """Read `document`, or raise `ValueError` saying what is wrong with it."""
        members = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(members, list):
            raise ValueError("it is no JWK Set: an object with a list of keys")
        self._keys: dict[str, tuple[str, jwt.PyJWK]] = {}
        for member in members:
            key_id, key = _parse_key(member)
            self._keys[key_id] = key

    def read(self, text: str) -> Statement:
        """Return what a checkpoint says, or raise `WrongCheckpoint`."""
        parts = text.split(".")
        if len(text) > LONGEST or not text.isascii() or len(parts) != 3:
            raise WrongCheckpoint("it is no compact JWS")
        header = _members(_decode(parts[0]))
        key_id, algorithm = header.get("kid"), header.get("alg")
        if header != {"alg": algorithm, "kid": key_id, "typ": TYPE}:
            raise WrongCheckpoint("its header is not that of a checkpoint")
        if not isinstance(key_id, str) or key_id not in self._keys:
            raise WrongCheckpoint(f"it is signed by a key that is not known: {key_id!r:.80}")
        expected, key = self._keys[key_id]
        if algorithm != expected:
            raise WrongCheckpoint(f"its algorithm is not that of its key {key_id}")
        message, signature = ".".join(parts[:2]).encode(), _decode(parts[2])
        if not key.Algorithm.verify(message, key.key, signature):
            raise WrongCheckpoint("its signature is not valid")
        return _statement(_members(_decode(parts[1])))


def _parse_key(member: object) -> tuple[str, tuple[str, jwt.PyJWK]]:
    if not isinstance(member, dict) or not isinstance(member.get("kid"), str):
        raise ValueError("a key in it has no kid")
    key_id, algorithm = member["kid"], member.get("alg")
    # A symmetric key would let whoever reads it sign.
    if algorithm not in ALGORITHMS or member.get("kty") not in ("RSA", "EC", "OKP"):
        raise ValueError(f"key {key_id!r:.80} in it is of no algorithm that signs checkpoints")
    try:
        return key_id, (algorithm, jwt.PyJWK(member, algorithm))
    except (PyJWTError, ValueError, TypeError, KeyError, OverflowError):
        raise ValueError(f"key {key_id!r:.80} in it cannot be read") from None


def _statement(payload: Mapping[str, Any]) -> Statement:
    names = {"iss", "first", "last", "previous", "link", "count", "at"}
    if not names <= set(payload) <= names | {"header"}:
        raise WrongCheckpoint("it does not say what a checkpoint says")
    numbers = [payload[name] for name in ("first", "last", "count")]
    if not isinstance(payload["iss"], str) or any(type(n) is not int or n < 0 for n in numbers):
        raise WrongCheckpoint("what it says has a wrong type")
    if type(payload["at"]) not in (int, float):
        raise WrongCheckpoint("its time is no number")
    return Statement(
        issuer=payload["iss"],
        first=payload["first"],
        last=payload["last"],
        previous=parse_hash(payload["previous"]),
        link=parse_hash(payload["link"]),
        count=payload["count"],
        at=float(payload["at"]),
        header=parse_hash(payload["header"]) if "header" in payload else None,
    )


def parse_hash(value: object) -> bytes:
    """Read 64 lower-case hexadecimal digits, or raise `WrongCheckpoint`."""
    if not isinstance(value, str) or _HASH.fullmatch(value) is None:
        raise WrongCheckpoint("a hash in it is not 64 hexadecimal digits")
    return bytes.fromhex(value)


def _members(raw: bytes) -> dict[str, Any]:
    try:
        read = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise WrongCheckpoint("a part of it is no JSON") from None
    if not isinstance(read, dict):
        raise WrongCheckpoint("a part of it is no JSON object")
    return read


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise WrongCheckpoint("a part of it is no base64url") from None
    # Decoding skips what is no digit, and the last digit has bits that say nothing.
    if _encode(raw) != text:
        raise WrongCheckpoint("a part of it is no base64url")
    return raw
