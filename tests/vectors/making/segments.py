"""Vectors on the compact serialisation: one spelling, three segments, a bounded length."""

import json
from collections.abc import Iterator
from itertools import product

from tests.vectors.making.tools import (
    KEYS,
    OKP,
    PAYLOAD,
    RSA,
    SigningKey,
    Vector,
    b64,
    claims,
    to_json,
)

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MALFORMED = "token_malformed"
SPELLING = "RFC 7515 section 2, RFC 4648 section 3.5: base64url in its one spelling"
PLACES = ("header", "payload", "signature")


def make() -> Iterator[Vector]:
    yield from _spelled_by_the_issuer()
    yield from _respelled()
    yield from _counts()
    yield from _other_serialisations()
    yield from _text_around()
    yield from _lengths()
    yield from _megabytes()


def _with_unused_bits() -> tuple[bytes, bytes]:
    """Return a header and a payload whose segments have 4 and 2 unused bits."""
    header, payload = OKP.header(), PAYLOAD
    while len(header) % 3 != 1:
        header += b" "
    while len(payload) % 3 != 2:
        payload += b" "
    return header, payload


def _next_character(segment: bytes) -> bytes:
    return segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) + 1 :][:1]


def _spelled_by_the_issuer() -> Iterator[Vector]:
    # The signature is over the wrong spelling, so that nothing but strictness refuses it.
    header, payload = (b64(raw) for raw in _with_unused_bits())
    wrong = {
        "padding": lambda segment: segment + b"=" * (-len(segment) % 4),
        "one-equals-sign-too-many": lambda segment: segment + b"=" * (-len(segment) % 4 + 1),
        "unused-bits": _next_character,
        "a-space-behind": lambda segment: segment + b" ",
        "a-space-before": lambda segment: b" " + segment,
        "a-space-within": lambda segment: segment[:8] + b" " + segment[8:],
        "a-line-end-within": lambda segment: segment[:8] + b"\n" + segment[8:],
        "a-carriage-return-within": lambda segment: segment[:8] + b"\r\n" + segment[8:],
        "a-tab-within": lambda segment: segment[:8] + b"\t" + segment[8:],
        "a-nul-within": lambda segment: segment[:8] + b"\x00" + segment[8:],
        "a-plus-sign": lambda segment: segment[:8] + b"+" + segment[9:],
        "a-slash": lambda segment: segment[:8] + b"/" + segment[9:],
        "an-exclamation-mark": lambda segment: segment[:8] + b"!" + segment[8:],
        "a-question-mark": lambda segment: segment[:8] + b"?" + segment[8:],
        "one-character-too-many": lambda segment: segment + b"A" * ((1 - len(segment)) % 4),
        "a-brace": lambda segment: segment + b"{}",
        "a-percent-escape": lambda segment: segment[:8] + b"%41" + segment[9:],
        "a-high-byte": lambda segment: segment[:8] + b"\xff" + segment[8:],
    }
    for place, (name, respell) in product(("header", "payload"), wrong.items()):
        segments = (respell(header), payload) if place == "header" else (header, respell(payload))
        yield Vector(
            name=f"signed-with-{name}-in-the-{place}",
            comment=SPELLING,
            token=OKP.sign_segments(*segments),
            code=MALFORMED,
        )
    yield Vector(
        name="signed-with-white-space-inside-the-json",
        comment="RFC 8259 section 2: white space within the JSON is no other spelling",
        token=OKP.sign_segments(header, payload),
        claims=claims(),
    )


