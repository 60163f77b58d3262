"""Vectors on claims: absent, of the wrong type, at each boundary in time, and for someone else."""

from collections.abc import Iterator

from tests.vectors.making.tools import (
    ABSENT,
    ISSUER,
    NOW,
    OKP,
    Vector,
    claims,
    to_json,
)

MISSING = "claim_missing"
MALFORMED = "claim_malformed"
ISSUER_MISMATCH = "issuer_mismatch"
LEEWAY = 5
WRONG_TYPES: dict[str, object] = {
    "null": None,
    "true": True,
    "false": False,
    "a-list": ["value"],
    "an-empty-list": [],
    "an-object": {"value": "value"},
}


def make() -> Iterator[Vector]:
    yield from _missing()
    yield from _issuers()
    yield from _identifiers()
    yield from _times()
    yield from _ends()
    yield from _beginnings()
    yield from _lifetimes()
    yield from _extra()


def case(
    name: str, comment: str, code: str | None, /, now: float = NOW, **changes: object
) -> Vector:
    expectations = changes.pop("expectations", {})
    body = claims(**changes)
    return Vector(
        name=name,
        comment=comment,
        token=OKP.sign(OKP.header(), to_json(body)),
        expectations=expectations,
        now=now,
        code=code,
        claims=None if code else body,
    )


def _missing() -> Iterator[Vector]:
    for claim in ("iss", "sub", "sid", "iat", "exp"):
        comment = "profile: iss, sub, sid, iat and exp are required"
        yield case(f"{claim}-absent", comment, MISSING, **{claim: ABSENT})
        yield case(
            f"{claim}-named-in-capitals", comment, MISSING, **{claim: ABSENT, claim.upper(): "x"}
        )
    for claim in ("nbf", "jti"):
        yield case(f"{claim}-absent", "RFC 7519 section 4.1: optional", None, **{claim: ABSENT})


def _issuers() -> Iterator[Vector]:
    others = {
        "another": "https://other.example.com",
        "a-prefix": ISSUER[:-1],
        "longer": ISSUER + ".attacker.example",
        "with-a-slash": ISSUER + "/",
        "with-a-path": ISSUER + "/tenant",
        "with-a-port": ISSUER + ":443",
        "with-a-query": ISSUER + "?",
        "a-subdomain": "https://evil.auth.example.com",
        "without-its-scheme": "auth.example.com",
        "http": "http://auth.example.com",
        "in-upper-case": ISSUER.upper(),
        "with-a-capital": "https://Auth.example.com",
        "with-a-space": ISSUER + " ",
        "with-a-nul": ISSUER + "\x00",
        "with-user-information": "https://auth.example.com@attacker.example",
        "in-another-script": "https://\u0430uth.example.com",
        "one-letter": "h",
        "empty": "",
    }
    for name, issuer in others.items():
        yield case(
            f"iss-{name}",
            "RFC 7519 section 4.1.1, RFC 8725 section 3.8, GHSA-75c5-xw7c-p5pm: compared whole",
            ISSUER_MISMATCH,
            iss=issuer,
        )
    for name, value in {**WRONG_TYPES, "a-number": 1, "a-list-with-ours": [ISSUER]}.items():
        yield case(
            f"iss-is-{name}",
            "RFC 7519 section 4.1.1, CVE-2025-30144: a string",
            ISSUER_MISMATCH,
            iss=value,
        )
    yield case(
        "iss-as-configured-elsewhere",
        "RFC 8725 section 3.8: keys belong to one issuer",
        ISSUER_MISMATCH,
        expectations={"issuer": ISSUER + "/eu"},
    )


def _identifiers() -> Iterator[Vector]:
    refused = {
        "empty": "",
        "of-257-characters": "x" * 257,
        "a-nul": "user\x00",
        "a-line-end": "user\n",
        "a-carriage-return": "user\radmin",
        "an-escape-character": "\x1b[31m",
        "a-delete-character": "user\x7f",
        "a-c1-control-character": "user\x85",
        "a-line-separator": "user\u2028",
        "a-right-to-left-override": "\u202euser",
        "a-zero-width-space": "user\u200b",
        "a-byte-order-mark": "\ufeffuser",
        "a-noncharacter": "user\uffff",
    }
    for claim in ("sub", "sid"):
        comment = "RFC 7519 section 4.1.2, profile: 1 to 256 printable characters"
        for name, value in refused.items():
            yield case(f"{claim}-with-{name}", comment, MALFORMED, **{claim: value})
        for name, value in {**WRONG_TYPES, "a-number": 42}.items():
            yield case(f"{claim}-is-{name}", comment, MALFORMED, **{claim: value})
        for name, value in (
            ("one-character", "x"),
            ("256-characters", "x" * 256),
            ("other-scripts", "Zo\u00eb \u674e\U0001f600"),
            ("a-path", "../../etc/passwd"),
            ("sql", "' OR 1=1 --"),
        ):
            yield case(f"{claim}-of-{name}", comment, None, **{claim: value})
        yield Vector(
            name=f"{claim}-with-a-lone-surrogate",
            comment="RFC 7493 section 2.1: strings that UTF-8 can spell",
            token=OKP.sign(OKP.header(), to_json(claims(**{claim: "user\ud800"}))),
            code="token_malformed",
        )
    for name, value in {**WRONG_TYPES, "a-number": 1}.items():
        yield case(f"jti-is-{name}", "RFC 7519 section 4.1.7: a string", MALFORMED, jti=value)


