"""Vectors on the other members of a header: kid, crit, b64, typ, zip and embedded keys."""

from collections.abc import Iterator
from zlib import compress

from tests.vectors.making.certificate import self_signed
from tests.vectors.making.tools import (
    ABSENT,
    OKP,
    OKP_STRANGER,
    PAYLOAD,
    RSA,
    SECOND_RSA,
    STRANGER,
    Vector,
    b64,
    claims,
)

MALFORMED = "token_malformed"
CRITICAL = "critical_header_unsupported"


def make() -> Iterator[Vector]:
    yield from _key_ids()
    yield from _embedded_keys()
    yield from _critical()
    yield from _unencoded()
    yield from _types()
    yield from _compressed()


STRANGE_KEY_IDS = {
    "unknown": "nobody",
    "upper-case": RSA.key_id.upper(),
    "with-a-space": RSA.key_id + " ",
    "with-a-nul": RSA.key_id + "\x00",
    "with-a-nul-and-more": RSA.key_id + "\x00.pem",
    "with-line-ends": RSA.key_id + "\r\nSet-Cookie: a=b",
    "with-an-escape-sequence": "\x1b[2J" + RSA.key_id,
    "path": "../../../../etc/passwd",
    "device": "/dev/null",
    "path-to-itself": f"./{RSA.key_id}",
    "sql": "x' UNION SELECT 'secret' --",
    "sql-or": "' OR '1'='1",
    "command": "$(touch /tmp/owned)",
    "template": "{{7*7}}${7*7}",
    "ldap": "*)(uid=*",
    "url": "http://169.254.169.254/latest/meta-data/",
    "file-url": "file:///etc/passwd",
    "percent-encoded": "%72sa-2048",
    "attribute": "__class__",
    "prototype": "__proto__",
    "other-script": "r\u0455a-2048",
    "long": "k" * 4000,
}


def _key_ids() -> Iterator[Vector]:
    shapes = {
        "absent": ABSENT,
        "empty": "",
        "null": None,
        "a-number": 1,
        "true": True,
        "a-list": [RSA.key_id],
        "an-object": {"kid": RSA.key_id},
    }
    for name, shape in shapes.items():
        yield Vector(
            name=f"kid-{name}",
            comment="RFC 7515 section 4.1.4: kid is a string, and this profile requires it",
            token=RSA.sign(RSA.header(kid=shape)),
            code="key_id_missing",
        )
    for name, key_id in STRANGE_KEY_IDS.items():
        yield Vector(
            name=f"kid-{name}",
            comment="RFC 8725 section 3.10: kid is compared, and reaches nothing else",
            token=RSA.sign(RSA.header(kid=key_id)),
            code="unknown_key",
        )
    path = "../../keys/one"
    yield Vector(
        name="kid-path-that-the-issuer-chose",
        comment="RFC 7515 section 4.1.4: any string is a kid",
        token=OKP.sign(OKP.header(kid=path)),
        keys={"keys": [OKP.jwk(kid=path)]},
        claims=claims(),
    )
    yield Vector(
        name="kid-of-another-key-of-the-issuer",
        comment="RFC 8725 section 3.8: the key that is named, and no other, is tried",
        token=RSA.sign(SECOND_RSA.header()),
        code="signature_invalid",
    )


