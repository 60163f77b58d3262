"""The branches of the verifier that no other unit test takes, each with what it promises."""

import sys
from hashlib import sha256
from itertools import islice

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

import edgepass._signatures as signatures
from edgepass import Claims, Expectations, SignedIn
from edgepass._claims import validate_claims
from edgepass._signatures import (
    STANDARD_LIBRARY,
    Backend,
    SignatureKey,
    _cryptography,
    _ed25519,
    _multiples,
    _p256,
    find_cryptography,
)
from tests.support.issuer import ISSUER, NOW, make_key, session_claims

MESSAGE = b"header.payload"


def claims(**changes: object) -> Claims:
    return validate_claims(session_claims(**changes), Expectations(ISSUER), NOW)


def test_a_payload_is_a_mapping_of_all_that_the_token_says() -> None:
    payload = claims(roles=["admin"]).payload
    assert len(payload) == len(session_claims()) + 1
    assert dict(payload) == session_claims(roles=["admin"])


def test_claims_are_equal_by_what_they_say_and_can_be_kept_in_a_set() -> None:
    assert len({claims(), claims(), claims(sid="sess_2")}) == 2
    assert claims() != claims(sub="user_2")
    assert claims() != session_claims()


def test_claims_and_the_state_show_only_the_user_and_the_session() -> None:
    shown = "(user_id='user_1', session_id='sess_1')"
    assert repr(claims(name="Zoë")) == "Claims" + shown
    assert repr(SignedIn(claims(name="Zoë"), 1)) == "SignedIn" + shown


def test_without_cryptography_there_is_the_standard_library(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "edgepass._signatures._cryptography", None)
    monkeypatch.delattr(signatures, "_cryptography", raising=False)
    assert find_cryptography.__wrapped__() is None


class NoEd25519:
    """What an OpenSSL in FIPS mode does with such keys."""

    @staticmethod
    def from_public_bytes(_: bytes) -> None:
        raise UnsupportedAlgorithm("ed25519 is not supported by this version of OpenSSL")


def test_a_key_that_openssl_does_not_offer_is_no_key(monkeypatch) -> None:
    monkeypatch.setattr(_cryptography, "Ed25519PublicKey", NoEd25519)
    with pytest.raises(ValueError, match="FIPS"):
        _cryptography.Ed25519Key(make_key("EdDSA").private.public_key().public_bytes_raw())


def make_signature_key(backend: Backend, algorithm: str) -> SignatureKey:
    public = make_key(algorithm).private.public_key()
    if algorithm == "EdDSA":
        return backend.ed25519(public.public_bytes_raw())
    numbers = public.public_numbers()
    if algorithm == "RS256":
        return backend.rsa(numbers.n, numbers.e)
    return backend.p256(numbers.x.to_bytes(32), numbers.y.to_bytes(32))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_key_answers_the_same_before_while_and_after_it_is_widened(backend, algorithm) -> None:
    signing_key = make_key(algorithm)
    key, signature = make_signature_key(backend, algorithm), signing_key.signature(MESSAGE)
    # Whoever stops half-way leaves what was built to the next.
    for steps in (0, 1, 3, None):
        assert sum(1 for _ in islice(key.widen(), steps)) <= (steps or sys.maxsize)
        assert key.verify(signature, MESSAGE)
        assert not key.verify(signature, MESSAGE + b"x")
    assert list(key.widen()) == []


def test_a_narrow_table_is_built_once() -> None:
    key = make_signature_key(STANDARD_LIBRARY, "EdDSA")
    table = key._multiples.table
    key._multiples.load()
    assert key._multiples.table is table
    assert table.width == _multiples.NARROW_WIDTH


@pytest.mark.parametrize("length", [0, 31, 33])
def test_an_ed25519_key_has_32_bytes(backend: Backend, length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        backend.ed25519(bytes(length))


@pytest.mark.parametrize(
    ("encoded", "reason"),
    [
        ((1 | 1 << 255).to_bytes(32, "little"), "sign"),
        ((1).to_bytes(32, "little"), "small order"),
        ((2**255 - 19).to_bytes(32, "little"), "too large"),
        ((2).to_bytes(32, "little"), "not a point"),
    ],
)
def test_an_ed25519_key_has_one_spelling_and_a_large_order(backend, encoded, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        backend.ed25519(encoded)


def point(private: int) -> tuple[int, int]:
    """Return `private` times the base point of P-256, as cryptography has it."""
    numbers = ec.derive_private_key(private, ec.SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y


@pytest.mark.parametrize(
    ("multiples", "total"),
    [
        ((1,), 1),
        ((1, 2), 3),
        ((1, 1), 2),
        ((3, 3, 3), 9),
        ((5, -5, 7), 7),
        ((1, 2, -3), None),
        ((5, -5), None),
        (tuple(range(1, 41)), 820),
        ((*range(1, 21), *range(1, 21)), 420),
        ((*range(1, 21), *(-n for n in range(1, 21))), None),
    ],
)
def test_equal_and_opposite_points_of_a_sum_are_added_as_well(multiples, total) -> None:
    xs, ys = map(list, zip(*(point(abs(n)) for n in multiples), strict=True))
    ys = [y if n > 0 else _p256._P - y for n, y in zip(multiples, ys, strict=True)]
    for candidate in (1, 2, 3, 7, 9, 420, 820):
        found = _p256._is_x_of_sum(point(candidate)[0] % _p256._N, list(xs), list(ys))
        assert found is (candidate == total)


def test_an_x_beyond_the_order_is_compared_modulo_the_order() -> None:
    # One point in 2^128 has such an x; to be one on the curve does not matter here.
    r = 5
    assert not _p256._is_x_of_sum(r, [_p256._GX], [_p256._GY])
    assert _p256._is_x_of_sum(r, [_p256._N + r], [1])


def test_es256_refuses_numbers_that_make_both_scalars_equal(backend: Backend) -> None:
    # The public key is the base point, and so all points come in equal pairs.
    x, y = point(1)
    key = backend.p256(x.to_bytes(32), y.to_bytes(32))
    r = int.from_bytes(sha256(MESSAGE).digest()) % _p256._N
    for s in (1, 2, 3, _p256._N - 1):
        assert not key.verify(r.to_bytes(32) + s.to_bytes(32), MESSAGE)


@pytest.mark.parametrize("lengths", [(31, 32), (32, 31), (33, 32), (0, 0)])
def test_a_p256_coordinate_has_32_bytes(lengths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        STANDARD_LIBRARY.p256(bytes(lengths[0]), bytes(lengths[1]))


def test_a_p256_key_has_coordinates_below_the_prime_and_on_the_curve(backend: Backend) -> None:
    x, y = point(1)
    for wrong in ((0, 0), (x, y + 1), (y, x), (_p256._P, y), (x, 2**256 - 1), (2**256 - 1, y)):
        with pytest.raises(ValueError, match=r"\S"):
            backend.p256(wrong[0].to_bytes(32), wrong[1].to_bytes(32))


def test_an_ed25519_signature_with_a_large_s_is_refused(backend: Backend) -> None:
    key = make_signature_key(backend, "EdDSA")
    r = make_key("EdDSA").signature(MESSAGE)[:32]
    for s in (_ed25519._L, _ed25519._L + 1, 2**256 - 1):
        assert not key.verify(r + s.to_bytes(32, "little"), MESSAGE)
