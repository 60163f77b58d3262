"""Ed25519 in pure Python against `cryptography`, case by case; all of them with FULL=1."""

from collections.abc import Callable
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edgepass._signatures._ed25519 import Ed25519Key
from tests.standards import ed25519_reference as reference
from tests.standards.ed25519_cases import (
    little,
    load_only,
    native_verdict,
    spoil,
    widened,
)
from tests.standards.ed25519_reference import BASE, IDENTITY, L, P
from tests.support.standards import FULL, count

CASES, KEYS = (18_000, 20) if FULL else (240, 3)
SMALL_MULTIPLES, CASES_OF_EACH = (64, 16) if FULL else (8, 8)
MIXED_CASES_OF_EACH = 100 if FULL else 20


def test_random_verdicts_equal_those_of_cryptography(fresh_tables: None) -> None:
    rng = Random(8032)
    privates = [Ed25519PrivateKey.from_private_bytes(rng.randbytes(32)) for _ in range(KEYS)]
    encodings = [private.public_key().public_bytes_raw() for private in privates]
    keys = [Ed25519Key(encoded) for encoded in encodings]
    accepted = 0
    for i in range(CASES):
        if i == CASES // 3:
            keys = [widened(key) for key in keys]
        if i == CASES // 3 * 2:
            keys = [Ed25519Key(encoded) for encoded in encodings]
        which, message = rng.randrange(KEYS), rng.randbytes(rng.randrange(80))
        case = privates[which].sign(message), message
        if i % 2:
            case = spoil(rng, *case)
        if i % 20 == 1:
            which = rng.randrange(KEYS)
        expected = native_verdict(encodings[which], *case)
        assert keys[which].verify(*case) is expected, (i, which, case)
        assert i % 2 or expected
        accepted += expected
    count("random Ed25519 cases against cryptography", "standard library", CASES)
    assert accepted == CASES // 2


def test_small_multiples_of_the_base_point_get_the_verdicts_of_cryptography(
    fresh_tables: None,
) -> None:
    rng, cases, accepted = Random(64), 0, 0
    for scalar in [k for j in range(1, SMALL_MULTIPLES + 1) for k in (j, L - j)]:
        encoded = reference.encode(reference.times(scalar, BASE))
        key = Ed25519Key(encoded)
        if scalar % (4 if FULL else 8) == 0:
            widened(key)
        for i in range(CASES_OF_EACH):
            message, small = rng.randbytes(4), rng.randrange(65)
            nonce = rng.choice([0, 1, small, L - small, scalar, 1 << rng.randrange(252)])
            case = reference.sign(scalar, encoded, nonce, message), message
            if i % 2:
                case = spoil(rng, *case)
            expected = native_verdict(encoded, *case)
            assert key.verify(*case) is expected, (scalar, case)
            cases += 1
            accepted += expected
    count("solved Ed25519 cases against cryptography", "standard library", cases)
    assert accepted >= cases * 2 // 5


@pytest.mark.parametrize("prepare", [load_only, widened])
def test_mixed_order_keys_and_nonces_get_the_verdicts_of_cryptography(
    fresh_tables: None, prepare: Callable[[Ed25519Key], Ed25519Key]
) -> None:
    rng, accepted, points = Random(8), 0, reference.torsion()
    for point in points:
        scalar = rng.randrange(L)
        encoded = reference.encode(reference.plus(reference.times(scalar, BASE), point))
        key = prepare(Ed25519Key(encoded))
        for i in range(MIXED_CASES_OF_EACH):
            message, nonce = rng.randbytes(8), rng.choice([0, rng.randrange(100)])
            twist = rng.choice(points) if i % 2 else IDENTITY
            case = reference.sign(scalar, encoded, nonce, message, twist), message
            expected = native_verdict(encoded, *case)
            assert key.verify(*case) is expected, case
            accepted += expected
    cases = len(points) * MIXED_CASES_OF_EACH
    count("mixed-order Ed25519 cases against cryptography", "standard library", cases)
    # Without the cofactor, R must make up for the key's part of small order, which is chance.
    assert cases // 10 <= accepted <= cases // 2


def test_only_one_spelling_of_r_is_taken() -> None:
    scalar = 5
    encoded = reference.encode(reference.times(scalar, BASE))
    key = Ed25519Key(encoded)
    for r, good in ((1, True), (1 | 1 << 255, False), (P + 1, False), (P + 1 | 1 << 255, False)):
        s = reference.challenge(little(r), encoded, b"m") * scalar % L
        assert key.verify(little(r) + little(s), b"m") is good
        assert not key.verify(little(r) + little(s + L), b"m")


def test_opposite_keys_do_not_verify_each_others_signatures() -> None:
    private = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    encoded = private.public_key().public_bytes_raw()
    opposite = encoded[:31] + bytes([encoded[31] ^ 0x80])
    signature = private.sign(b"m")
    for prepare in (load_only, widened):
        assert prepare(Ed25519Key(encoded)).verify(signature, b"m")
        assert not prepare(Ed25519Key(opposite)).verify(signature, b"m")


PRIVATE = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
SHARED = Ed25519Key(PRIVATE.public_key().public_bytes_raw())


@given(st.binary(max_size=130), st.binary(max_size=40))
def test_no_bytes_make_verify_raise(signature: bytes, message: bytes) -> None:
    assert SHARED.verify(signature, message) is False


def test_a_signature_has_exactly_64_bytes() -> None:
    signature = PRIVATE.sign(b"m")
    assert SHARED.verify(signature, b"m")
    for wrong in (signature[:-1], signature + b"\0", b"\0" + signature, signature * 2, b""):
        assert not SHARED.verify(wrong, b"m")
