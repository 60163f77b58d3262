"""JSON Web Keys: which of them can verify a session token (RFC 7517, RFC 7518, RFC 8037)."""

from collections.abc import Mapping
from typing import NamedTuple

from edgepass._base64url import parse_base64url
from edgepass._signatures import Backend, SignatureKey

MAXIMUM_KEY_ID_LENGTH = 256
MINIMUM_RSA_BITS = 2048  # RFC 7518 section 3.3
MAXIMUM_RSA_BITS = 8192  # beyond it one check costs more than a request is worth
MINIMUM_RSA_EXPONENT = 65537  # e = 1 verifies anything; NIST SP 800-56B wants more than 2**16
MAXIMUM_RSA_EXPONENT = 1 << 32  # a wide exponent is a way to make each check slow


# Such a modulus is a power of 65537 modulo each small prime; any other is so once in 2**27. Only
# the primes that 65537 does not generate can tell.
_FACTORABLE = [
    (prime, frozenset(pow(65537, power, prime) for power in range(prime)))
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
]


class UnusableKey(ValueError):
    """This member of a key set cannot verify a session token; the text says why."""


class VerificationKey(NamedTuple):
    """A public key, the `alg` names it may be used under, and its identity.

    `material` is equal for equal keys, so a withdrawn or replaced key shows.
    """

    key_id: str
    algorithms: frozenset[str]
    material: tuple[object, ...]
    signature_key: SignatureKey


def parse_jwk(member: object, backend: Backend) -> VerificationKey:
    """Return the key that one member of a JWK Set describes, or raise `UnusableKey`."""
    if not isinstance(member, Mapping):
        raise UnusableKey("a member of keys is not an object")
    key_id = member.get("kid")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAXIMUM_KEY_ID_LENGTH:
        raise UnusableKey("a key has no kid of 1 to 256 characters")
    try:
        _validate_purpose(member)
        algorithms, material, signature_key = _parse_material(member, backend)
        declared = member.get("alg")
        if declared is not None:
            if not isinstance(declared, str) or declared not in algorithms:
                raise UnusableKey("its alg is not one of this kind of key")
            algorithms = frozenset((declared,))
    except ValueError as error:
        raise UnusableKey(f"key {key_id!r}: {error}") from None
    return VerificationKey(key_id, algorithms, material, signature_key)


def _validate_purpose(member: Mapping[str, object]) -> None:
    if member.get("use", "sig") != "sig":
        raise UnusableKey("its use is not sig")
    operations = member.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKey("its key_ops has no verify")
    if "d" in member:
        # Whoever can read this key set can sign with it.
        raise UnusableKey("it is a private key, published: withdraw it")


def _parse_material(
    member: Mapping[str, object], backend: Backend
) -> tuple[frozenset[str], tuple[object, ...], SignatureKey]:
    kind, curve = member.get("kty"), member.get("crv")
    if kind == "RSA":
        modulus, exponent = _parse_number(member, "n"), _parse_number(member, "e")
        _validate_rsa(modulus, exponent)
        return frozenset(("RS256",)), (kind, modulus, exponent), backend.rsa(modulus, exponent)
    if kind == "EC" and curve == "P-256":
        x, y = _parse_bytes(member, "x", 32), _parse_bytes(member, "y", 32)
        return frozenset(("ES256",)), (kind, x, y), backend.p256(x, y)
    if kind == "OKP" and curve == "Ed25519":
        x = _parse_bytes(member, "x", 32)
        # RFC 9864 gives EdDSA over Ed25519 a second, narrower name.
        return frozenset(("EdDSA", "Ed25519")), (kind, x), backend.ed25519(x)
    raise UnusableKey("not an RSA, P-256 or Ed25519 key")


def _validate_rsa(modulus: int, exponent: int) -> None:
    if not MINIMUM_RSA_BITS <= modulus.bit_length() <= MAXIMUM_RSA_BITS or modulus % 2 == 0:
        raise UnusableKey("an RSA modulus is odd and has 2048 to 8192 bits")
    if not MINIMUM_RSA_EXPONENT <= exponent < MAXIMUM_RSA_EXPONENT or exponent % 2 == 0:
        raise UnusableKey("an RSA exponent is odd and from 65537 to 2**32")
    if all(modulus % prime in powers for prime, powers in _FACTORABLE):
        raise UnusableKey("an RSA modulus of the form that CVE-2017-15361 makes factorable")


def _parse_bytes(member: Mapping[str, object], name: str, length: int) -> bytes:
    value = _parse_member(member, name)
    if len(value) != length:
        raise UnusableKey(f"{name} is not {length} bytes")
    return value


def _parse_number(member: Mapping[str, object], name: str) -> int:
    value = _parse_member(member, name)
    if not value or value[0] == 0:
        raise UnusableKey(f"{name} is not a number in its shortest form (RFC 7518 section 2)")
    if len(value) > MAXIMUM_RSA_BITS // 8:
        raise UnusableKey(f"{name} is longer than {MAXIMUM_RSA_BITS} bits")
    return int.from_bytes(value)


def _parse_member(member: Mapping[str, object], name: str) -> bytes:
    text = member.get(name)
    if not isinstance(text, str) or not text.isascii():
        raise UnusableKey(f"{name} is missing or not base64url")
    return parse_base64url(text.encode("ascii"))
