"""Vectors on the members of a key set: which must not verify a token (RFC 7517, RFC 7518)."""

from collections.abc import Iterator
from math import prod

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.standards import ed25519_reference, p256_reference
from tests.vectors.making.tools import (
    ABSENT,
    EC,
    OKP,
    RSA,
    STRANGER,
    Members,
    SigningKey,
    Vector,
    b64,
    claims,
    number_text,
    unb64,
)

UNKNOWN = "unknown_key"
MODULUS = int.from_bytes(unb64(RSA.jwk()["n"]))
ED25519_PRIME = ed25519_reference.P


def make() -> Iterator[Vector]:
    for key, name, comment, member in _unusable():
        alone = {"keys": [member]}
        yield Vector(name=name, comment=comment, token=key.mint(), keys=alone, code=UNKNOWN)
    for name, member in _bad_neighbours().items():
        yield Vector(
            name=f"a-good-key-beside-{name}",
            comment="RFC 7517 section 5: one bad member costs nothing but itself",
            token=RSA.mint(),
            keys={"keys": [member, RSA.jwk(), member]},
            claims=claims(),
        )
    yield from _usable()


Unusable = tuple[SigningKey, str, str, Members]


def _unusable() -> Iterator[Unusable]:
    yield from _purposes()
    yield from _rsa_numbers()
    yield from _curves()
    yield from _edwards_curves()
    yield from _small_orders()


def _purposes() -> Iterator[Unusable]:
    use, ops = "RFC 7517 section 4.2", "RFC 7517 section 4.3"
    cases: dict[str, tuple[str, Members]] = {
        "use-is-enc": (use, {"use": "enc"}),
        "use-is-in-upper-case": (use, {"use": "SIG"}),
        "use-is-empty": (use, {"use": ""}),
        "use-is-null": (use, {"use": None}),
        "use-is-a-list": (use, {"use": ["sig"]}),
        "key-ops-without-verify": (ops, {"key_ops": ["sign"]}),
        "key-ops-of-encryption": (ops, {"key_ops": ["encrypt", "wrapKey"]}),
        "key-ops-empty": (ops, {"key_ops": []}),
        "key-ops-is-a-string": (ops, {"key_ops": "verify"}),
        "key-ops-is-null": (ops, {"key_ops": None}),
        "key-ops-of-enc": (ops, {"use": "enc", "key_ops": ["verify"]}),
        "kty-in-lower-case": ("RFC 7517 section 4.1", {"kty": "rsa"}),
        "kty-unknown": ("RFC 7517 section 4.1", {"kty": "AKP"}),
        "kty-absent": ("RFC 7517 section 4.1", {"kty": ABSENT}),
        "kty-is-a-list": ("RFC 7517 section 4.1", {"kty": ["RSA"]}),
        "kty-of-another-kind": ("RFC 7517 section 4.1", {"kty": "EC"}),
    }
    for name, (comment, changes) in cases.items():
        yield RSA, name, comment, RSA.jwk(**changes)
    for key in (RSA, EC, OKP):
        yield (
            key,
            f"private-key-of-{key.algorithm.lower()}-published",
            "RFC 7517 section 9.2: whoever can read the set can sign",
            key.private_jwk,
        )


