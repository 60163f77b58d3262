"""RS256, ES256 and EdDSA through `cryptography` (RFC 7518 sections 3.3 and 3.4, RFC 8037).

Each key is tried once when it is made: OpenSSL sets itself up at its first use, and
that takes over a millisecond which no request should have to wait for.
"""

from collections.abc import Iterator
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from edgepass._signatures import _ed25519, _p256
from edgepass._signatures._rsa import DIGEST_INFO

_PKCS1 = padding.PKCS1v15()
# Prehashed by hashlib, which begins and ends a digest in less time.
_ECDSA_DIGEST = ec.ECDSA(Prehashed(SHA256()))


class RsaKey:
    __slots__ = ("_key", "_length")

    def __init__(self, modulus: int, exponent: int) -> None:
        self._key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        self._length = (modulus.bit_length() + 7) // 8
        self.verify(bytes(self._length - 1) + b"\1", b"")

    def verify(self, signature: bytes, message: bytes) -> bool:
        if len(signature) != self._length:
            return False
        try:
            # All that was signed but its padding of fixed length, which OpenSSL checks byte by
            # byte: so comparing it whole is RFC 8017 section 8.2.2, step 4.
            signed = self._key.recover_data_from_signature(signature, _PKCS1, None)
        except InvalidSignature:
            return False
        return signed == DIGEST_INFO + sha256(message).digest()

    def widen(self) -> Iterator[None]:
        return iter(())


def _der_integer(number: bytes) -> bytes:
    # By hand, in a third of the time that it takes by way of two Python integers.
    first = number[0]
    if first >= 0x80:
        return b"\x02\x21\0" + number
    if first:
        return b"\x02\x20" + number
    number = number.lstrip(b"\0")
    if not number or number[0] >= 0x80:
        number = b"\0" + number
    return b"\x02%c%b" % (len(number), number)


class P256Key:
    __slots__ = ("_key",)

    def __init__(self, x: bytes, y: bytes) -> None:
        # OpenSSL takes coordinates beyond the prime, which spell the point a second time.
        _p256.parse_public_key(x, y)
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(x), int.from_bytes(y), ec.SECP256R1()
        )
        self._key = numbers.public_key()
        self.verify(b"\1" * 64, b"")

    def verify(self, signature: bytes, message: bytes) -> bool:
        if len(signature) != 64:
            return False
        der = _der_integer(signature[:32]) + _der_integer(signature[32:])
        try:
            digest = sha256(message).digest()
            self._key.verify(b"\x30%c%b" % (len(der), der), digest, _ECDSA_DIGEST)
        except InvalidSignature:
            return False
        return True

    def widen(self) -> Iterator[None]:
        return iter(())


class Ed25519Key:
    __slots__ = ("_key",)

    def __init__(self, x: bytes) -> None:
        # OpenSSL takes points of small order, and y beyond the prime.
        _ed25519.parse_public_key(x)
        try:
            self._key = Ed25519PublicKey.from_public_bytes(x)
        except UnsupportedAlgorithm:
            raise ValueError("this OpenSSL does not offer Ed25519 (FIPS mode?)") from None
        self.verify(b"\1" * 64, b"")

    def verify(self, signature: bytes, message: bytes) -> bool:
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def widen(self) -> Iterator[None]:
        return iter(())