def _times() -> Iterator[Vector]:
    comment = "RFC 7519 section 2: a NumericDate is a finite number, here from 0 to 2**53"
    refused: dict[str, object] = {
        **WRONG_TYPES,
        "text": str(NOW + 30),
        "text-in-iso-8601": "2027-01-15T08:00:00Z",
        "empty-text": "",
        "negative": -1,
        "a-negative-float": -0.5,
        "beyond-2-to-53": 2**53 + 1,
        "beyond-63-bits": 2**63,
        "the-greatest-64-bit-integer": 2**64 - 1,
        "a-huge-float": 1e308,
        "in-milliseconds-of-a-far-future": 2**54,
    }
    for claim in ("exp", "iat", "nbf"):
        for name, value in refused.items():
            yield case(f"{claim}-is-{name}", comment, MALFORMED, **{claim: value})
        for name, raw in (("nan", b"NaN"), ("infinite", b"Infinity"), ("1e999", b"1e999")):
            payload = to_json(claims(**{claim: "RAW"})).replace(b'"RAW"', raw)
            yield Vector(
                name=f"{claim}-is-{name}",
                comment=comment,
                token=OKP.sign(OKP.header(), payload),
                code="token_malformed",
            )
    yield case("times-with-fractions", comment, None, iat=NOW - 0.5, exp=NOW + 59.5, nbf=NOW - 0.25)
    yield case("iat-in-milliseconds", comment, MALFORMED, iat=NOW * 1000)
    yield case("exp-in-milliseconds", comment, "token_lifetime_too_long", exp=NOW * 1000)
    yield case("nbf-in-milliseconds", comment, "token_not_yet_valid", nbf=NOW * 1000)
    yield case("nbf-zero", comment, None, nbf=0)


def _ends() -> Iterator[Vector]:
    late = "token_expired"
    exp, leeway = NOW + 60, LEEWAY
    for name, now, code in (
        ("long-before", NOW, None),
        ("at-exp", exp, None),
        ("a-second-before-the-leeway-ends", exp + leeway - 1, None),
        ("a-moment-before-the-leeway-ends", exp + leeway - 0.25, None),
        ("when-the-leeway-ends", exp + leeway, late),
        ("a-second-after-the-leeway-ends", exp + leeway + 1, late),
        ("a-day-after", exp + 86_400, late),
        ("a-century-after", exp + 3_155_760_000, late),
    ):
        yield case(f"expires-{name}", "RFC 7519 section 4.1.4", code, now=now)
    around = (("before", exp - 0.25, None), ("at", exp, late), ("after", exp + 1, late))
    for name, now, code in around:
        yield case(
            f"expires-without-leeway-{name}-exp",
            "RFC 7519 section 4.1.4: on or after exp",
            code,
            now=now,
            expectations={"leeway": 0},
        )


def _beginnings() -> Iterator[Vector]:
    early, leeway = "token_not_yet_valid", LEEWAY
    for name, ahead, code in (
        ("more-than-the-leeway", leeway + 1, early),
        ("a-moment-more-than-the-leeway", leeway + 0.25, early),
        ("the-leeway", leeway, None),
        ("less-than-the-leeway", leeway - 1, None),
    ):
        yield case(f"nbf-ahead-by-{name}", "RFC 7519 section 4.1.5", code, nbf=NOW + ahead)
        yield case(
            f"iat-ahead-by-{name}",
            "RFC 7519 section 4.1.6, profile: a token from the future is refused",
            "token_issued_in_future" if code else None,
            iat=NOW + ahead,
        )
    for claim, code in (("nbf", early), ("iat", "token_issued_in_future")):
        for ahead in (0, 1):
            yield case(
                f"{claim}-ahead-by-{ahead}-without-leeway",
                "RFC 7519 section 4.1.5, and the same for iat",
                code if ahead else None,
                expectations={"leeway": 0},
                **{claim: NOW + ahead},
            )
    yield case(
        "nbf-ahead-by-the-longest-leeway",
        "RFC 7519 section 4.1.5: a leeway of no more than a few minutes",
        None,
        nbf=NOW + 300,
        expectations={"leeway": 300},
    )


def _lifetimes() -> Iterator[Vector]:
    comment = "profile: at most 300 seconds from iat to exp"
    long = "token_lifetime_too_long"
    for seconds, code in ((299, None), (300, None), (300.5, long), (301, long), (10**9, long)):
        name = f"lives-{seconds}-seconds".replace(".", "-and-")
        yield case(name, comment, code, exp=NOW + seconds)
    for seconds, code in ((59, None), (60, None), (61, long)):
        yield case(
            f"lives-{seconds}-of-60-seconds",
            comment,
            code,
            exp=NOW + seconds,
            expectations={"maximum_lifetime": 60},
        )
    for name, changes in {
        "exp-is-iat": {"exp": NOW},
        "exp-before-iat": {"exp": NOW - 1},
        "exp-zero": {"exp": 0},
        "exp-and-iat-zero": {"exp": 0, "iat": 0},
        "iat-zero-exp-300-is-over": {"exp": 300, "iat": 0},
    }.items():
        code = "token_expired" if name.endswith("over") else MALFORMED
        yield case(name, "profile: exp is after iat", code, **changes)
    yield case("iat-zero", comment, long, iat=0)
    yield case(
        "older-than-a-lifetime-without-being-expired",
        "profile: exp counts, whatever the age",
        None,
        now=NOW + 299,
        exp=NOW + 300,
    )


def _extra() -> Iterator[Vector]:
    yield case(
        "claims-of-the-issuers-own",
        "RFC 7519 section 4.3: private claims are kept as they are",
        None,
        o={"id": "org_1", "rol": "admin"},
        roles=["a", "b"],
        fva=[0, -1],
        nickname="Zo\u00eb",
        admin=False,
        nothing=None,
    )
    yield case(
        "an-empty-name",
        "RFC 8259 section 4: a name is any string",
        None,
        **{"": 1, "constructor": "x"},
    )