def _embedded_keys() -> Iterator[Vector]:
    chain = self_signed(STRANGER)
    embedded = {
        "jwk": {"jwk": STRANGER.jwk()},
        "jwk-with-the-kid": {"jwk": STRANGER.jwk(kid=RSA.key_id)},
        "jwk-private": {"jwk": STRANGER.private_jwk},
        "jku": {"jku": "https://attacker.example/jwks.json"},
        "jku-of-a-file": {"jku": "file:///etc/passwd"},
        "jku-that-looks-like-ours": {"jku": "https://auth.example.com@attacker.example/"},
        "x5u": {"x5u": "https://attacker.example/chain.pem"},
        "x5c": {"x5c": [chain]},
        "x5t": {"x5t": b64(bytes(20)).decode(), "x5t#S256": b64(bytes(32)).decode()},
        "all-of-them": {
            "jwk": STRANGER.jwk(),
            "jku": "https://attacker.example/jwks.json",
            "x5u": "https://attacker.example/chain.pem",
            "x5c": [chain],
        },
    }
    comment = "RFC 8725 section 3.10, CVE-2018-0114, CVE-2026-27962: a token brings no key along"
    for name, members in embedded.items():
        for kid, code in (
            (RSA.key_id, "signature_invalid"),
            (STRANGER.key_id, "unknown_key"),
            (ABSENT, "key_id_missing"),
        ):
            if code == "signature_invalid" or name in ("jwk", "x5c"):
                yield Vector(
                    name=f"embedded-{name}-{code.replace('_', '-')}",
                    comment=comment,
                    token=STRANGER.sign(RSA.header(kid=kid, **members)),
                    code=code,
                )
        if name in ("jwk", "jku", "x5c"):
            yield Vector(
                name=f"embedded-{name}-beside-a-true-signature",
                comment="RFC 7515 section 4: what is not understood is ignored",
                token=RSA.sign(RSA.header(**members)),
                claims=claims(),
            )
    yield Vector(
        name="embedded-jwk-of-another-algorithm",
        comment=comment,
        token=OKP_STRANGER.sign(OKP_STRANGER.header(kid=RSA.key_id, jwk=OKP_STRANGER.jwk())),
        code="algorithm_not_allowed",
    )


def _critical() -> Iterator[Vector]:
    shapes = {
        "names-exp": (["exp"], {"exp": 1}),
        "names-b64": (["b64"], {"b64": True}),
        "names-b64-false": (["b64"], {"b64": False}),
        "names-an-extension": (["http://example.com/x"], {"http://example.com/x": True}),
        "names-what-is-absent": (["x"], {}),
        "names-a-registered-member": (["alg"], {}),
        "names-kid-and-typ": (["kid", "typ"], {}),
        "names-itself": (["crit"], {}),
        "names-twice": (["x", "x"], {"x": 1}),
        "names-nothing": ([""], {"": 1}),
        "names-a-number": ([1], {}),
        "is-empty": ([], {}),
        "is-a-string": ("exp", {"exp": 1}),
        "is-null": (None, {}),
        "is-true": (True, {}),
        "is-false": (False, {}),
        "is-an-object": ({"exp": 1}, {"exp": 1}),
        "is-a-number": (0, {}),
    }
    comment = "RFC 7515 section 4.1.11, CVE-2025-59420, CVE-2026-32597: no extension is understood"
    for name, (crit, members) in shapes.items():
        yield Vector(
            name=f"crit-{name}",
            comment=comment,
            token=RSA.sign(RSA.header(crit=crit, **members)),
            code=CRITICAL,
        )
    escaped = RSA.header(crit=["exp"]).replace(b"crit", b"\\u0063rit")
    yield Vector(name="crit-escaped", comment=comment, token=RSA.sign(escaped), code=CRITICAL)
    yield Vector(
        name="crit-in-upper-case",
        comment="RFC 7515 section 4: names are compared by case, and unknown ones ignored",
        token=RSA.sign(RSA.header(CRIT=["exp"])),
        claims=claims(),
    )


def _unencoded() -> Iterator[Vector]:
    comment = "RFC 7797 section 7: b64 is not false in a JWT"
    for name, value in (("false", False), ("null", None), ("zero", 0), ("text", "false")):
        yield Vector(
            name=f"b64-{name}",
            comment=comment,
            token=RSA.sign(RSA.header(b64=value)),
            code=MALFORMED,
        )
    header = b64(RSA.header(b64=False, crit=["b64"]))
    yield Vector(
        name="b64-false-with-a-payload-in-the-clear",
        comment=comment,
        token=RSA.sign_segments(header, b"aGVsbG8"),
        code=CRITICAL,
    )
    yield Vector(
        name="b64-true",
        comment="RFC 7797 section 3: true is the default",
        token=RSA.sign(RSA.header(b64=True)),
        claims=claims(),
    )


