"""Vectors on ES256 and EdDSA signatures (FIPS 186-5 section 6.4.2, RFC 8032 section 5.1.7)."""

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from tests.standards import ed25519_reference, p256_reference
from tests.standards.p256_reference import N
from tests.vectors.making.tools import (
    EC,
    EC_STRANGER,
    OKP,
    OKP_STRANGER,
    PAYLOAD,
    Members,
    Vector,
    b64,
    claims,
    digest_number,
    ec_key,
    unb64,
)

INVALID = "signature_invalid"
EC_STEM = b64(EC.header()) + b"." + b64(PAYLOAD)
EC_SIGNATURE = EC.signature(EC_STEM)
R, S = int.from_bytes(EC_SIGNATURE[:32]), int.from_bytes(EC_SIGNATURE[32:])
OKP_STEM = b64(OKP.header()) + b"." + b64(PAYLOAD)
OKP_SIGNATURE = OKP.signature(OKP_STEM)
L = ed25519_reference.L


def make() -> Iterator[Vector]:
    for name, (comment, signature) in {**_ec_lengths(), **_ec_numbers()}.items():
        yield Vector(
            name=f"es256-{name}",
            comment=comment,
            token=EC_STEM + b"." + b64(signature),
            code=INVALID,
        )
    yield Vector(
        name="es256-with-the-other-s",
        comment="FIPS 186-5 section 6.4.2: both s and n - s are signatures",
        token=EC_STEM + b"." + b64(_pair(R, N - S)),
        claims=claims(),
    )
    yield Vector(
        name="es256-in-65536-bytes",
        comment="RFC 7518 section 3.4: exactly 64 bytes; an overflow in another verifier",
        token=EC_STEM + b"." + b64(EC_SIGNATURE * 1024),
        expectations={"maximum_token_bytes": 100_000},
        code=INVALID,
    )
    yield from _crafted_ec_keys()
    for name, (comment, signature) in _ed25519_signatures().items():
        yield Vector(
            name=f"ed25519-{name}",
            comment=comment,
            token=OKP_STEM + b"." + b64(signature),
            code=INVALID,
        )
    yield from _ed25519_encodings_of_r()


def _pair(r: int, s: int) -> bytes:
    return r.to_bytes(32) + s.to_bytes(32)


def _ec_lengths() -> dict[str, tuple[str, bytes]]:
    comment = "RFC 7518 section 3.4: r and s in exactly 64 bytes"
    other_hash = EC.private.sign(EC_STEM, ec.ECDSA(SHA384(), deterministic_signing=True))
    der = encode_dss_signature(R, S)
    return {
        "in-63-bytes": (comment, EC_SIGNATURE[:-1]),
        "in-63-bytes-from-the-left": (comment, EC_SIGNATURE[1:]),
        "in-65-bytes": (comment, EC_SIGNATURE + b"\x00"),
        "in-65-bytes-from-the-left": (comment, b"\x00" + EC_SIGNATURE),
        "in-66-bytes": (comment, b"\x00" + EC_SIGNATURE[:32] + b"\x00" + EC_SIGNATURE[32:]),
        "in-96-bytes": (comment, R.to_bytes(48) + S.to_bytes(48)),
        "in-132-bytes": (comment, R.to_bytes(66) + S.to_bytes(66)),
        "in-1-byte": (comment, b"\x00"),
        "in-32-bytes": (comment, EC_SIGNATURE[:32]),
        "in-128-bytes": (comment, EC_SIGNATURE * 2),
        "in-5500-bytes": (comment, bytes(5500)),
        "as-der": (comment, der),
        "as-der-with-a-recovery-byte": (comment, der + b"\x01"),
        "as-der-over-sha-384": (comment, other_hash),
        "as-hexadecimal": (comment, EC_SIGNATURE.hex().encode()),
        "as-two-integers-of-der": (comment, der[2:]),
    }


