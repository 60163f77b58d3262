"""Which of a request's headers carries the session token, and which requests are ambiguous."""

import pytest

from edgepass._credential import MAXIMUM_COOKIE_BYTES, find_credential
from edgepass._errors import (
    AuthorizationMalformed,
    AuthorizationRepeated,
    CookieRepeated,
    CookieTooLarge,
)

Headers = list[tuple[bytes, bytes]]
COOKIE = (b"cookie", b"theme=dark; __session=from-cookie")


def authorization(*values: bytes) -> Headers:
    return [(b"authorization", value) for value in values]


def find(headers: Headers) -> bytes | None:
    credential = find_credential(iter(headers))
    return None if credential is None else credential.token


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], None),
        ([(b"host", b"app.example.com")], None),
        (authorization(b"Bearer t"), b"t"),
        (authorization(b"bearer t"), b"t"),
        (authorization(b"BEARER t"), b"t"),
        (authorization(b"Bearer    t"), b"t"),
        ([COOKIE], b"from-cookie"),
        ([COOKIE, *authorization(b"Bearer t")], b"t"),
        ([*authorization(b"Bearer t"), COOKIE], b"t"),
        ([*authorization(b"Basic dTpw"), COOKIE], b"from-cookie"),
        ([*authorization(b"Bearerx t"), COOKIE], b"from-cookie"),
        ([*authorization(b""), COOKIE], b"from-cookie"),
        (authorization(b"Basic Bearer t"), None),
        (authorization(b"DPoP t"), None),
        ([(b"cookie", b"__session=")], None),
        ([(b"cookie", b"theme=dark")], None),
        ([(b"cookie", b"__Session=t")], None),
        ([(b"cookie", b"__session_x=t")], None),
        ([(b"cookie", b"a=b"), (b"cookie", b"__session=t")], b"t"),
        ([(b"cookie", b"a=b;"), (b"cookie", b"__session=t")], b"t"),
        ([(b"x-authorization", b"Bearer t")], None),
        ([(b"proxy-authorization", b"Bearer t")], None),
        ([(b"x-forwarded-authorization", b"Bearer t")], None),
    ],
)
def test_the_token_is_found_where_it_belongs(headers: Headers, token: bytes | None) -> None:
    assert find(headers) == token


@pytest.mark.parametrize(
    ("headers", "is_bearer"),
    [
        ([COOKIE], False),
        (authorization(b"bearer t"), True),
        ([COOKIE, *authorization(b"Bearer t")], True),
    ],
)
def test_a_credential_says_how_it_came(headers: Headers, is_bearer: bool) -> None:
    credential = find_credential(headers)
    assert credential is not None
    assert credential.is_bearer is is_bearer


@pytest.mark.parametrize(
    "value", [b"Bearer", b"bearer", b"Bearer ", b"Bearer   ", b"Bearer\tt", b"Bearer\t"]
)
def test_bearer_without_a_space_and_a_token_is_malformed(value: bytes) -> None:
    with pytest.raises(AuthorizationMalformed):
        find([*authorization(value), COOKIE])


@pytest.mark.parametrize(
    "values",
    [
        (b"Bearer t", b"Bearer t"),
        (b"Bearer t", b"Basic dTpw"),
        (b"Basic dTpw", b"Bearer t"),
        (b"", b"Bearer t"),
        (b"Bearer t", b""),
        (b"Basic a", b"Basic b"),
    ],
)
def test_two_authorization_fields_are_ambiguous(values: tuple[bytes, bytes]) -> None:
    with pytest.raises(AuthorizationRepeated):
        find([*authorization(*values), COOKIE])


@pytest.mark.parametrize(
    "fields",
    [
        [b"__session=a; __session=b"],
        [b"__session=a; __session=a"],
        [b"__session=a; __session="],
        [b"__session=; __session=a"],
        [b"__session=a", b"__session=b"],
        [b"__session=a", b"x=y", b"__session=b"],
    ],
)
def test_two_session_cookies_are_ambiguous(fields: list[bytes]) -> None:
    with pytest.raises(CookieRepeated):
        find([(b"cookie", field) for field in fields])


@pytest.mark.parametrize("length", [MAXIMUM_COOKIE_BYTES - 1, MAXIMUM_COOKIE_BYTES])
def test_a_cookie_header_as_long_as_allowed_is_read(length: int) -> None:
    assert find([(b"cookie", b"__session=t; x=".ljust(length, b"x"))]) == b"t"


@pytest.mark.parametrize(
    "fields",
    [
        [b"__session=t; x=".ljust(MAXIMUM_COOKIE_BYTES + 1, b"x")],
        [b"x" * (MAXIMUM_COOKIE_BYTES - 1), b"y"],
        [b"x=y"] * 10_000,
        [b"x" * 4_000_000],
    ],
)
def test_longer_cookie_headers_are_too_large(fields: list[bytes]) -> None:
    with pytest.raises(CookieTooLarge):
        find([(b"cookie", field) for field in fields])


def test_a_cookie_header_is_not_looked_at_beside_a_bearer_token() -> None:
    huge = (b"cookie", b"x" * (MAXIMUM_COOKIE_BYTES + 1))
    assert find([huge, *authorization(b"Bearer t")]) == b"t"
    with pytest.raises(CookieTooLarge):
        find([huge, *authorization(b"Basic dTpw")])


def test_the_token_is_handed_on_as_it_was_sent() -> None:
    # Whether it is a token at all is the verifier's to say, so a bad one is a
    # refusal and never a reason to look elsewhere.
    assert find([*authorization(b"Bearer a b, c "), COOKIE]) == b"a b, c "
