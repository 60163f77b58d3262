"""Handshake and sync: a page comes from the app, and goes back with what signs it in.

The page goes back with a nonce, for which the app's server gets the cookies to
set from the backend API. The nonce is in a cookie where the app's server sees
one of ours, and else in the URL. SDKs take one from a URL in either case: who
signs in, makes a nonce and has somebody else open the app with it within
`NONCE_LIFETIME` puts them into a session of their own. No rule here can prevent
it, as the app's server does not say who came; that page's next look at its
client, which has no such session, ends it.

Apps on another site (satellites) are served as far as their servers go: one
whose `proxyUrl` is the sidecar gets the cookies of the sidecar's browser. Its
pages cannot ask for tokens by themselves, because browsers keep the client
token from requests that another site's page makes.
"""

from typing import Annotated
from urllib.parse import unquote_plus, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.cookies import DEVELOPMENT_MARK
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.api.redirects import MAXIMUM_URL_CHARACTERS, validate_redirect
from edgepass_sidecar.service.handshake import keep_payload, recognise_browser
from edgepass_sidecar.service.refusal import Refused

NONCE = "__clerk_handshake_nonce"
_SYNCED = {"__clerk_synced": "true"}
_SATELLITE_NEEDS_SYNCING = "satellite-needs-syncing"


class Handshake(msgspec.Struct):
    """SDKs send more; nothing else has an effect here."""

    redirect_url: Annotated[
        str, msgspec.Meta(extra_json_schema={"format": "uri", "maxLength": MAXIMUM_URL_CHARACTERS})
    ]
    suffixed_cookies: bool = False
    format: Annotated[str, msgspec.Meta(extra_json_schema={"const": "nonce"})] = "nonce"
    reason: str = msgspec.field(default="", name="__clerk_hs_reason")
    development_mark: str = msgspec.field(default="", name=DEVELOPMENT_MARK)


async def get_handshake(context: Context, request: Request, query: Handshake) -> Response:
    """Send a page back to the app, whose server finds there what to set as cookies."""
    if query.format != "nonce":
        raise Refused(
            422, "handshake_format_invalid", "Only format=nonce: no token is put into a URL."
        )
    more = _SYNCED if query.reason == _SATELLITE_NEEDS_SYNCING else {}
    return await _send_back(context, request, query, more)


async def get_sync(context: Context, request: Request, query: Handshake) -> Response:
    """Do the same for an app on another site, which learns by the query that it was here."""
    return await _send_back(context, request, query, _SYNCED)


async def _send_back(
    context: Context, request: Request, asked: Handshake, more: dict[str, str]
) -> Response:
    settings = context.settings
    target = validate_redirect(asked.redirect_url, settings.allowed_origins, settings.public_url)
    _validate_navigation(request, settings.allowed_origins | {settings.public_url})
    response = answer({}, 307)
    if request.method != "HEAD":  # who only asks what there is leaves nothing behind
        in_cookie = _sees_cookies(context, target)
        nonce = await _keep(context, request, asked, target, in_cookie=in_cookie)
        if in_cookie:
            response.headers.append("set-cookie", context.cookies.nonce(NONCE, nonce))
        else:
            more = {**more, NONCE: nonce}
    response.headers["location"] = _with_query(target, more)
    return response


def _validate_navigation(request: Request, origins: frozenset[str]) -> None:
    """Refuse what cannot be a browser on its way from an app's page (Fetch, section 3.2).

    A navigation by GET has no `Origin`, and says that it is one if it says anything.
    """
    if any(origin not in origins for origin in request.headers.getlist("origin")):
        raise Refused(403, "origin_invalid", "This origin is not in EDGEPASS_ALLOWED_ORIGINS.")
    if any(mode != "navigate" for mode in request.headers.getlist("sec-fetch-mode")):
        raise Refused(403, "navigation_required", "Come here by a navigation, not from a script.")


async def _keep(
    context: Context, request: Request, asked: Handshake, target: str, *, in_cookie: bool
) -> str:
    """Keep for the app's server what it shall set, and return the nonce of it."""
    parts = urlsplit(target)
    party = f"{parts.scheme}://{parts.netloc}"
    browser = await recognise_browser(context.core, context.client_token(request), party)
    directives = context.cookies.directives(
        browser, parts.hostname or "", suffixed=asked.suffixed_cookies
    )
    if in_cookie:
        directives.append(context.cookies.no_nonce(NONCE))
    # Without it @clerk/backend sends a page with a key for development here for ever.
    if not context.settings.production:
        directives += context.cookies.marks_of_development(asked.development_mark)
    # A URL is kept in histories and logs, so there it works once. Of the tabs that a
    # browser opens at once, all come back with the last one's cookie.
    return await keep_payload(
        context.core, directives, is_secret=browser is not None, once=not in_cookie
    )


def _sees_cookies(context: Context, target: str) -> bool:
    """Say whether the app's server gets a cookie that we set; else the nonce is in the URL.

    A cookie it is where that is possible: no history, log or `Referer` has it.
    """
    settings, parts = context.settings, urlsplit(target)
    if not settings.production:
        return False  # SDKs clean the URL for us there, and leave cookies where they are
    host, own = parts.hostname or "", urlsplit(settings.public_url).hostname or ""
    if settings.cookie_domain is None:
        return parts.scheme == "https" and host == own
    return parts.scheme == "https" and all(map(context.cookies.is_shared_with, (host, own)))


def _with_query(url: str, more: dict[str, str]) -> str:
    """Return `url` with these parameters instead of any that it has by their names.

    SDKs go by the first of a name. A nonce goes in any case: it is from an earlier
    time, and would come before one in a cookie.
    """
    base, hash_sign, fragment = url.partition("#")
    path, _, query = base.partition("?")
    ours = {*more, NONCE}
    kept = [part for part in query.split("&") if _name(part) not in ours] if query else []
    query = "&".join([*kept, *([urlencode(more)] if more else [])])
    return f"{path}{'?' if query else ''}{query}{hash_sign}{fragment}"


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])


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
