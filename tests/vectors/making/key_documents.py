"""Vectors on key sets as documents: repeated key ids, sizes, and what is no set (RFC 7517)."""

import json
from collections.abc import Iterator

from tests.vectors.making.tools import ABSENT, EC, OKP, RSA, STRANGER, Vector, claims, to_json

UNKNOWN = "unknown_key"
REFUSED = "key_set_refused"
SET = to_json({"keys": [OKP.jwk()]})


def make() -> Iterator[Vector]:
    yield from _key_ids()
    yield from _documents()


def _key_ids() -> Iterator[Vector]:
    comment = "RFC 7517 section 4.5: nobody can say which of the two signs"
    twin = STRANGER.jwk(kid=RSA.key_id)
    pairs: dict[str, list[object]] = {
        "two-keys": [RSA.jwk(), twin],
        "two-keys-in-the-other-order": [twin, RSA.jwk()],
        "one-key-twice": [RSA.jwk(), RSA.jwk()],
        "one-key-three-times": [RSA.jwk(), RSA.jwk(), RSA.jwk()],
        "two-kinds": [RSA.jwk(), EC.jwk(kid=RSA.key_id)],
    }
    for name, members in pairs.items():
        yield Vector(
            name=f"kid-of-{name}",
            comment=comment,
            token=RSA.mint(),
            keys={"keys": members},
            code=UNKNOWN,
        )
    yield Vector(
        name="kid-of-two-other-keys",
        comment=comment,
        token=EC.mint(),
        keys={"keys": [*pairs["two-keys"], EC.jwk()]},
        claims=claims(),
    )
    for name, kid in (("absent", ABSENT), ("empty", ""), ("a-number", 1), ("null", None)):
        yield Vector(
            name=f"kid-{name}-in-the-key",
            comment="RFC 7517 section 4.5, profile: a key without a kid is never chosen",
            token=RSA.mint(),
            keys={"keys": [RSA.jwk(kid=kid)]},
            code=UNKNOWN,
        )
    for length, code in ((256, None), (257, UNKNOWN)):
        kid = "k" * length
        yield Vector(
            name=f"kid-of-{length}-characters",
            comment="profile: at most 256 characters",
            token=OKP.sign(OKP.header(kid=kid)),
            keys={"keys": [OKP.jwk(kid=kid)]},
            code=code,
            claims=None if code else claims(),
        )


def _no_key_sets() -> dict[str, bytes]:
    text, member = SET, to_json(OKP.jwk())
    return {
        "nothing": b"",
        "an-empty-object": b"{}",
        "a-list": b"[" + member + b"]",
        "a-key-alone": member,
        "null": b"null",
        "a-string": json.dumps(text.decode()).encode(),
        "keys-null": b'{"keys":null}',
        "keys-an-object": b'{"keys":' + member + b"}",
        "keys-a-string": b'{"keys":"[]"}',
        "keys-in-upper-case": text.replace(b"keys", b"KEYS"),
        "keys-twice": text[:-1] + b',"keys":[]}',
        "a-member-twice": text.replace(b'"kty"', b'"crv":"X","kty"'),
        "kid-twice": text.replace(b'"kid"', b'"kid":"other","kid"'),
        "kid-twice-escaped": text.replace(b'"kid"', b'"k\\u0069d":"other","kid"'),
        "nan": text.replace(b"[", b"[NaN,"),
        "a-float-that-overflows": text.replace(b"[", b"[1e999,"),
        "an-integer-beyond-64-bits": text.replace(b"[", b"[18446744073709551616,"),
        "a-lone-surrogate": text.replace(b"[", b'["\\ud800",'),
        "invalid-utf-8": text.replace(b"[", b'["\xff",'),
        "a-byte-order-mark": b"\xef\xbb\xbf" + text,
        "utf-16": text.decode().encode("utf-16"),
        "text-behind": text + b"x",
        "a-comment": text + b"//",
        "a-trailing-comma": text[:-1] + b",}",
        "100000-lists": text[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "100000-lists-left-open": b'{"keys":' + b"[" * 100_000,
        "a-number-of-50000-digits": text[:-1] + b',"x":' + b"9" * 50_000 + b"}",
        "html": b"<!doctype html><title>Bad gateway</title>",
        "pem": b"-----BEGIN PUBLIC KEY-----",
        "javascript": b"(" + text + b")",
    }


def _documents() -> Iterator[Vector]:
    for count, code in ((64, None), (65, REFUSED)):
        members = [OKP.jwk(kid=f"key-{number}") for number in range(count - 1)]
        yield Vector(
            name=f"a-set-of-{count}-keys",
            comment="profile: at most 64 keys",
            token=OKP.mint(),
            keys={"keys": [*members, OKP.jwk()]},
            code=code,
            claims=None if code else claims(),
        )
    yield Vector(
        name="a-set-of-none",
        comment="RFC 7517 section 5: an empty set is a set",
        token=OKP.mint(),
        keys={"keys": []},
        code=UNKNOWN,
    )
    for name, document in _no_key_sets().items():
        yield Vector(
            name=f"document-of-{name}",
            comment="RFC 7517 section 5, RFC 7493: one strict JSON object with a list named keys",
            token=OKP.mint(),
            keys=document,
            code=REFUSED,
        )
    yield Vector(
        name="document-with-more-members",
        comment="RFC 7517 section 5: other members are ignored",
        token=OKP.mint(),
        keys=b' {"x":[1.5,{"keys":1}],' + SET[1:] + b"\n",
        claims=claims(),
    )
