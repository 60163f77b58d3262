"""Vectors on RS256 signatures: every other encoding, and every other number (RFC 8017)."""

from collections.abc import Iterator
from hashlib import sha1, sha256, sha384, sha512
from math import isqrt

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512

from tests.vectors.making.tools import (
    ABSENT,
    PAYLOAD,
    RSA,
    SECOND_RSA,
    STRANGER,
    Vector,
    b64,
    claims,
    load_key,
    number_text,
    to_json,
    unb64,
)

LENGTH = 256
MODULUS = RSA.private.private_numbers().public_numbers.n
INFO = bytes.fromhex("3031300d060960864801650304020105000420")
STEM = b64(RSA.header()) + b"." + b64(PAYLOAD)
DIGEST = sha256(STEM).digest()
SIGNATURE = RSA.signature(STEM)
NUMBER = int.from_bytes(SIGNATURE)
INVALID = "signature_invalid"


def make() -> Iterator[Vector]:
    for name, (comment, signature) in {**_numbers(), **_schemes(), **_others()}.items():
        yield Vector(name=name, comment=comment, token=STEM + b"." + b64(signature), code=INVALID)
    for name, encoded in _encodings().items():
        yield Vector(
            name=f"encoding-{name}",
            comment="RFC 8017 sections 8.2.2 and 9.2, CVE-2006-4339: one encoding is right",
            token=STEM + b"." + b64(RSA.raw_rsa(int.from_bytes(encoded))),
            code=INVALID,
        )
    yield Vector(
        name="encoding-as-it-should-be",
        comment="RFC 8017 section 9.2",
        token=STEM + b"." + b64(RSA.raw_rsa(int.from_bytes(_padded(INFO + DIGEST)))),
        claims=claims(),
    )
    yield from _leading_zero()
    yield from _second_representative()
    yield from _small_exponents()
    yield _longest()


def _padded(info: bytes, start: bytes = b"\x00\x01", fill: bytes = b"\xff") -> bytes:
    return start + fill * (LENGTH - len(start) - 1 - len(info)) + b"\x00" + info


def _numbers() -> dict[str, tuple[str, bytes]]:
    step_1 = "RFC 8017 section 8.2.2, step 1: as many bytes as the modulus"
    below = "RFC 8017 section 5.2.2, step 1: less than the modulus"
    equation = "RFC 8017 section 8.2.2"
    return {
        "a-leading-zero-byte": (step_1, b"\x00" + SIGNATURE),
        "a-trailing-zero-byte": (step_1, SIGNATURE + b"\x00"),
        "shorter-by-its-last-byte": (step_1, SIGNATURE[:-1]),
        "shorter-by-its-first-byte": (step_1, SIGNATURE[1:]),
        "one-byte": (step_1, b"\x00"),
        "64-bytes": (step_1, SIGNATURE[:64]),
        "twice": (step_1, SIGNATURE * 2),
        "plus-the-modulus-in-257-bytes": (step_1, (NUMBER + MODULUS).to_bytes(257)),
        "hexadecimal": (step_1, SIGNATURE.hex().encode()),
        "a-negative-number-as-der": (step_1, b"\x02\x82\x01\x00" + SIGNATURE),
        "zero": (equation, bytes(LENGTH)),
        "one": (equation, (1).to_bytes(LENGTH)),
        "the-modulus-less-one": (equation, (MODULUS - 1).to_bytes(LENGTH)),
        "the-modulus": (below, MODULUS.to_bytes(LENGTH)),
        "the-modulus-and-one": (below, (MODULUS + 1).to_bytes(LENGTH)),
        "all-bits": (below, b"\xff" * LENGTH),
        "the-modulus-less-the-signature": (equation, (MODULUS - NUMBER).to_bytes(LENGTH)),
        "little-endian": (equation, SIGNATURE[::-1]),
        "first-bit-changed": (equation, (NUMBER ^ 1 << 2040).to_bytes(LENGTH)),
        "last-bit-changed": (equation, (NUMBER ^ 1).to_bytes(LENGTH)),
    }


