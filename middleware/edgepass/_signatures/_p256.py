"""ES256 verification: ECDSA on P-256 with SHA-256 (FIPS 186-5 6.4.2, RFC 7518 section 3.4)."""

from collections.abc import Iterator
from functools import partial, reduce
from hashlib import sha256
from itertools import islice

from edgepass._signatures._multiples import Multiples, Row, Table, invert_all

# Keys, messages and signatures are public, so nothing here runs in constant time.

# The curve y^2 = x^3 - 3x + B modulo P; its base point G has the prime order N
# (NIST SP 800-186 section 3.2.1.3).
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_GX = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
_GY = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5

_LOW_256_BITS = 2**256 - 1

# Bits of a digit in the wide tables: 1.3 MB for a key, 4.5 MB once for G, 48 points to add. One bit
# less in both saves nearly half of that memory, and there are 5 points more.
_KEY_WIDTH = 10
_G_WIDTH = 12

# With fewer pairs than this, the inversion that they share costs more than it saves.
_FEWEST_PAIRS = 15

# Homogeneous coordinates: this is the point (x / z, y / z), or infinity where z is 0.
_Projective = tuple[int, int, int]
_INFINITY: _Projective = (0, 1, 0)


def _add_pairs(
    x1s: list[int], y1s: list[int], x2s: list[int], y2s: list[int]
) -> tuple[list[int], list[int]]:
    """Add points in pairs; raises ValueError if the two of a pair are equal or opposite."""
    inverses = invert_all([x2 - x1 for x1, x2 in zip(x1s, x2s, strict=True)], _P)
    xs, ys = [], []
    for x1, y1, x2, y2, inverse in zip(x1s, y1s, x2s, y2s, inverses, strict=True):
        slope = (y2 - y1) * inverse % _P
        x = (slope * slope - x1 - x2) % _P
        xs.append(x)
        ys.append((slope * (x1 - x) - y1) % _P)
    return xs, ys


def _pack(x: int, y: int) -> int:
    return x | y << 256


def _unpack(entries: list[int]) -> tuple[list[int], list[int]]:
    return [entry & _LOW_256_BITS for entry in entries], [entry >> 256 for entry in entries]


def _double(x: int, y: int, z: int) -> tuple[int, int, int]:
    # Jacobian coordinates: this is the point (x / z^2, y / z^3).
    zz, yy = z * z % _P, y * y % _P
    xyy = x * yy % _P
    slope = 3 * (x - zz) * (x + zz) % _P
    new_x = (slope * slope - 8 * xyy) % _P
    return new_x, (slope * (4 * xyy - new_x) - 8 * yy * yy) % _P, 2 * y * z % _P


def _start_rows(x: int, y: int, width: int, count: int) -> list[Row]:
    point, chain = (x, y, 1), []
    for bit in range(width * (count - 1) + 2):
        if bit % width < 2:
            chain.append(point)
        point = _double(*point)
    entries = []
    inverses = invert_all([z for _, _, z in chain], _P)
    for (chain_x, chain_y, _), inverse in zip(chain, inverses, strict=True):
        square = inverse * inverse % _P
        entries.append(_pack(chain_x * square % _P, chain_y * square * inverse % _P))
    return [[0, once, twice] for once, twice in zip(entries[::2], entries[1::2], strict=True)]


def _extend_rows(rows: list[Row], last: int) -> None:
    # Multiples 1 to k give k + 1 to 2k - 1. N is prime and larger than any, so that the two points
    # of a sum are neither equal nor opposite.
    k = len(rows[0]) - 1
    count = min(k - 1, last - k)
    firsts = [row[k] for row in rows for _ in range(count)]
    seconds = [entry for row in rows for entry in row[1 : count + 1]]
    entries = map(_pack, *_add_pairs(*_unpack(firsts), *_unpack(seconds)))
    for row in rows:
        row.extend(islice(entries, count))


def _multiples(x: int, y: int, wide: int) -> Multiples:
    return Multiples(_N, wide, partial(_start_rows, x, y), _extend_rows)


_G = _multiples(_GX, _GY, _G_WIDTH)


def _pick(table: Table, scalar: int, xs: list[int], ys: list[int]) -> None:
    """Append the points whose sum is `scalar` times the table's point."""
    for digit, row in zip(table.digits(scalar), table.rows, strict=True):
        if digit:
            entry = row[abs(digit)]
            y = entry >> 256
            xs.append(entry & _LOW_256_BITS)
            ys.append(y if digit > 0 else _P - y)