def _respelled() -> Iterator[Vector]:
    # A token that is good, so that accepting these would give it a second name.
    for key in KEYS:
        token = _token_with_both_characters(key)
        signature = token.rpartition(b".")[2]
        wrong = {
            "padding": token + b"=" * (-len(signature) % 4),
            "one-equals-sign": token + b"=",
            "unused-bits": _next_character(token),
            "a-line-end": token + b"\n",
            "crlf": token + b"\r\n",
            "a-space-behind": token + b" ",
            "a-space-before": b" " + token,
            "the-standard-alphabet": token.replace(b"-", b"+").replace(b"_", b"/"),
            "one-character-more": token + b"A",
            "four-characters-more": token + b"AAAA",
            "one-character-less": token[:-1],
            "a-nul-behind": token + b"\x00",
            "a-semicolon-behind": token + b";",
        }
        for name, respelled in wrong.items():
            # Zero bits more are base64url, and then no signature of the right length.
            longer = name in ("one-character-more", "four-characters-more")
            yield Vector(
                name=f"{key.algorithm.lower()}-respelled-with-{name}",
                comment=SPELLING,
                token=respelled,
                code="signature_invalid" if longer else MALFORMED,
            )


def _token_with_both_characters(key: SigningKey) -> bytes:
    for number in range(1000):
        token = key.mint(jti=f"token-{number}")
        if b"-" in token and b"_" in token:
            return token
    raise AssertionError


def _counts() -> Iterator[Vector]:
    header, payload, signature = RSA.mint().split(b".")
    comment = "RFC 7515 section 7.1: three segments, none of the outer ones empty"
    parts = {
        "nothing": b"",
        "a-full-stop": b".",
        "two-full-stops": b"..",
        "three-full-stops": b"...",
        "one-segment": header,
        "two-segments": header + b"." + payload,
        "four-segments": b".".join((header, payload, signature, signature)),
        "five-segments": b".".join((header, payload, signature, header, payload)),
        "six-segments": b".".join((header, payload, signature) * 2),
        "an-empty-header": b"." + payload + b"." + signature,
        "an-empty-signature": header + b"." + payload + b".",
        "a-full-stop-behind": b".".join((header, payload, signature, b"")),
        "a-full-stop-before": b".".join((b"", header, payload, signature)),
        "two-full-stops-between": header + b".." + payload + b"." + signature,
        "segments-in-reverse": b".".join((signature, payload, header)),
        "header-and-payload-exchanged": b".".join((payload, header, signature)),
    }
    for name, token in parts.items():
        yield Vector(name=name, comment=comment, token=token, code=MALFORMED)
    for name, token in (
        ("an-empty-payload-segment", header + b".." + signature),
        ("the-header-three-times", b".".join((header,) * 3)),
        ("the-payload-twice", b".".join((header, payload, payload))),
    ):
        yield Vector(
            name=name,
            comment="RFC 7515 section 7.1, RFC 7519 section 7.2: detached content is no JWT",
            token=token,
            code="signature_invalid",
        )