def _factorable_modulus() -> int:
    """Make a number of the form that CVE-2017-15361 gives to moduli, though not of two primes."""
    primes = [n for n in range(3, 168, 2) if all(n % d for d in range(3, n, 2))]
    product = prod(primes)
    number = pow(65537, 0xC0FFEE, product)
    number += product * ((1 << 2047) // product + 1)
    return number if number % 2 else number + product


def _rsa_numbers() -> Iterator[Unusable]:
    n, e = "RFC 7518 sections 3.3 and 6.3.1.1", "RFC 7518 section 6.3.1.2, NIST SP 800-56B"
    cases: dict[str, tuple[str, Members]] = {
        "modulus-of-1024-bits": (n, {"n": number_text(1 << 1023 | 1)}),
        "modulus-of-2047-bits": (n, {"n": number_text(1 << 2046 | 1)}),
        "modulus-of-8193-bits": (n, {"n": number_text(1 << 8192 | 1)}),
        "modulus-of-65536-bits": (n, {"n": number_text(1 << 65535 | 1)}),
        "modulus-even": (n, {"n": number_text(MODULUS + 1)}),
        "modulus-with-a-leading-zero": (n, {"n": b64(b"\x00" + unb64(RSA.jwk()["n"])).decode()}),
        "modulus-with-padding": (n, {"n": RSA.jwk()["n"] + "=="}),
        "modulus-with-a-space": (n, {"n": RSA.jwk()["n"] + " "}),
        "modulus-in-the-other-alphabet": (n, {"n": "+/" + RSA.jwk()["n"][2:]}),
        "modulus-empty": (n, {"n": ""}),
        "modulus-zero": (n, {"n": "AA"}),
        "modulus-one": (n, {"n": "AQ"}),
        "modulus-absent": (n, {"n": ABSENT}),
        "modulus-is-a-number": (n, {"n": 65537}),
        "modulus-outside-ascii": (n, {"n": "\u00e9" + RSA.jwk()["n"]}),
        "modulus-that-can-be-factored": (
            "CVE-2017-15361: a power of 65537 modulo each small prime",
            {"n": number_text(_factorable_modulus())},
        ),
        "exponent-absent": (e, {"e": ABSENT}),
        "exponent-zero": (e, {"e": "AA"}),
        "exponent-one": (e, {"e": number_text(1)}),
        "exponent-two": (e, {"e": number_text(2)}),
        "exponent-three": (e, {"e": number_text(3)}),
        "exponent-65535": (e, {"e": number_text(65535)}),
        "exponent-65536": (e, {"e": number_text(65536)}),
        "exponent-65538": (e, {"e": number_text(65538)}),
        "exponent-of-33-bits": (e, {"e": number_text((1 << 32) + 1)}),
        "exponent-as-wide-as-the-modulus": (e, {"e": number_text(MODULUS - 2)}),
        "exponent-with-a-leading-zero": (e, {"e": "AAEAAQ"}),
        "exponent-with-unused-bits": (e, {"e": "AQABAB"}),
        "exponent-is-a-number": (e, {"e": 65537}),
    }
    for name, (comment, changes) in cases.items():
        yield RSA, name, comment, RSA.jwk(**changes)


def _p384() -> Members:
    public = ec.derive_private_key(7, ec.SECP384R1()).public_key().public_numbers()
    x, y = (b64(number.to_bytes(48)).decode() for number in (public.x, public.y))
    return EC.jwk(crv="P-384", x=x, y=y, alg="ES384")


def _curves() -> Iterator[Unusable]:
    point = "RFC 7518 section 6.2.1, RFC 8725 section 3.4: a point of the curve, checked on load"
    other = "RFC 7518 section 3.4: ES256 is P-256"
    x, y = EC.jwk()["x"], EC.jwk()["y"]
    prime = b64(p256_reference.P.to_bytes(32)).decode()
    zero, small = b64(bytes(32)).decode(), b64((5).to_bytes(32)).decode()
    small_y = p256_reference.find_point(5)
    assert small_y is not None
    spelled_y = b64(small_y[1].to_bytes(32)).decode()
    beyond = b64((p256_reference.P + 5).to_bytes(32)).decode()
    cases: dict[str, tuple[str, Members]] = {
        "point-off-the-curve": (point, EC.jwk(y=x)),
        "point-exchanged": (point, EC.jwk(x=y, y=x)),
        "point-zero": (point, EC.jwk(x=zero, y=zero)),
        "point-with-y-zero": (point, EC.jwk(y=zero)),
        "point-with-x-zero": (point, EC.jwk(x=zero)),
        "point-at-the-prime": (point, EC.jwk(x=prime, y=prime)),
        "point-beyond-the-prime": (point, EC.jwk(x=beyond, y=spelled_y)),
        "point-of-the-twist": (point, EC.jwk(x=small, y=small)),
        "x-of-31-bytes": (point, EC.jwk(x=b64(unb64(x)[1:]).decode())),
        "x-of-33-bytes": (point, EC.jwk(x=b64(b"\x00" + unb64(x)).decode())),
        "y-absent": (point, EC.jwk(y=ABSENT)),
        "y-is-a-sign": (point, EC.jwk(y=1)),
        "x-compressed": (point, EC.jwk(x=b64(b"\x02" + unb64(x)).decode(), y=ABSENT)),
        "crv-absent": (other, EC.jwk(crv=ABSENT)),
        "crv-p-384": (other, _p384()),
        "crv-p-384-with-a-point-of-p-256": (other, EC.jwk(crv="P-384")),
        "crv-p-521": (other, EC.jwk(crv="P-521")),
        "crv-secp256k1": (other, EC.jwk(crv="secp256k1")),
        "crv-in-lower-case": (other, EC.jwk(crv="p-256")),
        "crv-by-its-other-name": (other, EC.jwk(crv="secp256r1")),
        "crv-ed25519-for-ec": (other, EC.jwk(crv="Ed25519")),
        "crv-sect283k1": ("CVE-2026-26007: P-256 and no other curve", EC.jwk(crv="K-283")),
    }
    for name, (comment, member) in cases.items():
        yield EC, name, comment, member


def _edwards_curves() -> Iterator[Unusable]:
    exchange = X25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    spelled = b64(exchange.public_bytes_raw()).decode()
    eddsa = "RFC 8037 section 2: Ed25519 with 32 bytes of x"
    off_curve = next(y for y in range(2, 50) if ed25519_reference.find_point(y) is None)
    for name, member in {
        "x25519": OKP.jwk(crv="X25519", x=spelled),
        "ed25519-key-named-x25519": OKP.jwk(crv="X25519"),
        "ed448": OKP.jwk(crv="Ed448", x=b64(bytes(57)).decode()),
        "ed25519-of-kty-ec": OKP.jwk(kty="EC"),
        "ed25519-x-of-31-bytes": OKP.jwk(x=b64(unb64(OKP.jwk()["x"])[1:]).decode()),
        "ed25519-x-of-33-bytes": OKP.jwk(x=b64(unb64(OKP.jwk()["x"]) + b"\x00").decode()),
        "ed25519-x-absent": OKP.jwk(x=ABSENT),
        "ed25519-off-the-curve": OKP.jwk(x=_little_text(off_curve)),
        "ed25519-beyond-the-prime": OKP.jwk(x=_little_text(ED25519_PRIME + 3)),
    }.items():
        yield OKP, name, eddsa, member


def _little_text(number: int) -> str:
    return b64(number.to_bytes(32, "little")).decode()


def _small_orders() -> Iterator[Unusable]:
    comment = "RFC 8032 section 5.1, RFC 8725 section 3.4: under such a key everyone can sign"
    for number, point in enumerate(ed25519_reference.torsion()):
        spelled = b64(ed25519_reference.encode(point)).decode()
        yield OKP, f"ed25519-of-small-order-{number}", comment, OKP.jwk(x=spelled)
    for name, number in {
        "one-with-a-sign": 1 | 1 << 255,
        "minus-one-with-a-sign": (ED25519_PRIME - 1) | 1 << 255,
        "one-beyond-the-prime": ED25519_PRIME + 1,
        "zero-beyond-the-prime": ED25519_PRIME,
        "zero-beyond-the-prime-with-a-sign": ED25519_PRIME | 1 << 255,
        "one-beyond-the-prime-with-a-sign": ED25519_PRIME + 1 | 1 << 255,
    }.items():
        yield OKP, f"ed25519-of-small-order-{name}", comment, OKP.jwk(x=_little_text(number))


def _bad_neighbours() -> dict[str, object]:
    return {
        "null": None,
        "a-number": 1,
        "a-string": "key",
        "a-list": [],
        "an-empty-object": {},
        "a-secret": {"kty": "oct", "kid": "o", "k": "AAAA", "alg": "HS256"},
        "an-unknown-kind": {"kty": "AKP", "kid": "a", "alg": "ML-DSA-44", "pub": "AAAA"},
        "a-weak-key": RSA.jwk(kid="weak", n="AQAB"),
        "a-key-off-the-curve": EC.jwk(x=EC.jwk()["y"]),
        "a-key-of-small-order": OKP.jwk(x=_little_text(1)),
        "a-private-key": STRANGER.private_jwk,
        "a-key-for-encryption": STRANGER.jwk(use="enc"),
        "a-key-without-kid": STRANGER.jwk(kid=ABSENT),
        "objects-where-text-belongs": {"kty": {}, "kid": [], "alg": {}, "n": [], "use": {}},
        "a-key-of-unhashable-alg": STRANGER.jwk(alg=[["RS256"]]),
        "a-key-of-p-384": {**_p384(), "kid": "p-384"},
        "a-key-with-a-very-long-kid": STRANGER.jwk(kid="k" * 5_000),
    }


def _usable() -> Iterator[Vector]:
    for name, key, changes in (
        ("key-ops-with-verify", RSA, {"key_ops": ["sign", "verify"]}),
        ("use-absent", RSA, {"use": ABSENT}),
        ("alg-absent", EC, {"alg": ABSENT}),
        ("certificate-members", RSA, {"x5c": ["MII"], "x5u": "https://attacker.example/"}),
        ("members-of-the-issuers-own", OKP, {"exp": 1, "nbf": 2**60, "revoked": True}),
    ):
        yield Vector(
            name=f"usable-with-{name}",
            comment="RFC 7517 section 4",
            token=key.mint(),
            keys={"keys": [key.jwk(**changes)]},
            claims=claims(),
        )
