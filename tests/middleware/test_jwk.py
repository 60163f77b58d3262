"""Which members of a JWK Set may verify a session token, and which must not."""

import pytest

from edgepass._jwk import UnusableKey, parse_jwk
from edgepass._signatures import STANDARD_LIBRARY, Backend, find_cryptography
from tests.support.issuer import ABSENT, base64url, make_key

NATIVE = find_cryptography()
assert NATIVE is not None
ED25519_BACKENDS = [found for found in (STANDARD_LIBRARY, NATIVE) if found.ed25519]
P256_BACKENDS = [found for found in (STANDARD_LIBRARY, NATIVE) if found.p256]
RSA, EC, OKP = make_key("RS256"), make_key("ES256"), make_key("EdDSA")
P256_PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
ED25519_PRIME = 2**255 - 19


def text(value: bytes | int) -> str:
    if isinstance(value, int):
        value = value.to_bytes((value.bit_length() + 7) // 8)
    return base64url(value).decode()


def odd_number(bits: int) -> str:
    return text((1 << (bits - 1)) | 1)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (RSA, {"RS256"}),
        (EC, {"ES256"}),
        (OKP, {"EdDSA", "Ed25519"}),
    ],
)
def test_a_key_without_alg_is_for_the_algorithms_of_its_kind(key, algorithms) -> None:
    parsed = parse_jwk(key.jwk(alg=ABSENT), NATIVE)
    assert parsed.key_id == key.key_id
    assert parsed.algorithms == algorithms


@pytest.mark.parametrize(
    ("key", "declared"), [(RSA, "RS256"), (EC, "ES256"), (OKP, "EdDSA"), (OKP, "Ed25519")]
)
def test_a_declared_alg_is_the_only_one(key, declared: str) -> None:
    assert parse_jwk(key.jwk(alg=declared), NATIVE).algorithms == {declared}


@pytest.mark.parametrize(
    "changes",
    [
        {"use": ABSENT},
        {"use": "sig", "key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"x5c": ["MII"], "x5u": "https://elsewhere.example", "anything": {"else": []}},
        {"kid": "k"},
        {"kid": "k" * 256},
        {"kid": "../../etc/passwd"},
    ],
)
def test_what_does_not_matter_is_ignored(backend: Backend, changes: dict[str, object]) -> None:
    parse_jwk(RSA.jwk(**changes), backend)


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": ABSENT},
        {"kid": ""},
        {"kid": "k" * 257},
        {"kid": 1},
        {"kid": None},
        {"kid": ["key-1"]},
        {"kty": ABSENT},
        {"kty": "rsa"},
        {"kty": ["RSA"]},
        {"kty": "oct", "k": "AAAA"},
        {"use": "enc"},
        {"use": "SIG"},
        {"use": None},
        {"use": ["sig"]},
        {"key_ops": []},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"key_ops": None},
        {"key_ops": {"verify": True}},
        {"d": "AQAB"},
        {"d": ""},
        {"n": ABSENT},
        {"n": ""},
        {"n": 5},
        {"n": [5]},
        {"n": "é"},
        {"n": "====", "e": "AQAB"},
        {"n": text(b"\x00" + (1 << 2047 | 1).to_bytes(256))},
        {"n": odd_number(2048) + "="},
        {"n": " " + odd_number(2048)},
        {"n": text(1 << 2047)},
        {"n": odd_number(1024)},
        {"n": odd_number(2047)},
        {"n": odd_number(8193)},
        {"n": odd_number(200_000)},
        {"e": ABSENT},
        {"e": text(1)},
        {"e": text(3)},
        {"e": text(65535)},
        {"e": text(65536)},
        {"e": text(65538)},
        {"e": text(b"\x00\x01\x00\x01")},
        {"e": text((1 << 32) + 1)},
        {"e": odd_number(2048)},
    ],
)
def test_an_rsa_key_that_should_not_be_used_is_unusable(
    backend: Backend, changes: dict[str, object]
) -> None:
    with pytest.raises(UnusableKey):
        parse_jwk(RSA.jwk(**changes), backend)


@pytest.mark.parametrize("bits", [2048, 2049, 3072, 4096, 8191, 8192])
def test_an_rsa_modulus_from_2048_to_8192_bits_is_usable(backend: Backend, bits: int) -> None:
    parse_jwk(RSA.jwk(n=odd_number(bits)), backend)


