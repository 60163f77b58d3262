"""Private keys at rest: sealed under the master key, bound to their id, absent from the JWK."""

from dataclasses import replace

import jwt
import pytest

from edgepass_sidecar.key_material import WrongMasterKey, make_signing_key, open_signer
from edgepass_sidecar.signing_keys import ALGORITHMS, SigningKey
from tests.support.issuer import NOW
from tests.support.sidecar import MASTER_KEY

PUBLIC_MEMBERS = {
    "RS256": {"kty", "n", "e"},
    "ES256": {"kty", "crv", "x", "y"},
    "EdDSA": {"kty", "crv", "x"},
}


def _make(algorithm: str) -> SigningKey:
    return make_signing_key(algorithm, MASTER_KEY, created_at=NOW, active_at=NOW + 900)


@pytest.fixture(scope="module", params=ALGORITHMS)
def key(request: pytest.FixtureRequest) -> SigningKey:
    return _make(request.param)


@pytest.fixture(scope="module")
def eddsa_key() -> SigningKey:
    return _make("EdDSA")


def test_a_made_key_says_when_it_was_made_and_when_it_signs(key: SigningKey) -> None:
    assert (key.created_at, key.active_at) == (NOW, NOW + 900)
    assert (key.retired_at, key.revoked_at) == (None, None)


def test_the_public_key_has_public_members_only(key: SigningKey) -> None:
    expected = PUBLIC_MEMBERS[key.algorithm] | {"kid", "alg", "use"}
    assert set(key.public_jwk) == expected
    assert key.public_jwk["kid"] == key.key_id
    assert key.public_jwk["alg"] == key.algorithm
    assert key.public_jwk["use"] == "sig"


def test_an_rsa_key_has_the_size_and_exponent_that_clerk_s_sdks_take() -> None:
    public = jwt.PyJWK(_make("RS256").public_jwk).key.public_numbers()
    assert (public.n.bit_length(), public.e) == (2048, 65537)


def test_an_opened_key_signs_what_its_public_half_verifies(key: SigningKey) -> None:
    signer = open_signer(key, MASTER_KEY)
    signature = signer.sign(b"message")
    assert (signer.key_id, signer.algorithm) == (key.key_id, key.algorithm)
    jwk = jwt.PyJWK(key.public_jwk)
    assert jwk.Algorithm.verify(b"message", jwk.key, signature)
    assert not jwk.Algorithm.verify(b"massage", jwk.key, signature)


def test_an_ecdsa_signature_is_two_integers_of_32_bytes() -> None:
    assert len(open_signer(_make("ES256"), MASTER_KEY).sign(b"message")) == 64


def test_an_ecdsa_signature_has_its_length_where_an_integer_is_short() -> None:
    key = _make("ES256")
    signer, jwk = open_signer(key, MASTER_KEY), jwt.PyJWK(key.public_jwk)
    # One integer in 256 begins with a zero byte: 5,000 signatures without any are impossible.
    signatures = (signer.sign(b"message") for _ in range(5_000))
    short = next(each for each in signatures if 0 in (each[0], each[32]))
    assert len(short) == 64
    assert jwk.Algorithm.verify(b"message", jwk.key, short)


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_a_signature_without_chance_is_the_one_that_pyjwt_makes(algorithm: str) -> None:
    signer = open_signer(_make(algorithm), MASTER_KEY)
    theirs = jwt.get_algorithm_by_name(algorithm).sign(b"message", signer._private_key)
    assert signer.sign(b"message") == theirs


def test_two_keys_are_never_the_same(eddsa_key: SigningKey) -> None:
    other = _make("EdDSA")
    assert other.key_id != eddsa_key.key_id
    assert other.public_jwk["x"] != eddsa_key.public_jwk["x"]
    assert other.sealed_private[:12] != eddsa_key.sealed_private[:12]


def test_another_master_key_does_not_open_a_key(eddsa_key: SigningKey) -> None:
    with pytest.raises(WrongMasterKey, match=f"{eddsa_key.key_id}.*EDGEPASS_MASTER_KEY"):
        open_signer(eddsa_key, bytes(32))


def test_a_sealed_key_cannot_be_moved_to_another_id(eddsa_key: SigningKey) -> None:
    moved = replace(eddsa_key, key_id="key_other")
    with pytest.raises(WrongMasterKey):
        open_signer(moved, MASTER_KEY)


@pytest.mark.parametrize("at", [0, 11, 12, 40, -1])
def test_a_sealed_key_of_which_one_bit_changed_does_not_open(
    eddsa_key: SigningKey, at: int
) -> None:
    sealed = bytearray(eddsa_key.sealed_private)
    sealed[at] ^= 1
    with pytest.raises(WrongMasterKey):
        open_signer(replace(eddsa_key, sealed_private=bytes(sealed)), MASTER_KEY)


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_a_sealed_key_that_was_cut_short_does_not_open(eddsa_key: SigningKey, length: int) -> None:
    cut = replace(eddsa_key, sealed_private=eddsa_key.sealed_private[:length])
    with pytest.raises(WrongMasterKey):
        open_signer(cut, MASTER_KEY)


def test_the_private_key_is_nowhere_in_the_stored_key_in_clear(eddsa_key: SigningKey) -> None:
    private = open_signer(eddsa_key, MASTER_KEY)._private_key.private_bytes_raw()
    assert private not in eddsa_key.sealed_private
    assert private.hex() not in repr(eddsa_key)
