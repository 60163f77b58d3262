"""Where a webhook may go: to the public internet, and inside only where that was allowed."""

from ipaddress import ip_address

import pytest

from edgepass_sidecar.webhook_addresses import (
    LOOPBACK_TOO,
    PRIVATE_TOO,
    PUBLIC_ONLY,
    AddressRefused,
    Reach,
    reach_of,
    validate_address,
)

REACHES = {
    Reach.PUBLIC: [
        "1.1.1.1",
        "93.184.216.34",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "2606:4700:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1",
        "2002:101:101::1",
    ],
    Reach.LOOPBACK: [
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
    ],
    Reach.PRIVATE: [
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",  # carriers' shared space, RFC 6598
        "0.0.0.1",
        "192.0.2.1",  # documentation
        "198.18.0.1",  # benchmarks
        "fc00::1",
        "fdff::1",
        "fec0::1",  # site-local, RFC 3879
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "64:ff9b::192.168.0.1",
        "2002:a00:1::1",
    ],
    Reach.LINK_LOCAL: [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
    ],
    Reach.NOWHERE: [
        "0.0.0.0",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "ff02::1",
        "ff0e::1",
        "::10.0.0.1",  # IPv4-compatible, RFC 4291 2.5.5.1: given up
        "64:ff9b:1::1",  # a translator's private prefix, RFC 8215
        "::ffff:0.0.0.0",
        "::ffff:224.0.0.1",
    ],
}
TABLE = [(text, reach) for reach, texts in REACHES.items() for text in texts]


@pytest.mark.parametrize(("text", "reach"), TABLE)
def test_an_address_reaches_as_far_as_what_it_stands_for(text: str, reach: Reach) -> None:
    assert reach_of(ip_address(text)) is reach


@pytest.mark.parametrize(("text", "reach"), TABLE)
@pytest.mark.parametrize("allowed", [PUBLIC_ONLY, LOOPBACK_TOO, PRIVATE_TOO], ids=len)
def test_only_what_is_allowed_is_taken(text: str, reach: Reach, allowed: frozenset[Reach]) -> None:
    if reach in allowed:
        assert validate_address(text, allowed=allowed, is_plain=False) == text
        return
    with pytest.raises(AddressRefused) as refused:
        validate_address(text, allowed=allowed, is_plain=False)
    assert text in str(refused.value)


def test_nothing_allows_what_is_no_host() -> None:
    assert Reach.NOWHERE not in PRIVATE_TOO
    assert PUBLIC_ONLY < LOOPBACK_TOO < PRIVATE_TOO


def test_nothing_is_sent_unencrypted_over_a_public_network() -> None:
    with pytest.raises(AddressRefused, match="by https only"):
        validate_address("1.1.1.1", allowed=PRIVATE_TOO, is_plain=True)
    assert validate_address("10.0.0.1", allowed=PRIVATE_TOO, is_plain=True) == "10.0.0.1"


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "0x7f.1", "1.2.3.4:80", "[::1]"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressRefused, match="cannot be read"):
        validate_address(text, allowed=PRIVATE_TOO, is_plain=False)
