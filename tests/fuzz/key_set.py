"""`KeySet.from_jwks` raises `KeySetRefused` or returns a `KeySet`, the same through both backends,
of just the keys that its members are one by one, each of which says it is for verifying and is
loaded by PyJWT as well.
"""

import json
from collections import Counter
from collections.abc import Iterator
from random import Random

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.utils import base64url_decode

from edgepass import KeySet
from edgepass._errors import KeySetRefused
from edgepass._signatures import STANDARD_LIBRARY, Backend, find_cryptography
from tests.fuzz.json_changes import change_json, validate_strictly
from tests.support.issuer import ABSENT, SigningKey, base64url, jwks, make_key, to_json

KEYS = (
    SigningKey("ec-1", "ES256", ec.derive_private_key(0xEDCE, ec.SECP256R1())),
    SigningKey("okp-1", "EdDSA", ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))),
)
NATIVE = find_cryptography()
assert NATIVE is not None, "pip install 'edgepass[fast]'"
NAMES = ("keys", "kty", "kid", "alg", "use", "key_ops", "crv", "n", "e", "x", "y", "d", "k")
WORDS = (
    *(f'"{name}":'.encode() for name in NAMES),
    *(b'"RSA"', b'"EC"', b'"OKP"', b'"oct"', b'"P-256"', b'"P-384"', b'"Ed25519"', b'"X25519"'),
    *(b'"RS256"', b'"ES256"', b'"EdDSA"', b'"HS256"', b'"sig"', b'"enc"', b'["verify"]'),
    *(b'"AQAB"', b'"AQ"', b'"Aw"', b'"AAEAAQ"', b"null", b"true", b"[]", b"{}", b"1e999", b"NaN"),
    *(b"A" * 43, b'"' + b"A" * 43 + b'"', b'"AQ' + b"A" * 41 + b'"', b"\\ud800", b"\\u0000"),
)


def seeds() -> Iterator[bytes]:
    """Yield key sets: of each kind of key, of all, and with members that are no good."""
    for key in (*KEYS, make_key()):
        yield to_json(jwks(key))
        yield to_json({"keys": [key.jwk(alg=ABSENT, use=ABSENT, key_ops=["verify"])]})
    yield to_json(jwks(*KEYS))
    yield to_json({"keys": [KEYS[0].jwk(), KEYS[1].jwk(kid="ec-1")]})
    yield to_json({"keys": [{"kty": "oct", "k": "AA", "kid": "a"}, KEYS[1].jwk(use="enc"), 1]})
    for changes in ({"alg": ["ES256"]}, {"key_ops": "verify"}, {"d": "AA"}, {"x": "AA" * 32}):
        yield to_json({"keys": [KEYS[0].jwk(**changes), KEYS[1].jwk(**changes)]})
    for key in KEYS:
        x = b"\0" + base64url_decode(str(key.jwk()["x"]))
        yield to_json({"keys": [key.jwk(x=base64url(x).decode("ascii"))]})
    yield b'{"keys":[]}'


def mutate(data: bytes, random: Random) -> bytes:
    """Change one member of one key."""
    try:
        members = json.loads(data)["keys"]
        texts = [json.dumps(member).encode() for member in members]
        at = random.randrange(len(texts))
    except (ValueError, TypeError, KeyError, RecursionError):
        return change_json(data, random)
    if random.random() < 0.1:
        texts.append(random.choice(texts))
    else:
        texts[at] = change_json(texts[at], random)
    return b'{"keys":[' + b",".join(texts) + b"]}"


def read(document: object, backend: Backend = NATIVE) -> KeySet | str:
    try:
        return KeySet.from_jwks(document, backend=backend)  # type: ignore[arg-type]
    except KeySetRefused as refusal:
        return refusal.code


def is_for_verifying(member: dict[str, object]) -> bool:
    """Say whether a member's purpose is to verify a session token, read rule by rule."""
    kinds = {"RSA": ("RS256",), "EC": ("ES256",), "OKP": ("EdDSA", "Ed25519")}
    operations = member.get("key_ops", ["verify"])
    return (
        member.get("kty") in kinds
        and member.get("use") in ("sig", None)
        and (isinstance(operations, list) and "verify" in operations)
        and (member.get("alg") is None or member["alg"] in kinds[str(member["kty"])])
        and "d" not in member
    )


def is_loaded_by_pyjwt(member: dict[str, object]) -> bool:
    algorithms = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
    try:
        jwt.PyJWK(member, algorithms[str(member["kty"])])
    except jwt.PyJWTError:
        return False
    return True


def check(data: bytes) -> None:
    """Hold `from_jwks` to the invariant on one input."""
    native, standard = read(data, NATIVE), read(data, STANDARD_LIBRARY)
    assert native == standard, f"cryptography: {native}, standard library: {standard}"
    if not isinstance(native, KeySet):
        return
    assert isinstance(standard, KeySet)
    assert len(native.left_out) == len(standard.left_out)
    validate_strictly(data)
    document = json.loads(data)
    assert read(document) == native, "another set from the parsed document"
    usable = Counter[str]()
    for member in document["keys"]:
        alone = read({"keys": [member]})
        assert isinstance(alone, KeySet)
        if len(alone):
            usable[member["kid"]] += 1
            assert is_for_verifying(member), f"not for verifying: {member}"
            assert is_loaded_by_pyjwt(member), f"PyJWT does not load {member}"
    assert len(native) == sum(count == 1 for count in usable.values())
    assert all((key_id in native) == (count == 1) for key_id, count in usable.items())
