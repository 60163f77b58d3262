"""Identifiers: a prefix, a 12-bit bucket where records are spread by it, and 128 random bits.

A session has its client's bucket, so a store can place both together and find
the place from either identifier alone.
"""

import re
from typing import NewType

ClientId = NewType("ClientId", str)
SessionId = NewType("SessionId", str)
UserId = NewType("UserId", str)
TicketId = NewType("TicketId", str)
TemplateId = NewType("TemplateId", str)

BUCKETS = 1 << 12
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BUCKET_LENGTH, _RANDOM_LENGTH = 3, 22  # base62 digits for 12 and for 128 bits
# Not . or .. alone, which a path resolves away.
_USER_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.:|@+~-]{1,128}")


def client_id(random: bytes) -> ClientId:
    """Make a client id of 18 random bytes: two choose the bucket, 16 the rest."""
    bucket = int.from_bytes(random[:2]) % BUCKETS
    return ClientId("client_" + _base62(bucket, _BUCKET_LENGTH) + random_text(random[2:18]))


def session_id(client: ClientId, random: bytes) -> SessionId:
    """Make a session id of 16 random bytes in the bucket of `client`."""
    return SessionId("sess_" + _bucket_text(client) + random_text(random))


def user_id(random: bytes) -> UserId:
    return UserId("user_" + random_text(random))


def ticket_id(random: bytes, prefix: str = "sit_") -> TicketId:
    return TicketId(prefix + random_text(random))


def template_id(random: bytes) -> TemplateId:
    return TemplateId("jtmp_" + random_text(random))


def bucket(identifier: ClientId | SessionId) -> int:
    """Return the bucket, 0 to 4095, that a client or session id carries."""
    number = 0
    for digit in _bucket_text(identifier):
        number = number * 62 + _ALPHABET.index(digit)
    return number


def is_user_id(text: str) -> bool:
    """Say whether an app may use `text` as a user's id."""
    return _USER_ID.fullmatch(text) is not None


def random_text(random: bytes) -> str:
    """Spell 16 random bytes as 22 base62 digits."""
    return _base62(int.from_bytes(random), _RANDOM_LENGTH)


def _bucket_text(identifier: str) -> str:
    start = identifier.index("_") + 1
    return identifier[start : start + _BUCKET_LENGTH]


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