def _other_serialisations() -> Iterator[Vector]:
    token = RSA.mint().decode()
    header, payload, signature = token.split(".")
    forged = b64(to_json(claims(sub="admin"))).decode()
    flattened = {"protected": header, "payload": payload, "signature": signature}
    documents = {
        "flattened-json": json.dumps(flattened),
        "general-json": json.dumps({"payload": payload, "signatures": [flattened]}),
        "polyglot": json.dumps({f"  {header}.{forged}.": "", **flattened}),
        "polyglot-behind": json.dumps({**flattened, f".{forged}.": header}),
        "a-json-string": json.dumps(token),
        "a-list": json.dumps([token]),
    }
    for name, document in documents.items():
        yield Vector(
            name=name,
            comment="RFC 7515 section 7.2, CVE-2022-39227: the compact form and no other",
            token=document,
            code=MALFORMED,
        )
    encrypted = {
        "jwe-direct": {"alg": "dir", "enc": "A256GCM", "kid": "rsa-2048"},
        "jwe-rsa": {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "rsa-2048"},
        "jwe-password": {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31, "p2s": "AA"},
        "jwe-zip": {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
    }
    for name, members in encrypted.items():
        segments = (to_json(members), b"k" * 32, b"i" * 12, b"c" * 64, b"t" * 16)
        yield Vector(
            name=name,
            comment="CVE-2023-6681, CVE-2023-51774, CVE-2024-33664: a JWE is never verified",
            token=b".".join(map(b64, segments)),
            code=MALFORMED,
        )


def _text_around() -> Iterator[Vector]:
    token = RSA.mint()
    text = token.decode()
    around: dict[str, bytes | str] = {
        "a-scheme": b"Bearer " + token,
        "quotes": b'"' + token + b'"',
        "a-comma-between-two": token + b"," + token,
        "a-space-between-two": token + b" " + token,
        "percent-escapes": token.replace(b".", b"%2E"),
        "a-byte-order-mark": b"\xef\xbb\xbf" + token,
        "utf-16": text.encode("utf-16"),
        "a-full-width-full-stop": text.replace(".", "\uff0e"),
        "an-ideographic-full-stop": text.replace(".", "\u3002"),
        "a-one-dot-leader": text.replace(".", "\u2024"),
        "a-zero-width-space": text + "\u200b",
        "a-letter-of-another-script": text.replace("e", "\u0435"),
        "a-lone-surrogate": text + "\ud800",
        "a-high-byte": token + b"\xff",
        "bytes-of-no-encoding": bytes(range(128, 256)),
        "nul-bytes": bytes(100),
        "html": b"<!doctype html><title>503</title>",
    }
    for name, spelled in around.items():
        yield Vector(
            name=f"text-with-{name}",
            comment="RFC 8725 section 3.14: the characters of base64url and full stops",
            token=spelled,
            code=MALFORMED,
        )


def _lengths() -> Iterator[Vector]:
    comment = "profile: at most 8,192 bytes, before anything is decoded"
    for length in (8191, 8192, 8193):
        token = _token_of_length(length)
        payload = json.loads(PAYLOAD) | {"x": token[1]}
        yield Vector(
            name=f"{length}-bytes",
            comment=comment,
            token=token[0],
            code="token_too_large" if length > 8192 else None,
            claims=None if length > 8192 else payload,
        )
    short = OKP.mint()
    for surplus in (-1, 0, 1):
        allowed = len(short) + surplus
        yield Vector(
            name=f"the-longest-allowed-and-{-surplus}".replace("--", "-minus-"),
            comment="profile: the bound is inclusive",
            token=short,
            expectations={"maximum_token_bytes": allowed},
            code="token_too_large" if surplus < 0 else None,
            claims=None if surplus < 0 else claims(),
        )


def _megabytes() -> Iterator[Vector]:
    for name, text, times in (
        ("a-million-full-stops", ".", 1_000_000),
        ("a-million-letters", "A", 1_000_000),
        ("a-million-bytes-of-segments", "AAAA.", 200_000),
        ("a-million-braces", "{", 1_000_000),
        ("a-million-characters-outside-ascii", "\u00e9", 1_000_000),
    ):
        yield Vector(
            name=name,
            comment="CVE-2025-30204, CVE-2025-61920, CVE-2025-27144: refused for its length alone",
            token_repeated=(text, times),
            code="token_too_large",
        )
    for name, text, times in (
        ("full-stops-within-the-bound", ".", 8192),
        ("letters-within-the-bound", "A", 8192),
    ):
        yield Vector(
            name=name,
            comment="profile: at most 8,192 bytes",
            token_repeated=(text, times),
            code="token_malformed",
        )


def _token_of_length(length: int) -> tuple[bytes, str]:
    for spaces in range(3):
        for filler in range(5500, 6200):
            header = OKP.header() + b" " * spaces
            sized = len(b64(header)) + len(b64(PAYLOAD[:-1] + b',"x":"' + b"x" * filler + b'"}'))
            if sized + 2 + 86 == length:
                payload = to_json(claims(x="x" * filler))
                return OKP.sign(header, payload), "x" * filler
    raise AssertionError
