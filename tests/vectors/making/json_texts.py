"""Vectors on JSON: every way to be not strict, in a signed header and in a signed payload."""

from collections.abc import Iterator

from tests.vectors.making.tools import NOW, OKP, PAYLOAD, Members, Vector, claims

STRICT = "RFC 8259, RFC 7493"
DEEP = 100_000
MALFORMED = "token_malformed"
LARGE = {"maximum_token_bytes": 1_000_000}


BAD_VALUES = {
    "nan": b"NaN",
    "infinity": b"Infinity",
    "negative-infinity": b"-Infinity",
    "float-overflow": b"1e999",
    "negative-float-overflow": b"-1e999",
    "float-overflow-in-a-list": b"[[1e999]]",
    "integer-of-50000-digits": b"9" * 50_000,
    "float-of-50000-digits": b"9" * 50_000 + b".0",
    "integer-beyond-64-bits": b"18446744073709551616",
    "negative-integer-beyond-64-bits": b"-9223372036854775809",
    "integer-beyond-64-bits-in-a-list": b"[[18446744073709551616]]",
    "lone-high-surrogate": b'"\\ud800"',
    "lone-low-surrogate": b'"\\udc00"',
    "surrogates-in-the-wrong-order": b'"\\udc00\\ud800"',
    "lone-surrogate-as-a-name": b'{"\\ud800":1}',
    "lone-surrogate-in-utf-8": b'"\xed\xa0\x80"',
    "surrogate-pair-in-utf-8": b'"\xed\xa0\xbd\xed\xb8\x80"',
    "invalid-utf-8": b'"\xff"',
    "overlong-utf-8": b'"\xc0\xaf"',
    "overlong-nul": b'"\xc0\x80"',
    "utf-8-beyond-unicode": b'"\xf4\x90\x80\x80"',
    "truncated-utf-8": b'"\xe2\x82"',
    "latin-1": "é".join('""').encode("latin-1"),
    "raw-nul-in-a-string": b'"a\x00b"',
    "raw-line-end-in-a-string": b'"a\nb"',
    "raw-tab-in-a-string": b'"a\tb"',
    "unknown-escape": b'"\\x41"',
    "short-escape": b'"\\u00"',
    "single-quotes": b"'a'",
    "leading-zero": b"01",
    "leading-plus": b"+1",
    "leading-point": b".5",
    "trailing-point": b"1.",
    "hexadecimal": b"0x10",
    "underscore-in-a-number": b"1_000",
    "arabic-digits": "\u0661\u0662".encode(),
    "capital-true": b"True",
    "undefined": b"undefined",
    "comment": b"1/* */",
    "trailing-comma-in-a-list": b"[1,]",
    "duplicate-name-within": b'{"a":1,"a":1}',
    "duplicate-name-within-a-list": b'[{"a":1,"a":2}]',
    "nesting-of-33": b"[" * 32 + b"]" * 32,
    "nesting-of-100000-lists": b"[" * DEEP + b"]" * DEEP,
    "nesting-of-100000-lists-left-open": b"[" * DEEP,
    "nesting-of-20000-objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "nesting-behind-a-false-end": b'["]]\\"]]",' * 40 + b"1" + b"]" * 40,
}


def make() -> Iterator[Vector]:
    for place, base in (("header", OKP.header()), ("payload", PAYLOAD)):
        for name, comment, raw in _malformed(base):
            yield Vector(
                name=f"{name}-in-the-{place}",
                comment=comment,
                token=_signed(place, raw),
                expectations=LARGE if len(raw) > 5_000 else {},
                code=MALFORMED,
            )
        for name, comment, raw, added in _strict(base):
            yield Vector(
                name=f"{name}-in-the-{place}",
                comment=comment,
                token=_signed(place, raw),
                claims=claims(**added) if place == "payload" else claims(),
            )
    yield from _header_alone()


def _signed(place: str, raw: bytes) -> bytes:
    return OKP.sign(raw) if place == "header" else OKP.sign(OKP.header(), raw)


def _malformed(base: bytes) -> Iterator[tuple[str, str, bytes]]:
    open_end = base[:-1]
    for name, value in BAD_VALUES.items():
        yield name, f"{STRICT}: {name.replace('-', ' ')}", open_end + b',"x":' + value + b"}"
    for name, (comment, raw) in _bad_documents(base).items():
        yield name, comment, raw


