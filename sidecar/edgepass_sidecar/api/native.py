"""Native mode: an app without cookies sends its client token in `Authorization`, and gets it there.

Such a request carries no credential that a browser adds by itself, so no other
site can borrow it; what says that it comes from a page is held to the rules for pages.
"""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from edgepass_sidecar.api.fields import query_of
from edgepass_sidecar.service.refusal import Refused

# Browsers send at least one of these with whatever a page asks for.
_PAGE_FIELDS = ("origin", "referer", "sec-fetch-site")


def is_native(request: HTTPConnection) -> bool:
    # Most requests have no query, and each is asked several times.
    if not request.scope.get("query_string"):
        return False
    return query_of(request.scope).getlist("_is_native") == ["1"]


def is_of_a_page(headers: Headers) -> bool:
    return any(field in headers for field in _PAGE_FIELDS)


def find_bearer(headers: Headers) -> str | None:
    """Return what `Authorization` holds, with or without `Bearer`; `None` for another scheme.

    Two fields are refused (400; RFC 6750 section 2).
    """
    fields = headers.getlist("authorization")
    if len(fields) > 1:
        raise Refused(400, "authorization_repeated", "Send one Authorization field.")
    scheme, space, token = (fields[0] if fields else "").partition(" ")
    if not space:
        return scheme or None
    return token.strip(" ") if scheme.lower() == "bearer" else None
