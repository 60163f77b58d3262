"""Both signature backends accept what cryptography signs, and nothing that resembles it."""

from hashlib import sha1, sha256
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from edgepass._signatures import (
    STANDARD_LIBRARY,
    Backend,
    SignatureKey,
    find_cryptography,
    preferred_backend,
)
from edgepass._signatures._cryptography import _der_integer
from tests.support.issuer import make_key

BACKENDS = [found for found in (STANDARD_LIBRARY, find_cryptography()) if found]
MESSAGE = b"header.payload"
LENGTH = 256
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
DIGEST = sha256(MESSAGE).digest()
NUMBERS = make_key("RS256").private.private_numbers()
MODULUS = NUMBERS.public_numbers.n
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def raw_rsa(encoded: bytes) -> bytes:
    """Apply the private key to an encoded message that no honest signer makes."""
    return pow(int.from_bytes(encoded), NUMBERS.d, MODULUS).to_bytes(LENGTH)


def padded(info: bytes, start: bytes = b"\x00\x01", fill: bytes = b"\xff") -> bytes:
    return start + fill * (LENGTH - len(start) - 1 - len(info)) + b"\x00" + info


@pytest.fixture
def rsa_key(backend: Backend) -> SignatureKey:
    return backend.rsa(MODULUS, NUMBERS.public_numbers.e)


def test_rs256_accepts_what_cryptography_signed(rsa_key: SignatureKey) -> None:
    assert rsa_key.verify(make_key("RS256").signature(MESSAGE), MESSAGE)


def test_rs256_accepts_the_one_encoding_there_is(rsa_key: SignatureKey) -> None:
    assert rsa_key.verify(raw_rsa(padded(SHA256_INFO + DIGEST)), MESSAGE)


@pytest.mark.parametrize(
    "encoded",
    [
        padded(SHA256_INFO + DIGEST, start=b"\x00\x02"),
        padded(SHA256_INFO + DIGEST, start=b"\x00\x00"),
        padded(SHA256_INFO + DIGEST, fill=b"\xfe"),
        padded(SHA256_INFO + DIGEST, fill=b"\x00"),
        padded(SHA256_INFO + DIGEST[:-1]),
        padded(SHA256_INFO + DIGEST[:-1] + b"\x00" if DIGEST[-1] else SHA256_INFO + bytes(32)),
        padded(DIGEST),
        padded(bytes.fromhex("302f300b06096086480165030402010420") + DIGEST),
        padded(bytes.fromhex("303181300d060960864801650304020105000420") + DIGEST),
        padded(bytes.fromhex("3021300906052b0e03021a05000414") + sha1(MESSAGE).digest()),
        padded(bytes.fromhex("3041300d060960864801650304020205000430") + DIGEST + bytes(16)),
        (b"\x00\x01" + b"\xff" * 8 + b"\x00" + SHA256_INFO + DIGEST).ljust(LENGTH, b"\x00"),
        (b"\x00\x01\x00" + SHA256_INFO + DIGEST).ljust(LENGTH, b"\xff"),
        padded(SHA256_INFO + DIGEST + b"\x00" * 8),
        bytes(LENGTH),
    ],
    ids=[
        "encryption block",
        "block type 0",
        "padding byte",
        "zero padding",
        "short digest",
        "other digest",
        "bare digest",
        "parameters absent",
        "long-form length",
        "sha-1",
        "sha-384",
        "bleichenbacher 2006",
        "no padding",
        "bytes behind",
        "zero",
    ],
)
def test_rs256_refuses_every_other_encoding(rsa_key: SignatureKey, encoded: bytes) -> None:
    assert not rsa_key.verify(raw_rsa(encoded), MESSAGE)


@pytest.mark.parametrize("bit", [0, 1, 7, 8, 1023, 2040, 2047])
def test_rs256_refuses_a_signature_with_one_bit_changed(rsa_key: SignatureKey, bit: int) -> None:
    number = int.from_bytes(make_key("RS256").signature(MESSAGE)) ^ (1 << bit)
    assert not rsa_key.verify(number.to_bytes(LENGTH), MESSAGE)


def test_rs256_refuses_another_message_and_another_key(rsa_key: SignatureKey) -> None:
    assert not rsa_key.verify(make_key("RS256").signature(MESSAGE), MESSAGE + b"x")
    assert not rsa_key.verify(make_key("RS256", "stranger").signature(MESSAGE), MESSAGE)


def test_rs256_refuses_another_length_of_the_same_number(rsa_key: SignatureKey) -> None:
    signature = make_key("RS256").signature(MESSAGE)
    for other in (b"\x00" + signature, signature + b"\x00", signature[1:], signature[:-1], b""):
        assert not rsa_key.verify(other, MESSAGE)


