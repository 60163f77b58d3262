"""P-256 by the textbook, a second opinion for the tests (SEC 1 section 2.2.1)."""

from cryptography.hazmat.primitives.asymmetric import ec

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

Point = tuple[int, int] | None


def times_g(scalar: int) -> Point:
    if scalar % N == 0:
        return None
    numbers = ec.derive_private_key(scalar % N, ec.SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y


def negative(point: Point) -> Point:
    return point and (point[0], P - point[1])


def plus(one: Point, two: Point) -> Point:
    if one is None or two is None:
        return one or two
    if one == negative(two):
        return None
    if one == two:
        slope = (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, P) % P
    else:
        slope = (one[1] - two[1]) * pow(one[0] - two[0], -1, P) % P
    x = (slope**2 - one[0] - two[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(scalar: int, point: Point) -> Point:
    total = None
    for bit in f"{scalar % N:b}":
        total = plus(total, total)
        if bit == "1":
            total = plus(total, point)
    return total


def find_point(x: int) -> Point:
    """Return a point with this x, or None if there is none."""
    square = (x**3 - 3 * x + B) % P
    y = pow(square, (P + 1) // 4, P)
    return (x, y) if y * y % P == square else None
