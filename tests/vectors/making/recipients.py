"""Vectors on `aud` and `azp`: for whom a token was minted (RFC 7519 section 4.1.3)."""

from collections.abc import Iterator

from tests.vectors.making.claim_rules import MALFORMED, WRONG_TYPES, case
from tests.vectors.making.tools import ABSENT, Vector

APP = "https://app.example.com"


def make() -> Iterator[Vector]:
    yield from _audiences()
    yield from _parties()


REFUSED_AUDIENCES: dict[str, object] = {
    "absent": ABSENT,
    "another": "other",
    "a-list-of-others": ["other", "another"],
    "an-empty-list": [],
    "empty": "",
    "a-prefix": "ap",
    "longer": "api2",
    "in-upper-case": "API",
    "with-a-space": "api ",
    "two-in-one-string": "api other",
    "two-with-a-comma": "api,other",
    "a-wildcard": "*",
    "its-letters": ["a", "p", "i"],
}


WRONG_AUDIENCES: dict[str, object] = {
    "null": None,
    "true": True,
    "a-number": 1,
    "an-object": {"api": True},
    "a-list-of-null": [None],
    "a-list-with-a-number": ["api", 1],
    "a-list-of-lists": [["api"]],
    "a-list-with-an-object": ["api", {}],
}


def _audiences() -> Iterator[Vector]:
    comment = "RFC 7519 section 4.1.3, RFC 8725 section 3.9"
    ours = {"audience": "api"}
    accepted: dict[str, object] = {
        "ours": "api",
        "a-list-of-ours": ["api"],
        "a-list-with-ours": ["other", "api"],
        "ours-twice": ["api", "api"],
    }
    for name, value in accepted.items():
        yield case(f"aud-{name}", comment, None, aud=value, expectations=ours)
    for name, value in REFUSED_AUDIENCES.items():
        yield case(f"aud-{name}", comment, "audience_mismatch", aud=value, expectations=ours)
    for name, value in WRONG_AUDIENCES.items():
        yield case(f"aud-is-{name}", comment, MALFORMED, aud=value, expectations=ours)
        yield case(f"aud-is-{name}-and-not-expected", comment, MALFORMED, aud=value)
    yield case("aud-not-expected", comment, None, aud="whoever")
    yield case("aud-empty-and-not-expected", comment, None, aud=[])
    several = {"audience": ["api", "admin"]}
    yield case("aud-one-of-several", comment, None, aud="admin", expectations=several)
    yield case("aud-none-of-several", comment, "audience_mismatch", aud="x", expectations=several)


def _parties() -> Iterator[Vector]:
    comment = "OpenID Connect Core section 2, profile: azp is the origin the token was minted for"
    ours = {"authorized_parties": [APP]}
    yield case("azp-ours", comment, None, azp=APP, expectations=ours)
    yield case("azp-not-expected", comment, None, azp="https://whoever.example")
    refused: dict[str, object] = {
        "absent": ABSENT,
        "another": "https://attacker.example",
        "empty": "",
        "longer": APP + ".attacker.example",
        "a-prefix": APP[:-1],
        "with-a-slash": APP + "/",
        "with-a-port": APP + ":443",
        "http": APP.replace("https", "http"),
        "in-upper-case": APP.upper(),
        "the-null-origin": "null",
        "a-wildcard": "*",
    }
    for name, value in refused.items():
        code = "authorized_party_mismatch"
        yield case(f"azp-{name}", comment, code, azp=value, expectations=ours)
    for name, value in {**WRONG_TYPES, "a-number": 1, "a-list-with-ours": [APP]}.items():
        yield case(f"azp-is-{name}", comment, MALFORMED, azp=value, expectations=ours)
    yield case("azp-is-a-number-and-not-expected", comment, MALFORMED, azp=1)
    both = {"audience": "api", "authorized_parties": [APP]}
    yield case("azp-and-aud-ours", comment, None, azp=APP, aud="api", expectations=both)
    yield case(
        "azp-ours-aud-another", comment, "audience_mismatch", azp=APP, aud="x", expectations=both
    )
    yield case(
        "azp-another-aud-ours",
        comment,
        "authorized_party_mismatch",
        azp="https://attacker.example",
        aud="api",
        expectations=both,
    )