OTHER_TYPES = {
    "access-token": "at+jwt",
    "access-token-in-full": "application/at+jwt",
    "logout-token": "logout+jwt",
    "security-event": "secevent+jwt",
    "introspection": "token-introspection+jwt",
    "proof-of-possession": "dpop+jwt",
    "request-object": "oauth-authz-req+jwt",
    "client-token": "client+jwt",
    "in-full": "application/jwt",
    "jose": "JOSE",
    "jose-json": "JOSE+JSON",
    "jwe": "JWE",
    "empty": "",
    "with-a-space": "JWT ",
    "with-a-parameter": "JWT;v=1",
    "with-a-nul": "JWT\x00",
    "null": None,
    "number": 1,
    "true": True,
    "list": ["JWT"],
    "object": {"JWT": "JWT"},
}


def _types() -> Iterator[Vector]:
    for name, kind in (("jwt", "JWT"), ("lower-case", "jwt"), ("mixed", "Jwt"), ("absent", ABSENT)):
        yield Vector(
            name=f"typ-{name}",
            comment="RFC 7519 section 5.1: JWT, compared without case, or absent",
            token=RSA.sign(RSA.header(typ=kind)),
            claims=claims(),
        )
    for name, kind in OTHER_TYPES.items():
        yield Vector(
            name=f"typ-of-{name}" if isinstance(kind, str) else f"typ-is-{name}",
            comment="RFC 8725 sections 3.11 and 3.12, CVE-2023-48309: another kind of token",
            token=RSA.sign(RSA.header(typ=kind)),
            code="token_type_mismatch",
        )
    yield Vector(
        name="cty-jwt-around-a-token",
        comment="RFC 7519 section 5.2: a nested token is no object of claims",
        token=RSA.sign(RSA.header(cty="JWT"), RSA.mint()),
        code=MALFORMED,
    )
    yield Vector(
        name="claims-in-the-header",
        comment="RFC 7519 section 5.3: claims repeated in a header have no effect",
        token=RSA.sign(RSA.header(sub="admin", exp=1)),
        claims=claims(),
    )
    yield Vector(
        name="claims-in-the-header-alone",
        comment="RFC 7519 section 5.3: claims repeated in a header have no effect",
        token=RSA.sign(RSA.header(**claims()), b"{}"),
        code="claim_missing",
    )


def _bomb() -> bytes:
    """Write 500,000 letters as fixed Huffman codes (RFC 1951 section 3.2.6).

    By hand, because libraries differ in how they compress.
    """
    final_block, letter = "110", f"{0x30 + ord('x'):08b}"
    last_258_again, end = "1100010100000", "0" * 7
    bits = final_block + letter + last_258_again * (500_000 // 258) + end
    return int(bits[::-1], 2).to_bytes((len(bits) + 7) // 8, "little")


def _compressed() -> Iterator[Vector]:
    comment = "RFC 8725 section 3.6, CVE-2024-28102: nothing is decompressed"
    for name, payload in (
        ("claims", compress(PAYLOAD, 0)),
        ("raw-claims", compress(PAYLOAD, 0)[2:-4]),
        ("bomb", _bomb()),
    ):
        yield Vector(
            name=f"zip-{name}",
            comment=comment,
            token=RSA.sign(RSA.header(zip="DEF"), payload),
            code=MALFORMED,
        )
    yield Vector(
        name="zip-of-nothing",
        comment="RFC 7515 section 4: zip is a member of JWE, and unknown in a JWS",
        token=RSA.sign(RSA.header(zip="DEF")),
        claims=claims(),
    )
