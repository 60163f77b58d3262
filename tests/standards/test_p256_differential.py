"""ES256 in pure Python against `cryptography`, case by case; all of them with FULL=1."""

from collections.abc import Callable
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepass._signatures import _p256
from edgepass._signatures._p256 import P256Key
from tests.standards import p256_reference as reference
from tests.standards.p256_cases import (
    decode,
    encode,
    load,
    load_only,
    native,
    native_verdict,
    sign,
    spoil,
    widened,
)
from tests.standards.p256_reference import N, P
from tests.support.standards import FULL, count

CASES, KEYS = (12_000, 20) if FULL else (240, 3)
SMALL_MULTIPLES, CASES_OF_EACH = (64, 64) if FULL else (8, 16)


def test_random_verdicts_equal_those_of_cryptography(fresh_tables: None) -> None:
    rng = Random(20_256)
    privates = [rng.randrange(1, N) for _ in range(KEYS)]
    points = [reference.times_g(private) for private in privates]
    keys, natives = [load(point) for point in points], [native(point) for point in points]
    accepted = 0
    for i in range(CASES):
        if i == CASES // 3:
            keys = [widened(key) for key in keys]
        if i == CASES // 3 * 2:
            keys = [load(point) for point in points]
        which, message = rng.randrange(KEYS), rng.randbytes(rng.randrange(80))
        r, s = sign(privates[which], rng.randrange(1, N), sha256(message).digest())
        signature = spoil(rng, r, s) if i % 2 else encode(r, s)
        if i % 8 == 1:
            message += b"\x00"
        if i % 20 == 1:
            which = rng.randrange(KEYS)
        expected = native_verdict(natives[which], signature, sha256(message).digest())
        assert keys[which].verify(signature, message) is expected, (i, which, signature)
        assert i % 2 or expected
        accepted += expected
    count("random ES256 cases against cryptography", "standard library", CASES)
    assert CASES // 2 <= accepted <= CASES * 7 // 12


def verdict_on_digest(key: P256Key, signature: bytes, digest: bytes) -> bool:
    """Verify as the key does, but over a digest that no message is known for."""
    r, s = decode(signature)
    if not (0 < r < N and 0 < s < N):
        return False
    xs: list[int] = []
    ys: list[int] = []
    inverse = pow(s, -1, N)
    _p256._pick(_p256._G.table, int.from_bytes(digest) * inverse % N, xs, ys)
    _p256._pick(key._multiples.table, r * inverse % N, xs, ys)
    return _p256._is_x_of_sum(r, xs, ys)


def solved_case(rng: Random, private: int) -> tuple[bytes, bytes]:
    """Solve for a signature and a digest whose two scalars u1 and u2 are chosen."""
    u2 = rng.choice([1, 2, 3, 1 << rng.randrange(256), N - 1, N - 2, rng.randrange(1, N)]) % N or 1
    related = [factor * u2 * private for factor in (1, -1, 2, -2)]
    small = [0, 1, N - 1, rng.randrange(65), rng.randrange(65) * u2, -rng.randrange(65) * u2]
    u1 = rng.choice([*related, *small, u2, N - u2, rng.randrange(N)])
    point = reference.times_g(u1 + u2 * private)
    generator = reference.times_g(1)
    assert generator
    r = point[0] % N if point else rng.choice([1, 5, generator[0], N - 1])
    s = r * pow(u2, -1, N) % N
    return encode(r, s), encode(u1 * s % N)


