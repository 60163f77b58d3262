"""The address that a request came from, past the proxies that we trust (RFC 7239, X-Forwarded-For).

Every proxy appends what it saw to the header that it knows and passes the other one on
as the sender wrote it. So headers are read from the right, past trusted hops only; and
where both are sent and lead to different addresses neither is believed, for we cannot
know which of the two the sender wrote. Whatever is in doubt ends the walk at the last
address that is not: a sender can so be shown as the proxy, never as somebody else.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import islice

from starlette.datastructures import Headers

from edgepass_sidecar.setting_values import Network

Address = IPv4Address | IPv6Address

MAXIMUM_CHARACTERS = 4096
MAXIMUM_HOPS = 32
_SPACES = " \t"
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
# RFC 7239 section 6. What else a node may be, `unknown` and `_hidden`, is no address.
_NODE = re.compile(rf"(?:([0-9.]{{7,15}})|\[([0-9A-Fa-f:.]{{2,45}})\]){_PORT}")
_BARE_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105
# RFC 7239 section 4. No two ways to match one text, so a failure is as fast as a match.
_PAIR = re.compile(
    rf"[ \t]*({_TOKEN})="
    rf'(?:({_TOKEN})|"((?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)")[ \t]*([;,]|\Z)'
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def client_address(peer: str, headers: Headers, trusted: Sequence[Network]) -> str:
    """Return the client's address in canonical text, or `""` where `peer` is no address.

    It is the peer's, unless that is in `trusted`; then what `Forwarded` and
    `X-Forwarded-For` say, read right to left, stopping at the first hop that is not
    trusted. IPv4-mapped IPv6 counts as IPv4. Never raises.
    """
    host = peer.partition("%")[0]  # a zone names an interface of this machine
    nearest = _find_address(host)
    if nearest is None:
        return ""
    if not trusted or not _is_within(nearest, trusted):
        return _canonical(host)
    found = []
    if fields := headers.getlist("x-forwarded-for"):
        found.append(_walk(nearest, _hops(fields), trusted))
    if fields := headers.getlist("forwarded"):
        found.append(_walk(nearest, _forwarded_hops(fields), trusted))
    agree = found and found[0] == found[-1]
    return str(found[0] if agree else nearest)


def _walk(nearest: Address, hops: Iterable[Address | None], trusted: Sequence[Network]) -> Address:
    last_good = nearest
    for hop in islice(hops, MAXIMUM_HOPS):
        if hop is None:
            break
        last_good = hop
        if not _is_within(hop, trusted):
            break
    return last_good


def _is_within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _hops(fields: list[str]) -> Iterator[Address | None]:
    """Yield the hops of `X-Forwarded-For` from the right; `None` where one cannot be read."""
    text = ",".join(fields)
    hops = text[-MAXIMUM_CHARACTERS:].split(",")
    if len(text) > MAXIMUM_CHARACTERS:
        # Half an address can be somebody else's address.
        hops[0] = ""
    for hop in reversed(hops):
        node = hop.strip(_SPACES)
        bare = _find_address(node) if _BARE_IPV6.fullmatch(node) else None
        yield bare or _find_node(node)


def _forwarded_hops(fields: list[str]) -> Iterator[Address | None]:
    """Yield the hops of `Forwarded` from the right; `None` where one cannot be read.

    A field is read whole or not at all, and each by itself: a quote that a sender
    leaves open in one must not swallow what a proxy adds in the next.
    """
    budget = MAXIMUM_CHARACTERS
    for field in reversed(fields):
        budget -= len(field)
        elements = _find_elements(field) if budget >= 0 else None
        for element in reversed(elements or [None]):
            yield None if element is None else _find_node(element)


def _find_elements(field: str) -> list[str | None] | None:
    """Return what each element is `for`, or `None` for a field that is not well-formed."""
    elements: list[str | None] = []
    named: dict[str, str] = {}
    position, separator = 0, ","
    while separator:
        pair = _PAIR.match(field, position)
        if pair is None or pair[1].lower() in named:
            return None
        named[pair[1].lower()] = pair[2] or _ESCAPED.sub(r"\1", pair[3] or "")
        position, separator = pair.end(), pair[4]
        if separator != ";":
            elements.append(named.get("for"))
            named = {}
    return elements


def _find_node(node: str) -> Address | None:
    match = _NODE.fullmatch(node)
    if match is None:
        return None
    address = _find_address(match[1] or match[2])
    # Brackets are for IPv6 (RFC 3986 section 3.2.2), and what they hold may still say IPv4.
    is_bracketed_ipv4 = match[2] is not None and ":" not in match[2]
    return None if is_bracketed_ipv4 else address


# Proxies are few, and a client comes back each minute. An entry is at most 45 characters
# of a header, or what the server says of a peer.
@lru_cache(4096)
def _find_address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(4096)  # likewise
def _canonical(text: str) -> str:
    return str(_find_address(text) or "")
