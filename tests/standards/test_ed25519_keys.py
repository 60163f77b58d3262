"""Which bytes are an Ed25519 public key, and the examples of RFC 8032 section 7.1."""

import pytest

from edgepass._signatures._ed25519 import Ed25519Key
from tests.standards import ed25519_reference as reference
from tests.standards.ed25519_cases import little
from tests.standards.ed25519_reference import P


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_has_exactly_32_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="exactly 32 bytes"):
        Ed25519Key(bytes(length))


def test_a_key_off_the_curve_is_refused() -> None:
    missing = [y for y in range(2, 60) if reference.find_point(y) is None]
    assert len(missing) > 20
    for y in missing:
        with pytest.raises(ValueError, match="not a point of the curve"):
            Ed25519Key(little(y))


@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_a_key_whose_y_is_not_below_the_prime_is_refused(sign: int) -> None:
    for y in range(P, 2**255):
        with pytest.raises(ValueError, match="its y is too large"):
            Ed25519Key(little(y | sign))


@pytest.mark.parametrize("y", [1, P - 1])
def test_a_key_that_gives_a_sign_to_zero_is_refused(y: int) -> None:
    with pytest.raises(ValueError, match="a sign to x = 0"):
        Ed25519Key(little(y | 1 << 255))


def test_the_eight_keys_of_small_order_are_refused() -> None:
    points = reference.torsion()
    assert len(set(points)) == 8
    for point in points:
        with pytest.raises(ValueError, match="small order"):
            Ed25519Key(reference.encode(point))


@pytest.mark.parametrize(
    ("key", "message", "signature"),
    [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
            "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
            "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
            "ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a8"
            "36ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ec"
            "fdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ),
    ],
)
def test_the_examples_of_rfc_8032_are_good(key: str, message: str, signature: str) -> None:
    loaded = Ed25519Key(bytes.fromhex(key))
    assert loaded.verify(bytes.fromhex(signature), bytes.fromhex(message))
    assert not loaded.verify(bytes.fromhex(signature), bytes.fromhex(message) + b"\0")
