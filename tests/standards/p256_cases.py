"""ES256 keys and signatures out of chosen numbers, and what `cryptography` says of them."""

from hashlib import sha256
from random import Random

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from edgepass._signatures._p256 import P256Key
from tests.standards import p256_reference as reference
from tests.standards.p256_reference import N, P

PREHASHED = ec.ECDSA(Prehashed(SHA256()))

Case = tuple[bytes, bytes]
"""A signature and the message it should be over."""


def encode(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32) for number in numbers)


def decode(signature: bytes) -> tuple[int, int]:
    return int.from_bytes(signature[:32]), int.from_bytes(signature[32:])


def load(point: reference.Point) -> P256Key:
    assert point
    return P256Key(encode(point[0]), encode(point[1]))


def load_only(key: P256Key) -> P256Key:
    return key


def widened(key: P256Key) -> P256Key:
    for _ in key.widen():
        pass
    return key


def native(point: reference.Point) -> ec.EllipticCurvePublicKey:
    assert point
    return ec.EllipticCurvePublicNumbers(*point, ec.SECP256R1()).public_key()


def native_verdict(key: ec.EllipticCurvePublicKey, signature: bytes, digest: bytes) -> bool:
    try:
        key.verify(encode_dss_signature(*decode(signature)), digest, PREHASHED)
    except InvalidSignature:
        return False
    return True


def sign(private: int, nonce: int, digest: bytes) -> tuple[int, int]:
    point = reference.times_g(nonce)
    assert point
    r = point[0] % N
    return r, pow(nonce, -1, N) * (int.from_bytes(digest) + r * private) % N


def spoil(rng: Random, r: int, s: int) -> bytes:
    bit = 1 << rng.randrange(256)
    bad_r = [(0, s), (N, s), (N - r, s), (r ^ bit, s), (P - r, s), (1, s), (0, 0), (N, N)]
    bad_s = [(r, 0), (r, N), (r, s ^ bit), (s, r), (r, 1), (r, N - 1)]
    # The first is no forgery: ECDSA takes both s and N - s.
    return encode(*rng.choice([(r, N - s), *bad_r, *bad_s, (r, s)]))


def some_cases(private: int, count: int) -> list[tuple[Case, bool]]:
    rng, cases = Random(private), []
    for i in range(count):
        message = rng.randbytes(20)
        signature = encode(*sign(private, rng.randrange(1, N), sha256(message).digest()))
        cases.append(((signature, message if i % 2 else message + b"?"), bool(i % 2)))
    return cases


def assert_right(key: P256Key, cases: list[tuple[Case, bool]]) -> None:
    assert [key.verify(*case) for case, _ in cases] == [expected for _, expected in cases]
