"""What vectors are made with: throw-away keys that sign any bytes, and one file per case."""

import json
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ROOT = Path(__file__).parents[1]
ISSUER = "https://auth.example.com"
NOW = 1_800_000_000
ABSENT = object()
"""As the value of a member: leave it out."""

Members = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Vector:
    """One case; `keys` is a key set, the name of a shared one, or a document's bytes."""

    name: str
    comment: str
    token: bytes | str = b""
    token_repeated: tuple[str, int] | None = None
    keys: Members | str | bytes = "issuer"
    expectations: Members = field(default_factory=dict)
    now: float = NOW
    code: str | None = None
    claims: Members | None = None

    def to_text(self) -> str:
        """Return the content of this vector's file."""
        members: Members = {"name": self.name, "comment": self.comment}
        if self.token_repeated:
            text, times = self.token_repeated
            members["token_repeated"] = {"text": text, "times": times}
        else:
            members |= _spell("token", self.token)
        members |= _spell("keys", self.keys) if isinstance(self.keys, bytes) else {}
        members |= {} if isinstance(self.keys, bytes) else {"keys": self.keys}
        members |= {"expectations": self.expectations} if self.expectations else {}
        members["now"] = self.now
        members |= {"claims": self.claims} if self.code is None else {"code": self.code}
        return json.dumps(members, indent=1) + "\n"


def _spell(name: str, value: bytes | str) -> Members:
    if isinstance(value, str):
        return {name: value}
    if value.isascii():
        return {name if name == "token" else f"{name}_text": value.decode("ascii")}
    return {f"{name}_base64": b64encode(value).decode()}


def b64(value: bytes) -> bytes:
    return urlsafe_b64encode(value).rstrip(b"=")


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


def number_text(number: int) -> str:
    return b64(number.to_bytes((number.bit_length() + 7) // 8 or 1)).decode()


def to_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def without_absent(members: Members) -> Members:
    return {name: value for name, value in members.items() if value is not ABSENT}


def claims(**changes: object) -> Members:
    members = {
        "iss": ISSUER,
        "sub": "user_1",
        "sid": "sess_1",
        "iat": NOW,
        "exp": NOW + 60,
        "nbf": NOW - 10,
        "jti": "token-1",
    }
    return without_absent({**members, **changes})


PAYLOAD = to_json(claims())


class SigningKey:
    """A throw-away private key out of keys/, or one made of a JWK with its private members."""

    def __init__(self, jwk: Members) -> None:
        self._jwk = jwk
        self.key_id: str = jwk["kid"]
        self.algorithm: str = jwk["alg"]
        self.private = _load(jwk)

    def jwk(self, **changes: object) -> Members:
        names = ("kty", "kid", "alg", "crv", "n", "e", "x", "y")
        public = {name: self._jwk[name] for name in names if name in self._jwk}
        return without_absent({**public, "use": "sig", **changes})

    @property
    def private_jwk(self) -> Members:
        return {name: value for name, value in self._jwk.items() if name != "comment"}

    def header_members(self, **changes: object) -> Members:
        return without_absent({"alg": self.algorithm, "kid": self.key_id, "typ": "JWT", **changes})

    def header(self, **changes: object) -> bytes:
        return to_json(self.header_members(**changes))

    def signature(self, message: bytes) -> bytes:
        """Sign deterministically (RFC 8017 section 8.2.1, RFC 6979, RFC 8032)."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), SHA256())
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            der = self.private.sign(message, ec.ECDSA(SHA256(), deterministic_signing=True))
            r, s = decode_dss_signature(der)
            return r.to_bytes(32) + s.to_bytes(32)
        return self.private.sign(message)

    def sign_segments(self, header: bytes, payload: bytes) -> bytes:
        """Sign segments that are spelled already, however wrongly."""
        message = header + b"." + payload
        return message + b"." + b64(self.signature(message))

    def sign(self, header: bytes, payload: bytes = PAYLOAD) -> bytes:
        return self.sign_segments(b64(header), b64(payload))

    def mint(self, **changes: object) -> bytes:
        return self.sign(self.header(), to_json(claims(**changes)))

    def raw_rsa(self, encoded: int) -> bytes:
        """Apply the private key to a number that no honest signer makes."""
        n, d = (int.from_bytes(unb64(self._jwk[name])) for name in "nd")
        return pow(encoded, d, n).to_bytes((n.bit_length() + 7) // 8)


def _load(jwk: Members) -> Any:
    number = {name: int.from_bytes(unb64(value)) for name, value in jwk.items() if name in NUMBERS}
    if jwk["kty"] == "RSA":
        public = rsa.RSAPublicNumbers(number["e"], number["n"])
        parts = [number[name] for name in ("p", "q", "d", "dp", "dq", "qi")]
        private = rsa.RSAPrivateNumbers(*parts, public_numbers=public)
        return private.private_key(unsafe_skip_rsa_key_validation=True)
    if jwk["kty"] == "EC":
        return ec.derive_private_key(number["d"], ec.SECP256R1())
    return Ed25519PrivateKey.from_private_bytes(unb64(jwk["d"]))


NUMBERS = ("n", "e", "d", "p", "q", "dp", "dq", "qi", "x", "y")


def load_key(name: str) -> SigningKey:
    path = ROOT / "keys" / f"{name}.throw-away.json"
    return SigningKey(json.loads(path.read_text("ascii")))


def ec_key(private: int, key_id: str) -> SigningKey:
    """Make the P-256 key of a private number."""
    public = ec.derive_private_key(private, ec.SECP256R1()).public_key().public_numbers()
    x, y, d = (b64(n.to_bytes(32)).decode() for n in (public.x, public.y, private))
    return SigningKey(
        {"kty": "EC", "kid": key_id, "alg": "ES256", "crv": "P-256", "x": x, "y": y, "d": d}
    )


RSA, SECOND_RSA, STRANGER = (load_key(name) for name in ("rsa-2048", "rsa-second", "rsa-stranger"))
EC, EC_STRANGER = load_key("ec"), load_key("ec-stranger")
OKP, OKP_STRANGER = load_key("okp"), load_key("okp-stranger")
KEYS = (RSA, EC, OKP)


def shared_key_sets() -> dict[str, Members]:
    """Return the key sets that vectors name instead of spelling them out."""
    open_ended = [key.jwk(alg=ABSENT, use=ABSENT) for key in KEYS]
    return {
        "issuer": {"keys": [key.jwk() for key in (*KEYS, SECOND_RSA)]},
        "without-alg-and-use": {"keys": open_ended},
    }


def digest_number(message: bytes) -> int:
    return int.from_bytes(sha256(message).digest())


def numbered(group: str, vectors: Iterator[Vector]) -> Iterator[Vector]:
    """Put each vector's file into the folder of its group."""
    for vector in vectors:
        yield Vector(**{**vector.__dict__, "name": f"{group}/{vector.name}"})
