"""Ed25519 keys and signatures to compare, and what `cryptography` says of them."""

from random import Random

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from edgepass._signatures._ed25519 import Ed25519Key
from tests.standards.ed25519_reference import L, P

Case = tuple[bytes, bytes]
"""A signature and the message it should be over."""


def little(number: int) -> bytes:
    return number.to_bytes(32, "little")


def load_only(key: Ed25519Key) -> Ed25519Key:
    return key


def widened(key: Ed25519Key) -> Ed25519Key:
    for _ in key.widen():
        pass
    return key


def native_verdict(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def spoil(rng: Random, signature: bytes, message: bytes) -> Case:
    r, s = int.from_bytes(signature[:32], "little"), int.from_bytes(signature[32:], "little")
    bit, top = 1 << rng.randrange(256), 1 << 255
    bad_r = [(r ^ top, s), (r ^ bit, s), (1, s), (1, 0), (0, 0), (1 | top, s), (P, s), (P + 1, s)]
    bad_s = [(r, s + L), (r, L), (r, 0), (r, s ^ bit), (r, L - s), (s, r), (r, s + 8 * L)]
    numbers = rng.choice([*bad_r, *bad_s, (r, s)])
    if numbers == (r, s):
        message += b"\0"
    return b"".join(little(number % 2**256) for number in numbers), message


def some_key(number: int) -> tuple[Ed25519Key, list[tuple[Case, bool]]]:
    private = Ed25519PrivateKey.from_private_bytes(little(number))
    cases = []
    for i in range(20):
        message = b"%d" % i
        signature = private.sign(message)
        cases.append(((signature, message if i % 2 else message + b"?"), bool(i % 2)))
    return Ed25519Key(private.public_key().public_bytes_raw()), cases


def assert_right(key: Ed25519Key, cases: list[tuple[Case, bool]]) -> None:
    assert [key.verify(*case) for case, _ in cases] == [expected for _, expected in cases]
