"""The HTTP client library: httpx2, the maintained successor with the same API, else httpx."""

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

try:
    import httpx2 as httpx
except ImportError:
    import httpx  # type: ignore[no-redef]

__all__ = ["httpx", "make_client", "parse_hook_url"]


def parse_hook_url(text: str) -> httpx.URL:
    """Return the URL of an app's hook, http or https, or raise `ValueError`, which repeats nothing.

    It is judged as the client that connects understands it, and not by another parser.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise ValueError("the URL cannot be read") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise ValueError("the URL must be https, with a host, without a user and a fragment")
    if not text.isascii() or any(character <= " " for character in text):
        raise ValueError("the URL has characters that must be percent-encoded")
    return url


def make_client(*, at_once: int, connect_timeout: float | None = None) -> httpx.AsyncClient:
    """Return a client for hooks of the app, with a connection for each request.

    Its caller bounds a request as a whole; `connect_timeout` is in seconds.
    """
    return httpx.AsyncClient(
        # Neither proxies nor .netrc of the environment: where a request goes, and
        # with which credentials, the settings alone say.
        trust_env=False,
        verify=ssl.create_default_context(),
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=connect_timeout),
        # On a connection that is kept, what a hook sends too much would be read as
        # the answer to the next request, which is about somebody else.
        limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=0),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