@pytest.mark.parametrize("exponent", [65537, 65539, (1 << 32) - 1])
def test_an_rsa_exponent_from_65537_to_32_bits_is_usable(backend: Backend, exponent: int) -> None:
    parse_jwk(RSA.jwk(e=text(exponent)), backend)


@pytest.mark.parametrize(
    "declared",
    ["rs256", "RS512", "PS256", "ES256", "HS256", "none", "", 256, True, ["RS256"], {"RS256": 1}],
)
@pytest.mark.parametrize("key", [RSA, OKP], ids=["RSA", "OKP"])
def test_an_alg_that_disagrees_with_the_key_is_unusable(key, declared: object) -> None:
    with pytest.raises(UnusableKey):
        parse_jwk(key.jwk(alg=declared), NATIVE)


@pytest.mark.parametrize("way", P256_BACKENDS, ids=lambda way: way.name)
@pytest.mark.parametrize(
    "changes",
    [
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"crv": "Ed25519"},
        {"crv": ABSENT},
        {"x": ABSENT},
        {"x": text(bytes(31))},
        {"x": text(bytes(33))},
        {"x": text(bytes(32))},
        {"x": text(bytes(32)), "y": text(bytes(32))},
        {"x": text(P256_PRIME), "y": text(P256_PRIME)},
        {"y": text(b"\x01" * 32)},
        {"alg": "ES384"},
        {"alg": "RS256"},
        {"d": text(bytes(32))},
    ],
)
def test_an_ec_key_that_should_not_be_used_is_unusable(
    way: Backend, changes: dict[str, object]
) -> None:
    with pytest.raises(UnusableKey):
        parse_jwk(EC.jwk(**changes), way)


@pytest.mark.parametrize(
    "changes",
    [
        {"crv": "X25519"},
        {"crv": "Ed448"},
        {"crv": "P-256"},
        {"crv": ABSENT},
        {"x": ABSENT},
        {"x": text(bytes(31))},
        {"x": text(bytes(33))},
        {"kty": "EC"},
        {"d": text(bytes(32))},
    ],
)
def test_an_okp_key_that_should_not_be_used_is_unusable(changes: dict[str, object]) -> None:
    with pytest.raises(UnusableKey):
        parse_jwk(OKP.jwk(**changes), NATIVE)


SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("way", ED25519_BACKENDS, ids=lambda way: way.name)
@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_point_of_small_order_is_unusable(way: Backend, point: str) -> None:
    # Under such a key, signatures over any message can be made by anybody.
    with pytest.raises(UnusableKey):
        parse_jwk(OKP.jwk(x=text(bytes.fromhex(point))), way)


def test_a_point_that_is_not_in_its_one_spelling_is_unusable() -> None:
    beyond_the_prime = (ED25519_PRIME + 3).to_bytes(32, "little")
    with pytest.raises(UnusableKey):
        parse_jwk(OKP.jwk(x=text(beyond_the_prime)), NATIVE)


@pytest.mark.parametrize("member", [None, 1, "key", [], [RSA.jwk()], b"{}"])
def test_a_member_that_is_no_object_is_unusable(backend: Backend, member: object) -> None:
    with pytest.raises(UnusableKey):
        parse_jwk(member, backend)


def test_the_reason_never_shows_the_key_material() -> None:
    private = RSA.jwk(d="c2VjcmV0LWV4cG9uZW50")
    with pytest.raises(UnusableKey) as caught:
        parse_jwk(private, STANDARD_LIBRARY)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_reason_is_one_line_whatever_the_kid() -> None:
    with pytest.raises(UnusableKey) as caught:
        parse_jwk(RSA.jwk(kid="a\r\nb\x1b[31m", use="enc"), STANDARD_LIBRARY)
    assert str(caught.value).isprintable()


def test_equal_keys_have_equal_material_whichever_backend_read_them() -> None:
    ours, theirs = parse_jwk(RSA.jwk(), STANDARD_LIBRARY), parse_jwk(RSA.jwk(), NATIVE)
    assert ours.material == theirs.material
    assert ours.material != parse_jwk(make_key("RS256", "key-2").jwk(), NATIVE).material