def test_rs256_refuses_a_signature_without_its_leading_zero(rsa_key: SignatureKey) -> None:
    signatures = ((b"%d" % n, make_key("RS256").signature(b"%d" % n)) for n in count())
    message, signature = next(pair for pair in signatures if pair[1][0] == 0)
    assert rsa_key.verify(signature, message)
    assert not rsa_key.verify(signature[1:], message)


@pytest.mark.parametrize(
    "number",
    [0, 1, MODULUS - 1, MODULUS, MODULUS + 1, 2**2048 - 1],
    ids=["0", "1", "n - 1", "n", "n + 1", "2048 ones"],
)
def test_rs256_refuses_the_numbers_at_the_edges(rsa_key: SignatureKey, number: int) -> None:
    assert not rsa_key.verify(number.to_bytes(LENGTH), MESSAGE)


def test_rs256_refuses_a_second_representative_of_the_signature(rsa_key: SignatureKey) -> None:
    signatures = {b"%d" % n: make_key("RS256").signature(b"%d" % n) for n in range(30)}
    message, smallest = min(signatures.items(), key=lambda item: item[1])
    second = int.from_bytes(smallest) + MODULUS
    assert not rsa_key.verify(second.to_bytes(LENGTH + (second >= 2**2048)), message)


def test_rs256_works_with_a_modulus_that_is_not_whole_bytes(backend: Backend) -> None:
    # A modulus of 2049 bits has 257 bytes, and the first of them is 1.
    key = backend.rsa((1 << 2048) | 1, 65537)
    for length in (255, 256, 257, 258):
        assert not key.verify(b"\x01" * length, MESSAGE)


@pytest.fixture(params=[b for b in BACKENDS if b.p256], ids=lambda backend: backend.name)
def p256_key(request: pytest.FixtureRequest) -> SignatureKey:
    numbers = make_key("ES256").private.public_key().public_numbers()
    return request.param.p256(numbers.x.to_bytes(32), numbers.y.to_bytes(32))


def test_es256_accepts_what_cryptography_signed(p256_key: SignatureKey) -> None:
    assert p256_key.verify(make_key("ES256").signature(MESSAGE), MESSAGE)


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (P256_ORDER, P256_ORDER),
        (P256_ORDER, 0),
        (P256_ORDER - 1, P256_ORDER - 1),
        (2**256 - 1, 2**256 - 1),
    ],
)
def test_es256_refuses_the_numbers_at_the_edges(p256_key: SignatureKey, r: int, s: int) -> None:
    assert not p256_key.verify(r.to_bytes(32) + s.to_bytes(32), MESSAGE)


def test_es256_refuses_any_length_but_64_and_another_message(p256_key: SignatureKey) -> None:
    signature = make_key("ES256").signature(MESSAGE)
    assert not p256_key.verify(signature, MESSAGE + b"x")
    for other in (b"", signature[:63], signature + b"\x00", signature * 2, bytes(21_000)):
        assert not p256_key.verify(other, MESSAGE)


def test_es256_refuses_the_der_form(p256_key: SignatureKey) -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    raw = make_key("ES256").signature(MESSAGE)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    assert not p256_key.verify(der, MESSAGE)


@pytest.fixture(params=[b for b in BACKENDS if b.ed25519], ids=lambda backend: backend.name)
def ed25519_key(request: pytest.FixtureRequest) -> SignatureKey:
    return request.param.ed25519(make_key("EdDSA").private.public_key().public_bytes_raw())


def test_eddsa_accepts_what_cryptography_signed(ed25519_key: SignatureKey) -> None:
    assert ed25519_key.verify(make_key("EdDSA").signature(MESSAGE), MESSAGE)


def test_eddsa_refuses_any_length_but_64_and_another_message(ed25519_key: SignatureKey) -> None:
    signature = make_key("EdDSA").signature(MESSAGE)
    assert not ed25519_key.verify(signature, MESSAGE + b"x")
    for other in (b"", signature[:63], signature + b"\x00", signature * 2, bytes(64)):
        assert not ed25519_key.verify(other, MESSAGE)


def test_eddsa_refuses_a_second_representative_of_the_signature(ed25519_key: SignatureKey) -> None:
    signature = make_key("EdDSA").signature(MESSAGE)
    second = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    assert not ed25519_key.verify(signature[:32] + second.to_bytes(32, "little"), MESSAGE)


def test_cryptography_is_preferred_where_it_is_installed() -> None:
    assert preferred_backend() is find_cryptography()
    assert STANDARD_LIBRARY.name == "standard library"


@pytest.mark.parametrize("zeros", [0, 1, 2, 30, 31, 32])
@pytest.mark.parametrize("first", [0x01, 0x7F, 0x80, 0x81, 0xFF])
def test_der_is_written_as_cryptography_writes_it(zeros: int, first: int) -> None:
    number = (bytes(zeros) + bytes((first,)) * 32)[:32]
    assert _der_integer(number) == encode_dss_signature(int.from_bytes(number), 1)[2:-3]
