"""Ed25519 by the textbook, a second opinion for the tests (RFC 8032 section 5.1)."""

from functools import cache
from hashlib import sha512

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def plus(one: Point, two: Point) -> Point:
    (x1, y1), (x2, y2) = one, two
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + y1 * x2) * pow(1 + product, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def negative(point: Point) -> Point:
    return -point[0] % P, point[1]


@cache
def powers_of_two(point: Point) -> list[Point]:
    powers = [point]
    for _ in range(255):
        powers.append(plus(powers[-1], powers[-1]))
    return powers


def times(scalar: int, point: Point) -> Point:
    total = IDENTITY
    for bit, power in enumerate(powers_of_two(point)):
        if scalar >> bit & 1:
            total = plus(total, power)
    return total


def find_point(y: int, sign: int = 0) -> Point | None:
    """Return the point with this y and this lowest bit of x, or None if there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    for x in (pow(square, (P + 3) // 8, P), pow(square, (P + 3) // 8, P) * SQRT_MINUS_1 % P):
        if x * x % P == square:
            return (x if x % 2 == sign else -x % P), y
    return None


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def private_scalar(seed: bytes) -> int:
    low = int.from_bytes(sha512(seed).digest()[:32], "little")
    return low & (1 << 254) - 8 | 1 << 254


def challenge(r: bytes, key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(r + key + message).digest(), "little") % L


def sign(scalar: int, key: bytes, nonce: int, message: bytes, twist: Point = IDENTITY) -> bytes:
    """Sign with a scalar that has no seed; `twist` is added to R."""
    r = encode(plus(times(nonce, BASE), twist))
    s = (nonce + challenge(r, key, message) * scalar) % L
    return r + s.to_bytes(32, "little")


def torsion() -> list[Point]:
    """Return the 8 points of small order."""
    for y in range(2, 100):
        point = find_point(y)
        if point and len({times(k, times(L, point)) for k in range(8)}) == 8:
            return [times(k, times(L, point)) for k in range(8)]
    raise AssertionError


BASE = find_point(4 * pow(5, -1, P) % P) or IDENTITY
