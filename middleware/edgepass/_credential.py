"""Where a request carries its session token: Bearer first, else a cookie (RFC 6750 section 2)."""

from typing import NamedTuple

from edgepass._asgi import Headers
from edgepass._cookies import find_cookies
from edgepass._errors import (
    AuthorizationMalformed,
    AuthorizationRepeated,
    CookieRepeated,
    CookieTooLarge,
)

SESSION_COOKIE = b"__session"
MAXIMUM_COOKIE_BYTES = 16 * 1024
BEARER = b"Bearer "  # the usual spelling
_SPACE = ord(" ")


class Credential(NamedTuple):
    """A session token as it was sent, and whether it came by `Authorization` or by the cookie."""

    token: bytes
    is_bearer: bool


def find_credential(headers: Headers) -> Credential | None:
    """Return what the request carries, or `None` when it carries no session token.

    A Bearer credential settles it: when it is bad the request is refused, and
    the cookie is not a second try, nor looked at. Another scheme leaves the way to
    the cookie open. Raises a `CredentialRefused` for what is ambiguous or too large.
    """
    authorization: bytes | None = None
    cookies: list[bytes] = []
    for name, value in headers:
        if name == b"authorization":
            if authorization is not None:
                raise AuthorizationRepeated("the request has more than one Authorization field")
            authorization = value
        elif name == b"cookie":
            cookies.append(value)
    if authorization is not None:
        token = _find_bearer(authorization)
        if token is not None:
            return Credential(token, is_bearer=True)
    if not cookies:
        return None
    # HTTP/2 may split the header into fields (RFC 9113 section 8.2.3).
    token = _find_session_cookie(b"; ".join(cookies))
    return None if token is None else Credential(token, is_bearer=False)


def _find_bearer(authorization: bytes) -> bytes | None:
    """Return what follows the Bearer scheme and its spaces, or `None` for another scheme."""
    if authorization[:6].lower() != b"bearer" or authorization[6:7] not in (b"", b" ", b"\t"):
        return None
    token = authorization[6:].lstrip(b" ")
    if not token or authorization[6] != _SPACE:
        raise AuthorizationMalformed("the Bearer scheme is not followed by a space and a token")
    return token


def _find_session_cookie(cookies: bytes) -> bytes | None:
    if len(cookies) > MAXIMUM_COOKIE_BYTES:
        raise CookieTooLarge("the Cookie header is longer than 16 kB")
    values = find_cookies(cookies, SESSION_COOKIE)
    if len(values) > 1:
        raise CookieRepeated("the request has more than one session cookie")
    # An empty value is how a page signs out.
    return values[0] if values and values[0] else None
