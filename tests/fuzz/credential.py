"""Headers are read as an obvious reading reads them, and only what it finds is recalled."""

import re
from collections.abc import Iterator

from edgepass import TokenRefused
from edgepass._auth import Claims
from edgepass._credential import MAXIMUM_COOKIE_BYTES, Credential, find_credential
from edgepass._revocations import Revocations
from edgepass._token_cache import TokenCache

COOKIE = b"__session"
NAMES = {b"a": b"authorization", b"c": b"cookie"}
FIELD_END = b"\n"  # no server lets it into a field
LONG = b"L"  # a field that begins like this is repeated until it is long
BEARER = re.compile(rb"bearer +([^ ].*)", re.IGNORECASE | re.DOTALL)
Headers = list[tuple[bytes, bytes]]
WORDS = (
    *(b"a", b"c", b"h", FIELD_END, FIELD_END + b"a", FIELD_END + b"c", LONG),
    *(b"Bearer ", b"bearer", b"BEARER\t", b"Basic ", b"Bearer  ", b"Bearer,", b"DPoP "),
    *(COOKIE + b"=", b"__Session=", b"a__session=", COOKIE + b" =", COOKIE, b"__session_x="),
    *(b"; ", b";", b";;", b" ", b"\t", b"=", b'"', b'\\"', b",", b"\x00", b"\xff", b" \t", b"\x0b"),
)


def seeds() -> Iterator[bytes]:
    """Yield headers as apps, browsers and attackers send them."""
    yield b"aBearer token"
    yield b"abearer  token\nc__session=other"
    yield b"aBearer  \ttoken"
    yield b"aBearer   \x0btoken "
    yield b"aBearer \tx\nc__session=other"
    yield b"aBasic dXNlcjpwYXNz\nctheme=dark; __session=token; lang=en"
    yield b"aBearer\nc__session=token"
    yield b"aBearer one\naBearer two"
    yield b"ca__session=1; __session=token;__session_x=2"
    yield b"c__session=one\nc__session=two"
    yield b"c__session=; \t__session = x ;__session=\t y\t"
    yield b'cx="\\"; __session=in quotes; "; hothers'
    yield b"cL__session=long; "
    yield b"h\nc=__session=x;__session"


def parse_headers(data: bytes) -> Headers:
    headers = []
    for line in data.split(FIELD_END):
        name, value = NAMES.get(line[:1], b"x-other"), line[1:]
        if value[:1] == LONG:
            value = value[1:] * (MAXIMUM_COOKIE_BYTES // max(1, len(value) - 1) + 1)
        headers.append((name, value))
    return headers


def read_slowly(headers: Headers) -> bytes | str | None:
    """Return the token, None or the refusal's code."""
    authorizations = [value for name, value in headers if name == b"authorization"]
    cookies = b"; ".join(value for name, value in headers if name == b"cookie")
    if len(authorizations) > 1:
        return "authorization_repeated"
    for authorization in authorizations:
        bearer = BEARER.fullmatch(authorization)
        if bearer is not None:
            return bearer[1]
        if re.split(rb"[ \t]", authorization)[0].lower() == b"bearer":
            return "authorization_malformed"
    if len(cookies) > MAXIMUM_COOKIE_BYTES:
        return "cookie_too_large"
    pairs = [pair.strip(b" \t") for pair in cookies.split(b";")]
    values = [pair[len(COOKIE) + 1 :] for pair in pairs if pair.startswith(COOKIE + b"=")]
    if len(values) > 1:
        return "cookie_repeated"
    return values[0].strip(b" \t") or None if values else None


def check(data: bytes) -> None:
    """Hold `find_credential` to the invariant on one input."""
    headers = parse_headers(data)
    found: bytes | str | None
    try:
        credential = find_credential(headers)
        found = None if credential is None else credential.token
    except TokenRefused as refusal:
        credential = None
        found = refusal.code
    expected = read_slowly(headers)
    assert found == expected, f"{found!r} for {headers!r}, expected {expected!r}"
    for verified in tokens_in(headers):
        for is_bearer in (True, False):
            cache = TokenCache(Revocations())
            state = cache.insert(Credential(verified, is_bearer), 1.0, Claims({}), 1)
            recalled = cache.recall(headers, 0.0)
            assert recalled is None or credential == (verified, is_bearer), f"{headers!r}"
            assert recalled in (None, state)


def tokens_in(headers: Headers) -> set[bytes]:
    """Return whatever in `headers` has only letters that a token has."""
    return {piece for _, value in headers for piece in re.findall(rb"[\w.-]+", value[:1000])}