def _schemes() -> dict[str, tuple[str, bytes]]:
    comment = "RFC 7518 section 3.3: PKCS #1 v1.5 with SHA-256"
    sign = RSA.private.sign
    return {
        "with-sha-384": (comment, sign(STEM, padding.PKCS1v15(), SHA384())),
        "with-sha-512": (comment, sign(STEM, padding.PKCS1v15(), SHA512())),
        "pss": (comment, _pss(32)),
        "pss-without-salt": (comment, sign(STEM, padding.PSS(padding.MGF1(SHA256()), 0), SHA256())),
        "over-the-digest": (comment, RSA.signature(DIGEST)),
    }


def _pss(salt_length: int) -> bytes:
    """Sign by RFC 8017 section 9.1.1 with a salt that is always the same."""
    salt = bytes(range(salt_length))
    digest = sha256(bytes(8) + DIGEST + salt).digest()
    block = bytes(LENGTH - 32 - salt_length - 2) + b"\x01" + salt
    chunks = (sha256(digest + count.to_bytes(4)).digest() for count in range(8))
    mask = b"".join(chunks)[: len(block)]
    masked = bytes(a ^ b for a, b in zip(block, mask, strict=True))
    encoded = int.from_bytes(masked + digest + b"\xbc") & (1 << 2047) - 1
    return RSA.raw_rsa(encoded)


def _others() -> dict[str, tuple[str, bytes]]:
    comment = "RFC 7515 section 5.2, step 8: over the header, a full stop and the payload"
    return {
        "of-another-key": (comment, STRANGER.signature(STEM)),
        "of-the-issuers-other-key": (comment, SECOND_RSA.signature(STEM)),
        "of-another-token": (comment, unb64(RSA.mint(sub="user_2").decode().split(".")[2])),
        "over-the-payload-alone": (comment, RSA.signature(b64(PAYLOAD))),
        "over-the-decoded-payload": (comment, RSA.signature(PAYLOAD)),
        "over-the-header-alone": (comment, RSA.signature(b64(RSA.header()))),
        "over-both-without-the-full-stop": (comment, RSA.signature(STEM.replace(b".", b""))),
        "over-both-decoded": (comment, RSA.signature(RSA.header() + b"." + PAYLOAD)),
        "over-a-full-stop-more": (comment, RSA.signature(STEM + b".")),
    }


def _encodings() -> dict[str, bytes]:
    long_form = bytes.fromhex("303181300d060960864801650304020105000420")
    no_parameters = bytes.fromhex("302f300b06096086480165030402010420")
    sha_1 = bytes.fromhex("3021300906052b0e03021a05000414")
    sha_384 = bytes.fromhex("3041300d060960864801650304020205000430")
    sha_512 = bytes.fromhex("3051300d060960864801650304020305000440")
    hidden = bytes.fromhex("30819a300d060960864801650304020105000420")
    early = b"\x00\x01" + b"\xff" * 8 + b"\x00" + INFO + DIGEST
    return {
        "block-type-0": _padded(INFO + DIGEST, start=b"\x00\x00"),
        "block-type-2": _padded(INFO + DIGEST, start=b"\x00\x02"),
        "first-byte-not-zero": _padded(INFO + DIGEST, start=b"\x01\x01"),
        "padding-of-other-bytes": _padded(INFO + DIGEST, fill=b"\xfe"),
        "padding-of-zeros": _padded(INFO + DIGEST, fill=b"\x00"),
        "short-padding-and-bytes-behind": early.ljust(LENGTH, b"\x00"),
        "short-padding-and-other-bytes-behind": early.ljust(LENGTH, b"\xab"),
        "no-padding": (b"\x00\x01\x00" + INFO + DIGEST).ljust(LENGTH, b"\xff"),
        "zero-bytes-behind": _padded(INFO + DIGEST + bytes(8)),
        "digest-without-its-info": _padded(DIGEST),
        "digest-cut-short": _padded(INFO + DIGEST[:-1]),
        "parameters-absent": _padded(no_parameters + DIGEST),
        "length-in-its-long-form": _padded(long_form + DIGEST),
        "garbage-in-the-parameters": _padded(hidden + DIGEST + bytes(64)),
        "sha-1": _padded(sha_1 + sha1(STEM).digest()),
        "sha-384": _padded(sha_384 + sha384(STEM).digest()),
        "sha-512": _padded(sha_512 + sha512(STEM).digest()),
        "sha-256-named-sha-384": _padded(sha_384 + DIGEST + bytes(16)),
        "nothing": bytes(LENGTH - 1) + b"\x02",
    }


