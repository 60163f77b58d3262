"""RS256 in pure Python against `cryptography`, on both sides of every number that matters."""

from random import Random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384

from edgepass._signatures import STANDARD_LIBRARY
from tests.support.standards import FULL, count
from tests.vectors.making.tools import load_key

CASES = 4_000 if FULL else 400
HASHES = (SHA256(), SHA384(), SHA1())


def native_verdict(key: rsa.RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def spoil(rng: Random, private: rsa.RSAPrivateKey, message: bytes) -> bytes:
    modulus = private.public_key().public_numbers().n
    length = (modulus.bit_length() + 7) // 8
    good = private.sign(message, padding.PKCS1v15(), SHA256())
    number = int.from_bytes(good)
    numbers = [number ^ 1 << rng.randrange(8 * length), modulus - number, modulus, 0, 1, number + 1]
    numbers += [rng.randrange(1 << 8 * length), (number + modulus) % (1 << 8 * length)]
    others = [good[1:], good[:-1], b"\x00" + good, good + b"\x00", good[::-1], b""]
    others += [private.sign(message, padding.PKCS1v15(), other) for other in HASHES[1:]]
    others += [private.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())]
    return rng.choice([*[number.to_bytes(length) for number in numbers], *others])


@pytest.mark.parametrize("name", ["rsa-2048", "rsa-second"])
def test_random_verdicts_equal_those_of_cryptography(name: str) -> None:
    rng, private = Random(name), load_key(name).private
    public = private.public_key()
    numbers = public.public_numbers()
    key = STANDARD_LIBRARY.rsa(numbers.n, numbers.e)
    accepted = 0
    for i in range(CASES // 2):
        message = rng.randbytes(rng.randrange(80))
        good = private.sign(message, padding.PKCS1v15(), SHA256())
        signature = spoil(rng, private, message) if i % 2 else good
        expected = native_verdict(public, signature, message)
        assert key.verify(signature, message) is expected, (i, signature, message)
        accepted += expected
    count("random RS256 cases against cryptography", "standard library", CASES // 2)
    assert accepted == CASES // 4
