"""Ed25519 verification, strict and without the cofactor (RFC 8032 sections 5.1.3 and 5.1.7)."""

from collections.abc import Iterator
from functools import partial
from hashlib import sha512
from itertools import islice

from edgepass._signatures._multiples import Multiples, Row, Table, invert_all

# Keys, messages and signatures are public, so nothing here runs in constant time.

# The curve -x^2 + y^2 = 1 + D x^2 y^2 modulo P; its base point B has the prime order L
# (RFC 8032 section 5.1).
_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
_BX = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BY = 46316835694926478169428394003475163141307993866256225615783033603165251855960
_SQRT_MINUS_1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
_INVERSE_2D = pow(2 * _D, -1, _P)

_LOW_255_BITS = 2**255 - 1

# Bits of a digit in the wide tables: 1 MB for a key, 6.2 MB once for B, 49 points to add. One bit
# less in both saves nearly half of that memory, and there are 6 points more.
_KEY_WIDTH = 9
_B_WIDTH = 12

# Multiples of P that keep the sum's operands positive, because & is slow on negative integers.
_OVER_C = _P << 9
_OVER_A = _P << 271

# What is added to a sum: y + x, y - x and 2 D x y. That takes 7 products.
_Addend = tuple[int, int, int]


def _double(x: int, y: int, z: int) -> tuple[int, int, int]:
    # Projective coordinates: this is the point (x / z, y / z).
    xx, yy = x * x, y * y
    e, g, h = 2 * x * y % _P, (yy - xx) % _P, (yy + xx) % _P
    f = (2 * z * z - g) % _P
    return e * f % _P, g * h % _P, f * g % _P


def _fold(number: int) -> int:
    """Reduce to about half the bits: since 2^255 is 19 modulo P, higher bits count 19 times."""
    return (number & _LOW_255_BITS) + 19 * (number >> 255)


def _pack(x: int, y: int) -> int:
    return (y + x) % _P | (y - x) % _P << 255 | _fold(x * y) * (2 * _D) % _P << 510


def _unpack(entry: int) -> _Addend:
    return entry & _LOW_255_BITS, entry >> 255 & _LOW_255_BITS, entry >> 510


def _start_rows(x: int, y: int, width: int, count: int) -> list[Row]:
    point, chain = (x, y, 1), []
    for bit in range(width * (count - 1) + 1):
        if bit % width == 0:
            chain.append(point)
        point = _double(*point)
    inverses = invert_all([z for _, _, z in chain], _P)
    return [
        [_pack(0, 1), _pack(chain_x * inverse % _P, chain_y * inverse % _P)]
        for (chain_x, chain_y, _), inverse in zip(chain, inverses, strict=True)
    ]


def _extend_rows(rows: list[Row], last: int) -> None:
    # Multiples 1 to k give k + 1 to 2k. The addition law is complete, doubling included.
    k = len(rows[0]) - 1
    count = min(k, last - k)
    parts, denominators = [], []
    for row in rows:
        plus, minus, twist = _unpack(row[k])
        twist = twist * _INVERSE_2D % _P
        for other_plus, other_minus, other_twist in map(_unpack, row[1 : count + 1]):
            a, b, c = minus * other_minus, plus * other_plus, _fold(twist * other_twist)
            parts.append((_fold(b - a), _fold(b + a), c))
            denominators.append((4 - c * c) % _P)
    entries = []
    for (e, h, c), inverse in zip(parts, invert_all(denominators, _P), strict=True):
        # The sum is the point (e / (2 + c), h / (2 - c)).
        part = _fold(c * inverse)
        entries.append(_pack(e * (2 * inverse - part) % _P, h * (2 * inverse + part) % _P))
    added = iter(entries)
    for row in rows:
        row.extend(islice(added, count))


def _multiples(x: int, y: int, wide: int) -> Multiples:
    return Multiples(_L, wide, partial(_start_rows, x, y), _extend_rows)


_B = _multiples(_BX, _BY, _B_WIDTH)