def _bad_documents(base: bytes) -> dict[str, tuple[str, bytes]]:
    text = base.decode()
    name = b'"alg"' if b'"alg"' in base else b'"sub"'
    escaped = name[:2] + b"\\u00%02x" % name[2] + name[3:]
    duplicate = "RFC 7515 section 4, RFC 7519 section 4: names are unique"
    unicode = "RFC 8259 section 8.1, RFC 8725 section 3.7: UTF-8 and nothing else"
    whole = "RFC 7515 section 5.2, RFC 7519 section 7.2: one JSON object"
    return {
        "duplicate-name": (duplicate, base[:-1] + b"," + name + b':"other"}'),
        "duplicate-name-escaped": (duplicate, base[:-1] + b"," + escaped + b':"other"}'),
        "duplicate-name-first": (duplicate, b"{" + name + b':"other",' + base[1:]),
        "byte-order-mark": (unicode, b"\xef\xbb\xbf" + base),
        "utf-16-with-a-mark": (unicode, text.encode("utf-16")),
        "utf-16-little-endian": (unicode, text.encode("utf-16-le")),
        "utf-16-big-endian": (unicode, text.encode("utf-16-be")),
        "utf-32-little-endian": (unicode, text.encode("utf-32-le")),
        "utf-7": (unicode, text.replace("{", "+AHs-").encode()),
        "list": (whole, b"[" + base + b"]"),
        "string": (whole, b'"' + base.replace(b'"', b'\\"') + b'"'),
        "null": (whole, b"null"),
        "number": (whole, b"1"),
        "white-space": (whole, b" "),
        "two-objects": (whole, base + base),
        "text-behind": (whole, base + b"x"),
        "nul-behind": (whole, base + b"\x00"),
        "vertical-tab-behind": (whole, base + b"\x0b"),
        "no-break-space-before": (whole, "\xa0".encode() + base),
        "end-missing": (whole, base[:-1]),
        "trailing-comma": (whole, base[:-1] + b",}"),
        "yaml": (whole, base.replace(b'"', b"")),
    }


def _strict(base: bytes) -> Iterator[tuple[str, str, bytes, Members]]:
    open_end = base[:-1]
    values: dict[str, tuple[bytes, object]] = {
        "greatest-64-bit-integer": (b"18446744073709551615", 2**64 - 1),
        "least-64-bit-integer": (b"-9223372036854775808", -(2**63)),
        "greatest-float": (b"1.7976931348623157e308", 1.7976931348623157e308),
        "nesting-of-32": (b"[" * 30 + b"[]" + b"]" * 30, None),
        "surrogate-pair": (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        "escaped-nul": (b'"a\\u0000b"', "a\x00b"),
        "brackets-in-a-string": (b'"' + b"[{" * 300 + b'"', "[{" * 300),
        "prototype-member": (b'{"__proto__":{"admin":true}}', {"__proto__": {"admin": True}}),
    }
    for name, (raw, value) in values.items():
        if value is None:
            value = []
            for _ in range(30):
                value = [value]
        yield name, f"{STRICT}: this is strict", open_end + b',"x":' + raw + b"}", {"x": value}
    spaced = b" \t\r\n" + base.replace(b",", b" ,\n\t") + b"\r\n "
    yield "white-space-around", "RFC 8259 section 2: insignificant white space", spaced, {}


def _header_alone() -> Iterator[Vector]:
    yield Vector(
        name="escaped-names-in-the-header",
        comment="RFC 8259 section 7: an escaped character is that character",
        token=OKP.sign(b'{"\\u0061lg":"Ed\\u0044SA","ki\\u0064":"\\u006fkp"}'),
        claims=claims(),
    )
    yield Vector(
        name="empty-object-in-the-header",
        comment="RFC 7515 section 4.1.1: alg must be present",
        token=OKP.sign(b"{}"),
        code=MALFORMED,
    )
    yield Vector(
        name="empty-object-in-the-payload",
        comment="profile: iss, sub, sid, iat and exp are required",
        token=OKP.sign(OKP.header(), b"{}"),
        code="claim_missing",
    )
    yield Vector(
        name="empty-payload",
        comment="RFC 7519 section 7.2: the payload is one JSON object",
        token=OKP.sign(OKP.header(), b""),
        code=MALFORMED,
    )
    yield Vector(
        name="escaped-names-in-the-payload",
        comment="RFC 8259 section 7: an escaped character is that character",
        token=OKP.sign(OKP.header(), PAYLOAD.replace(b'"sub"', b'"\\u0073ub"')),
        claims=claims(),
    )
    yield Vector(
        name="floats-in-the-payload",
        comment="RFC 7519 section 2: a NumericDate may have a fraction or an exponent",
        token=OKP.sign(OKP.header(), PAYLOAD.replace(b"%d" % NOW, b"1.8e9")),
        claims=claims(iat=1.8e9),
    )