def _leading_zero() -> Iterator[Vector]:
    for number in range(5000):
        token = RSA.mint(jti=f"token-{number}")
        stem, _, spelled = token.rpartition(b".")
        signature = unb64(spelled.decode())
        if signature[0] == 0:
            break
    yield Vector(
        name="begins-with-a-zero-byte",
        comment="RFC 8017 section 4.1: a number keeps its leading zeros",
        token=token,
        claims=claims(jti=f"token-{number}"),
    )
    yield Vector(
        name="without-the-zero-byte-it-begins-with",
        comment="RFC 8017 section 8.2.2, step 1: as many bytes as the modulus",
        token=stem + b"." + b64(signature[1:]),
        code=INVALID,
    )


def _second_representative() -> Iterator[Vector]:
    for number in range(5000):
        stem, _, spelled = RSA.mint(jti=f"token-{number}").rpartition(b".")
        second = int.from_bytes(unb64(spelled.decode())) + MODULUS
        if second < 1 << 8 * LENGTH:
            yield Vector(
                name="plus-the-modulus-in-256-bytes",
                comment="RFC 8017 section 5.2.2, step 1: less than the modulus",
                token=stem + b"." + b64(second.to_bytes(LENGTH)),
                code=INVALID,
            )
            return


def _cube_root_forgery() -> bytes:
    """Find a perfect cube that begins as an encoding does (Bleichenbacher, 2006)."""
    prefix = b"\x00\x01" + b"\xff" * 8 + b"\x00" + INFO + DIGEST
    highest = int.from_bytes(prefix.ljust(LENGTH, b"\xff"))
    low, high = 0, 1 << (highest.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= highest else (low, middle - 1)
    assert (low**3).to_bytes(LENGTH).startswith(prefix)
    return low.to_bytes(LENGTH)


def _small_exponents() -> Iterator[Vector]:
    comment = "RFC 7518 section 3.3, NIST SP 800-56B: an exponent from 65537; the key is refused"
    encoded = _padded(INFO + DIGEST)
    square = isqrt(int.from_bytes(encoded))
    for exponent, signature in (
        (1, encoded),
        (2, square.to_bytes(LENGTH)),
        (3, _cube_root_forgery()),
    ):
        yield Vector(
            name=f"forged-under-the-exponent-{exponent}",
            comment=comment,
            token=STEM + b"." + b64(signature),
            keys={"keys": [RSA.jwk(e=number_text(exponent))]},
            code="unknown_key",
        )
    weak = load_key("rsa-1024")
    yield Vector(
        name="of-a-1024-bit-key",
        comment="RFC 7518 section 3.3: at least 2048 bits",
        token=weak.mint(),
        keys={"keys": [weak.jwk()]},
        code="unknown_key",
    )
    yield Vector(
        name="forged-by-repeating-the-cube-root-under-the-true-key",
        comment="CVE-2006-4339",
        token=STEM + b"." + b64(_cube_root_forgery()),
        code=INVALID,
    )


def _longest() -> Vector:
    key = load_key("rsa-8192")
    return Vector(
        name="of-an-8192-bit-key",
        comment="RFC 7518 section 3.3: larger keys are as good",
        token=key.sign(key.header(typ=ABSENT), to_json(claims())),
        keys={"keys": [key.jwk()]},
        claims=claims(),
    )