def _pick(table: Table, scalar: int) -> list[_Addend]:
    """Return what adds up to `scalar` times the table's point."""
    addends = []
    for digit, row in zip(table.digits(scalar), table.rows, strict=True):
        plus, minus, twist = _unpack(row[abs(digit)])
        addends.append((plus, minus, twist) if digit >= 0 else (minus, plus, _P - twist))
    return addends


def _sum(addends: list[_Addend]) -> tuple[int, int, int]:
    """Add up to a point (x / z, y / z); the addition law is complete, without exceptions."""
    prime, low, over_a, over_c = _P, _LOW_255_BITS, _OVER_A, _OVER_C
    # Extended coordinates: x * y = z * t. An addend alone is (plus - minus, plus + minus) / 2.
    (plus, minus, _), *others = addends
    x, y, z, t = 2 * (plus - minus), 2 * (plus + minus), 4, (plus * plus - minus * minus) % prime
    for plus, minus, twist in others:
        a, b, c, d = (y - x) * minus, (y + x) * plus, t * twist, z + z
        # A fold costs half of a remainder but leaves up to 20 bits too many, which products would
        # double each time. A full remainder in three places keeps all operands below 2^280.
        e, h = b - a + over_a, b + a + over_a
        e = ((e & low) + 19 * (e >> 255)) % prime
        h = ((h & low) + 19 * (h >> 255)) % prime
        c = (c & low) + 19 * (c >> 255)
        f, g = d - c + over_c, d + c
        x, y, z, t = e * f, g * h, f * g, e * h
        x = (x & low) + 19 * (x >> 255)
        y = (y & low) + 19 * (y >> 255)
        z = ((z & low) + 19 * (z >> 255)) % prime
        t = (t & low) + 19 * (t >> 255)
    return x % prime, y % prime, z


def parse_public_key(encoded: bytes) -> tuple[int, int]:
    """Return the point of a key in its one spelling, or raise ValueError.

    A point of small order is refused, because everyone can sign for it.
    """
    x, y = _parse_point(encoded)
    if _double(*_double(*_double(x, y, 1)))[0] == 0:
        raise ValueError("The Ed25519 public key has a small order.")
    return x, y


def _parse_point(encoded: bytes) -> tuple[int, int]:
    if len(encoded) != 32:
        raise ValueError("An Ed25519 public key must have exactly 32 bytes.")
    number = int.from_bytes(encoded, "little")
    y, sign = number & _LOW_255_BITS, number >> 255
    if y >= _P:
        raise ValueError("The Ed25519 public key is not canonical: its y is too large.")
    xx = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(xx, (_P + 3) // 8, _P)
    if x * x % _P != xx:
        x = x * _SQRT_MINUS_1 % _P
    if x * x % _P != xx:
        raise ValueError("The Ed25519 public key is not a point of the curve.")
    if sign and not x:
        raise ValueError("The Ed25519 public key is not canonical: it gives a sign to x = 0.")
    return (x if x & 1 == sign else _P - x), y


class Ed25519Key:
    """A public key that verifies Ed25519 signatures; ready at once, faster when widened."""

    def __init__(self, x: bytes) -> None:
        """Take the bytes of a JWK's `x`; raises what `parse_public_key` raises."""
        point_x, point_y = parse_public_key(x)
        self._encoded = x
        # The multiples are those of the key's negative, because verification subtracts.
        self._multiples = _multiples(_P - point_x, point_y, _KEY_WIDTH)
        self._multiples.load()
        _B.load()

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` (R and S, 64 bytes) is this key's over `message`."""
        if len(signature) != 64:
            return False
        r, s = signature[:32], int.from_bytes(signature[32:], "little")
        if s >= _L:
            return False
        k = int.from_bytes(sha512(r + self._encoded + message).digest(), "little") % _L
        x, y, z = _sum(_pick(_B.table, s) + _pick(self._multiples.table, k))
        inverse = pow(z, -1, _P)
        # R is never decoded: comparing encodings refuses every other spelling of the point.
        spelled = y * inverse % _P | (x * inverse % _P & 1) << 255
        return spelled == int.from_bytes(r, "little")

    def widen(self) -> Iterator[None]:
        """Make verify() faster, in steps of about 1 ms; a later call goes on where one stopped."""
        yield from self._multiples.widen()
        yield from _B.widen()