def _ec_numbers() -> dict[str, tuple[str, bytes]]:
    psychic = "CVE-2022-21449, FIPS 186-5 section 6.4.2, step 1: r and s from 1 to n - 1"
    equation = "FIPS 186-5 section 6.4.2"
    edges = {
        "r-and-s-zero": (0, 0),
        "r-zero": (0, S),
        "s-zero": (R, 0),
        "r-zero-s-one": (0, 1),
        "r-one-s-zero": (1, 0),
        "r-is-n": (N, S),
        "s-is-n": (R, N),
        "r-and-s-n": (N, N),
        "r-n-s-zero": (N, 0),
        "r-zero-s-n": (0, N),
        "s-is-n-and-one": (R, N + 1),
        "r-and-s-all-bits": (2**256 - 1, 2**256 - 1),
        "r-is-the-prime": (p256_reference.P, S),
    }
    wrong = {
        "r-and-s-one": (1, 1),
        "r-one-s-n-less-one": (1, N - 1),
        "r-and-s-n-less-one": (N - 1, N - 1),
        "r-and-s-exchanged": (S, R),
        "r-is-n-less-r": (N - R, S),
        "r-changed-by-one-bit": (R ^ 1, S),
        "s-changed-by-one-bit": (R, S ^ 1),
    }
    pairs = {name: (psychic, _pair(*pair)) for name, pair in edges.items()}
    pairs |= {name: (equation, _pair(*pair)) for name, pair in wrong.items()}
    return pairs | {
        "little-endian": (equation, EC_SIGNATURE[31::-1] + EC_SIGNATURE[:31:-1]),
        "of-another-key": (equation, EC_STRANGER.signature(EC_STEM)),
        "of-another-token": (equation, EC.signature(EC_STEM + b"A")),
        "over-the-payload-alone": (equation, EC.signature(b64(PAYLOAD))),
    }


def _ec_vector(name: str, comment: str, jwk: Members, signature: bytes, good: bool) -> Vector:
    return Vector(
        name=f"es256-{name}",
        comment=comment,
        token=EC_STEM + b"." + b64(signature),
        keys={"keys": [jwk]},
        code=None if good else INVALID,
        claims=claims() if good else None,
    )


