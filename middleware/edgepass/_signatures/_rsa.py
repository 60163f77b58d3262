"""RSASSA-PKCS1-v1_5 with SHA-256, verification only (RFC 8017 section 8.2.2)."""

from collections.abc import Iterator
from hashlib import sha256

# The DER prefix of DigestInfo for SHA-256 (RFC 8017 section 9.2, note 1).
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class RsaKey:
    """One RSA public key. All values are public, so nothing here needs constant time."""

    __slots__ = ("_exponent", "_length", "_modulus", "_prefix")

    def __init__(self, modulus: int, exponent: int) -> None:
        self._modulus = modulus
        self._exponent = exponent
        self._length = (modulus.bit_length() + 7) // 8
        padding = b"\xff" * (self._length - len(DIGEST_INFO) - 32 - 3)
        self._prefix = int.from_bytes(b"\x00\x01" + padding + b"\x00" + DIGEST_INFO + bytes(32))

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` is this key's over `message`; no input makes it raise.

        The whole encoded message is rebuilt and compared (RFC 8017 section
        8.2.2, step 4): parsing it instead is how forgeries got in.
        """
        if len(signature) != self._length:
            return False
        number = int.from_bytes(signature)
        if number >= self._modulus:
            return False
        expected = self._prefix | int.from_bytes(sha256(message).digest())
        return pow(number, self._exponent, self._modulus) == expected

    def widen(self) -> Iterator[None]:
        return iter(())