@pytest.mark.parametrize("prepare", [load_only, widened])
def test_exceptional_sums_get_the_verdicts_of_cryptography(
    fresh_tables: None, prepare: Callable[[P256Key], P256Key]
) -> None:
    rng = Random(64)
    cases = accepted = 0
    privates = [k for j in range(1, SMALL_MULTIPLES + 1) for k in (j, N - j)]
    privates += [rng.randrange(N) for _ in range(SMALL_MULTIPLES // 4)]
    for number, private in enumerate(privates):
        point = reference.times_g(private)
        key, peer = load(point), native(point)
        if FULL or number % 4 == 0:
            key = prepare(key)
        for i in range(CASES_OF_EACH):
            signature, digest = solved_case(rng, private)
            if i % 2:
                signature = spoil(rng, *decode(signature))
            expected = native_verdict(peer, signature, digest)
            given = verdict_on_digest(key, signature, digest)
            assert given is expected, (private, signature, digest)
            cases += 1
            accepted += expected
    count("solved ES256 cases against cryptography", "standard library", cases)
    assert cases * 2 // 5 <= accepted <= cases * 2 // 3


def test_a_sum_whose_x_is_not_below_the_order_is_found_by_its_remainder() -> None:
    rng = Random(4)
    found = [x for x in range(N + 1, N + (40 if FULL else 8)) if reference.find_point(x)]
    assert found
    for x in found:
        message, s = rng.randbytes(9), rng.randrange(1, N)
        digest = int.from_bytes(sha256(message).digest())
        # The public key of a signature: Q = (s R - e G) / r.
        right = reference.negative(reference.times_g(digest))
        difference = reference.plus(reference.times(s, reference.find_point(x)), right)
        public = reference.times(pow(x - N, -1, N), difference)
        signature = encode(x - N, s)
        assert native_verdict(native(public), signature, sha256(message).digest())
        for key in (load(public), widened(load(public))):
            assert key.verify(signature, message)
            assert not key.verify(encode(x - N + 1, s), message)
            assert not key.verify(encode(x, s), message)


def test_opposite_keys_do_not_verify_each_others_signatures() -> None:
    signature = encode(*sign(12345, 678, sha256(b"sign me").digest()))
    for prepare in (load_only, widened):
        assert prepare(load(reference.times_g(12345))).verify(signature, b"sign me")
        assert not prepare(load(reference.times_g(-12345))).verify(signature, b"sign me")


SHARED = load(reference.times_g(0xABCDEF))


@given(st.binary(max_size=130), st.binary(max_size=40))
def test_no_bytes_make_verify_raise(signature: bytes, message: bytes) -> None:
    assert SHARED.verify(signature, message) is False


def test_a_signature_has_exactly_64_bytes() -> None:
    signature = encode(*sign(0xABCDEF, 99, sha256(b"m").digest()))
    assert SHARED.verify(signature, b"m")
    for wrong in (signature[:-1], signature + b"\0", b"\0" + signature, signature * 2, b""):
        assert not SHARED.verify(wrong, b"m")


def test_a_coordinate_has_exactly_32_bytes() -> None:
    x, y = (encode(number) for number in reference.times_g(7) or ())
    for wrong_x, wrong_y in ((x[1:], y), (b"\0" + x, y), (x, y[:-1]), (x, y + b"\0"), (b"", b"")):
        with pytest.raises(ValueError, match="exactly 32 bytes"):
            P256Key(wrong_x, wrong_y)


def test_a_coordinate_that_is_too_large_is_refused_though_the_point_it_stands_for_is_good() -> None:
    x = next(x for x in range(100) if reference.find_point(x))
    _, y = reference.find_point(x) or (0, 0)
    assert P256Key(encode(x), encode(y))
    for wrong in ((x + P, y), (P, y), (x, P), (x, P + 1), (2**256 - 1, y)):
        with pytest.raises(ValueError, match="less than the field's prime"):
            P256Key(encode(wrong[0]), encode(wrong[1]))


def test_points_off_the_curve_and_at_infinity_are_refused() -> None:
    x, y = reference.times_g(7) or (0, 0)
    for wrong in ((x, y ^ 1), (x ^ 1, y), (0, 0), (0, 1), (y, x), (P - 1, P - 1)):
        with pytest.raises(ValueError, match="not a point of the curve"):
            P256Key(encode(wrong[0]), encode(wrong[1]))


@pytest.mark.parametrize(
    ("message", "r", "s"),
    [
        (
            b"sample",
            0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
            0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
        ),
        (
            b"test",
            0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
            0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
        ),
    ],
)
def test_the_signatures_of_rfc_6979_are_good(message: bytes, r: int, s: int) -> None:
    key = load(
        reference.times_g(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721)
    )
    assert key.verify(encode(r, s), message)
    assert not key.verify(encode(r, s), message + b"!")
