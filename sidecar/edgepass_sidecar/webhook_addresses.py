"""Which addresses a webhook may go to: no host name leads into a network that is not public."""

import ipaddress
from enum import Enum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052 2.1: the last 32 bits are the IPv4 address that a translator connects to.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Reach(Enum):
    """How far an address reaches; its value is the word for it."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    NOWHERE = "not one host's"


LOOPBACK_TOO = frozenset((Reach.PUBLIC, Reach.LOOPBACK))
PRIVATE_TOO = LOOPBACK_TOO | {Reach.PRIVATE, Reach.LINK_LOCAL}
PUBLIC_ONLY = frozenset((Reach.PUBLIC,))


class AddressRefused(Exception):
    """A webhook must not go to an address; the text names it and says why."""


def reach_of(address: Address) -> Reach:
    """Say how far `address` reaches; one that stands for an IPv4 address reaches as far as that.

    What is neither public nor one of the others is private: networks that are
    shared, for documentation, for benchmarks or for the future.
    """
    meant = _meant_by(address)
    if meant.is_loopback:
        return Reach.LOOPBACK
    if meant.is_link_local:
        return Reach.LINK_LOCAL
    if meant.is_multicast or meant.is_unspecified or meant.is_reserved:
        return Reach.NOWHERE
    # fec0::/10 (RFC 3879) is private in fact, but not in the registry of `is_global`.
    is_local = isinstance(meant, ipaddress.IPv6Address) and meant.is_site_local
    return Reach.PUBLIC if meant.is_global and not is_local else Reach.PRIVATE


def validate_address(text: str, *, allowed: frozenset[Reach], is_plain: bool) -> str:
    """Return an address of the webhook's host, or raise `AddressRefused`.

    `is_plain` is that the webhook's URL is http: nothing is sent unencrypted over
    a public network.
    """
    try:
        reach = reach_of(ipaddress.ip_address(text))
    except ValueError:
        raise AddressRefused("the host's address cannot be read") from None
    if reach not in allowed:
        raise AddressRefused(
            f"{text} is {reach.value}, and webhooks go to public addresses only"
            " unless EDGEPASS_WEBHOOK_PRIVATE is on"
            if reach is not Reach.NOWHERE
            else f"{text} is {reach.value} address"
        )
    if is_plain and reach is Reach.PUBLIC:
        raise AddressRefused(f"{text} is public, and webhooks go there by https only")
    return text


def _meant_by(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
