"""RS256, ES256 and EdDSA through `cryptography` (RFC 7518 sections 3.3 and 3.4, RFC 8037).

Each key is tried once when it is made: OpenSSL sets itself up at its first use, and
that takes over a millisecond which no request should have to wait for.
"""

from collections.abc import Iterator

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from edgepass._signatures import _ed25519, _p256

_PKCS1 = padding.PKCS1v15()
_SHA256 = SHA256()
_ECDSA_SHA256 = ec.ECDSA(_SHA256)


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
            self._key.verify(signature, message, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True

    def widen(self) -> Iterator[None]:
        return iter(())


def _der_integer(number: bytes) -> bytes:
    # By hand, in half the time that it takes by way of two Python integers.
    number = number.lstrip(b"\0")
    if not number or number[0] & 0x80:
        number = b"\0" + number
    return bytes((0x02, len(number))) + number


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
            self._key.verify(bytes((0x30, len(der))) + der, message, _ECDSA_SHA256)
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
