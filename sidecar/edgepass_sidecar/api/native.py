"""Native mode: an app without cookies sends its client token in `Authorization`, and gets it there.

Such a request carries no credential that a browser adds by itself, so no other
site can borrow it; what says that it comes from a page is held to the rules for pages.
"""

from starlette.datastructures import Headers, QueryParams
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from edgepass_sidecar.service.refusal import Refused

_PATHS = ("/v1/client", "/v1/environment", "/v1/me")
_METHODS = ["GET", "POST", "DELETE"]
# Browsers send at least one of these with whatever a page asks for.
_PAGE_FIELDS = ("origin", "referer", "sec-fetch-site")


def is_native(request: HTTPConnection) -> bool:
    return request.query_params.getlist("_is_native") == ["1"]


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


class Cors:
    """Lets pages of the allowed origins read answers: with their cookie, or else in native mode.

    `Authorization` passes in native mode alone, so that no page is invited to hold a secret key.
    """

    def __init__(self, app: ASGIApp, *, allow_origins: list[str]) -> None:
        self._with_cookie = CORSMiddleware(
            app,
            allow_origins=allow_origins,
            allow_credentials=True,
            allow_methods=_METHODS,
            allow_headers=["content-type"],
            expose_headers=["retry-after"],
        )
        self._native = CORSMiddleware(
            app,
            allow_origins=allow_origins,
            allow_methods=_METHODS,
            allow_headers=["authorization", "content-type"],
            expose_headers=["authorization", "retry-after"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cors = self._native if _is_native_call(scope) else self._with_cookie
        await cors(scope, receive, send)


def _is_native_call(scope: Scope) -> bool:
    if scope["type"] != "http" or not scope["path"].startswith(_PATHS):
        return False
    return QueryParams(scope["query_string"]).getlist("_is_native") == ["1"]
