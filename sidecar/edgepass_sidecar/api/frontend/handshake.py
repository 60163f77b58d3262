"""Handshake and sync: a page comes from the app, and goes back with what signs it in."""

from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.api.redirects import validate_redirect
from edgepass_sidecar.service.handshake import keep_payload, recognise_browser
from edgepass_sidecar.service.refusal import Refused

NONCE = "__clerk_handshake_nonce"
_SYNCED = {"__clerk_synced": "true"}


class Handshake(msgspec.Struct):
    """SDKs send more; nothing else has an effect here."""

    redirect_url: str
    suffixed_cookies: bool = False
    format: str = "nonce"


async def get_handshake(context: Context, request: Request, query: Handshake) -> Response:
    """Send a page back to the app, whose server finds there what to set as cookies."""
    if query.format != "nonce":
        raise Refused(
            422, "handshake_format_invalid", "Only format=nonce: no token is put into a URL."
        )
    return await _send_back(context, request, query, {})


async def get_sync(context: Context, request: Request, query: Handshake) -> Response:
    """Do the same for an app on another site, which learns by the query that it was here."""
    return await _send_back(context, request, query, _SYNCED)


async def _send_back(
    context: Context, request: Request, asked: Handshake, more: dict[str, str]
) -> Response:
    settings = context.settings
    target = validate_redirect(asked.redirect_url, settings.allowed_origins, settings.public_url)
    party = "{0.scheme}://{0.netloc}".format(urlsplit(target))
    browser = await recognise_browser(context.core, context.client_token(request), party)
    sees_cookie = not more and _sees_cookies(context, urlsplit(target).hostname or "")
    directives = context.cookies.directives(browser, suffixed=asked.suffixed_cookies)
    if sees_cookie:
        directives.append(context.cookies.no_nonce(NONCE))
    nonce = await keep_payload(context.core, directives)
    response = answer({}, 307)
    if sees_cookie:
        response.headers.append("set-cookie", context.cookies.nonce(NONCE, nonce))
    else:
        more = {**more, NONCE: nonce}
    response.headers["location"] = _with_query(target, more)
    return response


def _sees_cookies(context: Context, host: str) -> bool:
    """Say whether the app's server gets a cookie that we set; else the nonce is in the URL.

    A cookie it is where that is possible: nobody can plant one there, and lead
    somebody else's browser into a session of their own.
    """
    own = urlsplit(context.settings.public_url).hostname
    domain = context.settings.cookie_domain
    if not context.settings.production:
        return False  # SDKs clean the URL for us there, and leave cookies where they are
    return host == own or (domain is not None and f".{host}".endswith(f".{domain}"))


def _with_query(url: str, more: dict[str, str]) -> str:
    if not more:
        return url
    base, hash_sign, fragment = url.partition("#")
    joint = "&" if "?" in base else "?"
    return f"{base}{joint}{urlencode(more)}{hash_sign}{fragment}"


ROUTES = [
    Operation(
        "GET",
        "/v1/client/handshake",
        get_handshake,
        "Send a page back to the app, signed in",
        query=Handshake,
        access=Access.NAVIGATION,
        status=307,
    ),
    Operation(
        "GET",
        "/v1/client/sync",
        get_sync,
        "Do the same for an app on another site",
        query=Handshake,
        access=Access.NAVIGATION,
        status=307,
    ),
]
