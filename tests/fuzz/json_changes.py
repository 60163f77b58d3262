"""Changes of JSON texts that stay JSON for the most part, and a slow look at how strict one is."""

import json
from random import Random

# What a member may turn into: the edges of types, of numbers, of text and of structure.
VALUES: tuple[bytes, ...] = (
    *(b"null", b"true", b"false", b"0", b"-0", b"-1", b"1", b"1.5", b"1e999", b"-1e999", b"NaN"),
    *(b"Infinity", b"9007199254740992", b"9007199254740993", b"18446744073709551615"),
    *(b"18446744073709551616", b"-9223372036854775808", b"-9223372036854775809", b"1" * 5000),
    *(b'""', b'" "', b'"a"', b'"0"', b'"1800000060"', b'"sig"', b'"verify"', b'"\\u0000"'),
    *(b'"\\ud800"', b'"\\ud83d\\ude00"', b'"' + b"x" * 257 + b'"', b'"\xed\xa0\x80"', b'"\xff"'),
    *(b"[]", b"{}", b"[[]]", b'[""]', b"[null]", b'["api"]', b'["verify"]', b'[1,"api"]'),
    *(b'{"a":1,"a":2}', b"[18446744073709551616]", b"[[1e999]]", b'["\\udc00"]'),
    *(b"[" * 31 + b"]" * 31, b"[" * 32 + b"]" * 32, b"[" * 5000, b'"' + b"[" * 40 + b'"'),
)
NAMES = (b"crit", b"b64", b"typ", b"alg", b"kid", b"jwk", b"iss", b"sub", b"sid", b"iat", b"exp")
MORE_NAMES = (b"nbf", b"jti", b"azp", b"aud", b"sts", b"use", b"key_ops", b"d", b"x", b"n", b"")
MAXIMUM_DEPTH = 32


def split_members(text: bytes) -> list[tuple[bytes, bytes]]:
    """Return the members of an object as texts, or none if that is not what `text` is."""
    try:
        pairs = json.loads(text, object_pairs_hook=list)
        return [(json.dumps(name).encode(), write(value)) for name, value in pairs]
    except (ValueError, TypeError, RecursionError):
        return []


def write(value: object) -> bytes:
    # The hook above makes objects lists of pairs, which JSON has as lists of lists.
    return json.dumps(value).encode()


def change_json(text: bytes, random: Random) -> bytes:
    """Return `text` with one member replaced, left out, repeated, moved or added."""
    members = split_members(text)
    if not members:
        return random.choice(VALUES)
    at = random.randrange(len(members))
    name, value = members[at]
    action = random.randrange(8)
    if action == 0:
        del members[at]
    elif action == 1:
        members.append((name, random.choice([value, random.choice(VALUES)])))
    elif action == 2:
        members.insert(at, (b'"' + random.choice(NAMES + MORE_NAMES) + b'"', random.choice(VALUES)))
    elif action == 3:
        members[at] = name, move(value, random)
    elif action == 4:
        members[at] = name, random.choice(members)[1]
    else:
        members[at] = name, random.choice(VALUES)
    return b"{" + b",".join(name + b":" + value for name, value in members) + b"}"


def move(value: bytes, random: Random) -> bytes:
    """Return a number near `value`, or a text that is a little other than it."""
    try:
        number = json.loads(value)
    except ValueError:
        return value
    if type(number) is int:
        moved = number + random.choice([-300, -61, -60, -6, -5, -1, 1, 5, 6, 60, 241, 300])
        return str(moved).encode() + random.choice([b"", b"", b".5", b".0", b"e0"])
    if type(number) is str:
        at = random.randrange(len(number) + 1)
        other = number[:at] + random.choice(["", "a", " ", "\0", "/", "é"]) + number[at + 1 :]
        return json.dumps(other).encode()
    return b"[" + value + b"]"


def validate_strictly(text: bytes) -> None:
    """Fail unless `text` is an object in strict JSON, looked at piece by piece."""
    value = json.loads(text.decode("utf-8"), object_pairs_hook=unlike_names, parse_constant=fail)
    assert type(value) is dict, "no object"
    validate_value(value, 1)


def unlike_names(members: list[tuple[str, object]]) -> dict[str, object]:
    assert len({name for name, _ in members}) == len(members), "a name is repeated"
    return dict(members)


def fail(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def validate_value(value: object, depth: int) -> None:
    if isinstance(value, str):
        value.encode("utf-8")
    elif type(value) is int:
        assert -(2**63) <= value < 2**64, "an integer beyond 64 bits"
    elif isinstance(value, float):
        assert abs(value) < float("inf"), "a number that is not finite"
    elif isinstance(value, dict | list):
        assert depth <= MAXIMUM_DEPTH, "nested too deeply"
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            validate_value(item, depth + 1)
