"""Where a browser may be sent: URLs that all parsers read alike, on origins that are listed.

A browser's own parser (the WHATWG URL Standard, sections 3.5 and 4.4) mends
much of what RFC 3986 calls wrong: it drops tabs, takes a backslash for a slash,
adds missing slashes, maps full-width letters, adds up IPv4 addresses. A URL
that it would have to mend to know where it leads is refused here.
"""

import ipaddress
import re

from edgepass_sidecar.service.refusal import Refused

MAXIMUM_URL_CHARACTERS = 2_048
_DEFAULT_PORTS = {"http": "80", "https": "443"}
# Printable ASCII, without what no browser leaves in a URL that it has parsed, and with
# a percent sign only before two hexadecimal digits.
_TEXT = re.compile(r"(?:[!#$&-;=?-\[\]^_a-z{|}~]|%[0-9A-Fa-f]{2})*")
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[^?#]*)?(?P<rest>(?:\?[^#]*)?(?:#[^#]*)?)",
    re.IGNORECASE | re.ASCII,
)
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
# What makes a host an IPv4 address to a browser: its last label is a number.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


def validate_redirect(url: str, allowed_origins: frozenset[str], own: str) -> str:
    """Return `url` with its origin as browsers write it, or raise `Refused`.

    The origin must be `own` or one of `allowed_origins`, exactly. 422 for what
    is no absolute http or https URL, or can be read in two ways; 403 for one
    that leads elsewhere.
    """
    if len(url) > MAXIMUM_URL_CHARACTERS or not _TEXT.fullmatch(url):
        raise _invalid()
    parts = _URL.fullmatch(url)
    if parts is None:
        raise _invalid()
    path, rest = parts["path"] or "/", parts["rest"]
    # Older parsers end the host at a slash alone, and take what is before an @ for a user.
    if (parts["path"] is None and "@" in rest) or not _is_plain(path):
        raise _invalid()
    origin = _origin(parts["scheme"].lower(), parts["host"].lower(), parts["port"])
    if origin != own and origin not in allowed_origins:
        raise Refused(
            403, "redirect_url_not_allowed", "The redirect URL is not in EDGEPASS_ALLOWED_ORIGINS."
        )
    return origin + path + rest


def _invalid() -> Refused:
    return Refused(422, "redirect_url_invalid", "The redirect URL must be a plain, absolute URL.")


def _is_plain(path: str) -> bool:
    # Whoever keeps the path alone must not find a host in it; and how far up dots
    # lead depends on who counts them.
    return not path.startswith("//") and not any(map(_DOTS.fullmatch, path.split("/")))


def _origin(scheme: str, host: str, port: str | None) -> str:
    if not (_is_ipv6(host) if host.startswith("[") else _is_name_or_ipv4(host)):
        raise _invalid()
    if port is not None and int(port) > 65_535:
        raise _invalid()
    return f"{scheme}://{host}" + (f":{port}" if port not in (None, _DEFAULT_PORTS[scheme]) else "")


def _is_name_or_ipv4(host: str) -> bool:
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _NAME.fullmatch(host) is not None
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    # Mapped ones have two usual spellings, and are another address besides.
    return address.ipv4_mapped is None and host == f"[{address.compressed}]"