def _crafted_ec_keys() -> Iterator[Vector]:
    """Make keys and signatures for which the sum of points is an exceptional one."""
    comment = "SEC 1 section 2.2.1: the group law is complete"
    digest = digest_number(EC_STEM)
    for name, private in (("one", 1), ("two", 2), ("minus-one", N - 1), ("one-half", (N + 1) // 2)):
        key = ec_key(private, EC.key_id)
        for nonce in (1, 2, 3):
            r = (p256_reference.times_g(nonce) or (0, 0))[0] % N
            s = pow(nonce, -1, N) * (digest + r * private) % N
            case = f"of-the-private-key-{name}-and-nonce-{nonce}"
            yield _ec_vector(case, comment, key.jwk(), _pair(r, s), True)
    nonce = 0xC0FFEE
    r = (p256_reference.times_g(nonce) or (0, 0))[0] % N
    doubled = ec_key(digest * pow(r, -1, N) % N, EC.key_id)
    s = 2 * digest * pow(nonce, -1, N) % N
    yield _ec_vector("whose-two-parts-are-equal", comment, doubled.jwk(), _pair(r, s), True)
    opposite = ec_key(-digest * pow(r, -1, N) % N, EC.key_id)
    for name, number in (("", s), ("-and-s-is-one", 1)):
        yield _ec_vector(
            f"whose-sum-is-infinite{name}",
            "FIPS 186-5 section 6.4.2, step 5: the point at infinity is no R",
            opposite.jwk(),
            _pair(r, number),
            False,
        )
    yield from _r_beyond_the_order(digest)


def _r_beyond_the_order(digest: int) -> Iterator[Vector]:
    x = next(x for x in range(N + 1, N + 100) if p256_reference.find_point(x))
    s = 0xDECAF
    right = p256_reference.negative(p256_reference.times_g(digest))
    difference = p256_reference.plus(p256_reference.times(s, p256_reference.find_point(x)), right)
    public = p256_reference.times(pow(x - N, -1, N), difference)
    assert public is not None
    coordinates = [b64(number.to_bytes(32)).decode() for number in public]
    jwk = {**EC.jwk(), "x": coordinates[0], "y": coordinates[1]}
    comment = "FIPS 186-5 section 6.4.2, step 6: r is compared modulo n"
    yield _ec_vector("whose-x-is-not-below-n", comment, jwk, _pair(x - N, s), True)
    yield _ec_vector("whose-r-is-not-below-n", comment, jwk, _pair(x, s), False)


def _little(number: int) -> bytes:
    return number.to_bytes(32, "little")


def _ed25519_signatures() -> dict[str, tuple[str, bytes]]:
    length = "RFC 8032 section 5.1.7, step 1: 64 bytes"
    range_of_s = "RFC 8032 section 5.1.7, step 1: S is less than L, or a token has two spellings"
    equation = "RFC 8032 section 5.1.7, step 3"
    r, s = OKP_SIGNATURE[:32], int.from_bytes(OKP_SIGNATURE[32:], "little")
    return {
        "in-63-bytes": (length, OKP_SIGNATURE[:-1]),
        "in-65-bytes": (length, OKP_SIGNATURE + b"\x00"),
        "in-32-bytes": (length, r),
        "in-128-bytes": (length, OKP_SIGNATURE * 2),
        "in-114-bytes": (length, OKP_SIGNATURE.ljust(114, b"\x00")),
        "with-its-key-behind": (length, OKP_SIGNATURE + unb64(OKP.jwk()["x"])),
        "as-hexadecimal": (length, OKP_SIGNATURE.hex().encode()),
        "s-plus-l": (range_of_s, r + _little(s + L)),
        "s-plus-8-l": (range_of_s, r + _little(s + 8 * L)),
        "s-is-l": (range_of_s, r + _little(L)),
        "s-with-bit-255": (range_of_s, r + _little(s | 1 << 255)),
        "s-with-bit-254": (range_of_s, r + _little(s | 1 << 254)),
        "s-with-bit-253": (range_of_s, r + _little(s | 1 << 253)),
        "s-with-all-bits": (range_of_s, r + b"\xff" * 32),
        "s-zero": (equation, r + bytes(32)),
        "s-negative": (equation, r + _little(L - s)),
        "s-changed-by-one-bit": (equation, r + _little(s ^ 1)),
        "r-with-the-other-sign": (equation, r[:31] + bytes([r[31] ^ 0x80]) + _little(s)),
        "r-changed-by-one-bit": (equation, bytes([r[0] ^ 1]) + r[1:] + _little(s)),
        "r-and-s-exchanged": (equation, OKP_SIGNATURE[32:] + r),
        "r-and-s-zero": (equation, bytes(64)),
        "r-one-s-zero": (equation, _little(1) + bytes(32)),
        "r-all-bits": (equation, b"\xff" * 32 + _little(s)),
        "in-big-endian": (equation, r[::-1] + s.to_bytes(32)),
        "of-another-key": (equation, OKP_STRANGER.signature(OKP_STEM)),
        "of-another-token": (equation, OKP.signature(OKP_STEM + b"A")),
        "over-the-payload-alone": (equation, OKP.signature(b64(PAYLOAD))),
        "of-the-pre-hashed-kind": (
            "RFC 8032 section 5.1: Ed25519ph and Ed25519ctx are other algorithms",
            OKP.signature(b"SigEd25519 no Ed25519 collisions\x01\x00" + OKP_STEM),
        ),
    }


def _ed25519_encodings_of_r() -> Iterator[Vector]:
    scalar = ed25519_reference.private_scalar(unb64(OKP.private_jwk["d"]))
    key, prime = unb64(OKP.jwk()["x"]), ed25519_reference.P
    spelling = "RFC 8032 section 5.1.3, step 1: y is less than the prime, and x = 0 has no sign"
    # With the nonce 0, R is the neutral element: whoever signs can do that.
    for name, r, good in (
        ("the-neutral-element", 1, True),
        ("the-neutral-element-with-a-sign", 1 | 1 << 255, False),
        ("the-neutral-element-beyond-the-prime", prime + 1, False),
        ("the-neutral-element-beyond-the-prime-with-a-sign", prime + 1 | 1 << 255, False),
    ):
        s = ed25519_reference.challenge(_little(r), key, OKP_STEM) * scalar % L
        yield _okp_vector(f"r-is-{name}", spelling, _little(r) + _little(s), good)
    cofactor = "RFC 8032 section 5.1.7, step 3: without the cofactor, which takes more"
    for number, point in enumerate(ed25519_reference.torsion()[1:], 1):
        signature = ed25519_reference.sign(scalar, key, 12345, OKP_STEM, point)
        name = f"r-plus-a-point-of-small-order-{number}"
        yield _okp_vector(name, cofactor, signature, False)


def _okp_vector(name: str, comment: str, signature: bytes, good: bool) -> Vector:
    return Vector(
        name=f"ed25519-{name}",
        comment=comment,
        token=OKP_STEM + b"." + b64(signature),
        code=None if good else INVALID,
        claims=claims() if good else None,
    )