def _sum_most(xs: list[int], ys: list[int]) -> tuple[int, int]:
    """Return numbers whose quotient is the sum's x, or raise ValueError for an exceptional sum.

    There is at least one point.
    """
    while len(xs) >= 2 * _FEWEST_PAIRS:
        even = len(xs) & -2
        pairs_xs, pairs_ys = _add_pairs(xs[:even:2], ys[:even:2], xs[1::2], ys[1::2])
        xs, ys = pairs_xs + xs[even:], pairs_ys + ys[even:]
    # XYZZ coordinates: this is the point (x / zz, y / zzz), where zz^3 = zzz^2.
    prime, x, y, zz, zzz = _P, xs[0], ys[0], 1, 1
    for other_x, other_y in zip(xs[1:], ys[1:], strict=True):
        run, rise = (other_x * zz - x) % prime, (other_y * zzz - y) % prime
        run2 = run * run % prime
        run3 = run * run2 % prime
        middle = x * run2 % prime
        x = (rise * rise - run3 - 2 * middle) % prime
        y = (rise * (middle - x) - y * run3) % prime
        zz, zzz = zz * run2 % prime, zzz * run3 % prime
    # Equal or opposite points have run = 0, which makes zz 0; after that nothing makes it other.
    if not zz:
        raise ValueError("Two points of this sum are equal or opposite.")
    return x, zz


def _add(one: _Projective, two: _Projective) -> _Projective:
    """Add any two points, equal, opposite or infinite (Renes, Costello and Batina 2015, 4)."""
    (x1, y1, z1), (x2, y2, z2) = one, two
    xx, yy, zz = x1 * x2 % _P, y1 * y2 % _P, z1 * z2 % _P
    xy = ((x1 + y1) * (x2 + y2) - xx - yy) % _P
    yz = ((y1 + z1) * (y2 + z2) - yy - zz) % _P
    xz = ((x1 + z1) * (x2 + z2) - xx - zz) % _P
    a = 3 * (xz - _B * zz) % _P
    c = 3 * (_B * xz - 3 * zz - xx) % _P
    d = 3 * (xx - zz) % _P
    plus, minus = yy + a, yy - a
    return (
        (xy * plus - yz * c) % _P,
        (plus * minus + d * c) % _P,
        (yz * minus + xy * d) % _P,
    )


def _is_x_of_sum(r: int, xs: list[int], ys: list[int]) -> bool:
    """Say whether the points' sum has an x that is `r` modulo N."""
    try:
        x, z = _sum_most(xs, ys)
    except ValueError:
        # Only who knows the private key can bring this about.
        points = ((x, y, 1) for x, y in zip(xs, ys, strict=True))
        x, _, z = reduce(_add, points, _INFINITY)
        if not z:
            return False
    return x == r * z % _P or (r + _N < _P and x == (r + _N) * z % _P)


def parse_public_key(x: bytes, y: bytes) -> tuple[int, int]:
    """Return the point of a key, or raise ValueError."""
    if len(x) != 32 or len(y) != 32:
        raise ValueError("A P-256 coordinate must have exactly 32 bytes.")
    point_x, point_y = int.from_bytes(x), int.from_bytes(y)
    if point_x >= _P or point_y >= _P:
        raise ValueError("A P-256 coordinate must be less than the field's prime.")
    # The point at infinity has no coordinates, and (0, 0), which some write for it, fails here.
    # The order is prime, so every point of the curve is a sound key.
    if (point_y * point_y - (point_x * point_x - 3) * point_x - _B) % _P:
        raise ValueError("The P-256 coordinates are not a point of the curve.")
    return point_x, point_y


class P256Key:
    """A public key that verifies ES256 signatures; ready at once, faster when widened."""

    def __init__(self, x: bytes, y: bytes) -> None:
        """Take the bytes of a JWK's `x` and `y`; raises ValueError unless they are a point."""
        point_x, point_y = parse_public_key(x, y)
        self._multiples = _multiples(point_x, point_y, _KEY_WIDTH)
        self._multiples.load()
        _G.load()

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` (r and s, 64 bytes) is this key's over `message`."""
        if len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        if not (0 < r < _N and 0 < s < _N):
            return False
        digest, inverse = int.from_bytes(sha256(message).digest()), pow(s, -1, _N)
        xs: list[int] = []
        ys: list[int] = []
        _pick(_G.table, digest * inverse % _N, xs, ys)
        _pick(self._multiples.table, r * inverse % _N, xs, ys)
        return _is_x_of_sum(r, xs, ys)

    def widen(self) -> Iterator[None]:
        """Make verify() faster, in steps of about 1 ms; a later call goes on where one stopped."""
        yield from self._multiples.widen()
        yield from _G.widen()
