"""Whose address a request came from, whatever the sender writes into the headers about it."""

import time
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from edgepass_sidecar.api.addresses import MAXIMUM_CHARACTERS, MAXIMUM_HOPS, client_address

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXY, CLIENT, FORGED = "10.0.0.1", "198.51.100.1", "192.0.2.66"


def _address(peer: str = PROXY, *, xff: Sequence[str] = (), forwarded: Sequence[str] = ()) -> str:
    fields = [("x-forwarded-for", value) for value in xff]
    fields += [("forwarded", value) for value in forwarded]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in fields]
    return client_address(peer, Headers(raw=raw), TRUSTED)


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::1%<script>", "fe80::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("", ""),
        ("unix", ""),
        ("010.0.0.1", ""),
    ],
)
def test_without_headers_it_is_the_peers_in_canonical_text(peer: str, found: str) -> None:
    assert _address(peer) == found


@pytest.mark.parametrize(
    "peer", ["203.0.113.9", "11.0.0.0", "9.255.255.255", "2001:db8::1", "fc00::1"]
)
def test_what_a_stranger_says_of_others_is_not_believed(peer: str) -> None:
    assert _address(peer, xff=[CLIENT], forwarded=[f"for={CLIENT}"]) == peer


@pytest.mark.parametrize("peer", ["", "unix", "not an address"])
def test_a_peer_without_an_address_is_not_trusted(peer: str) -> None:
    assert _address(peer, xff=[CLIENT]) == ""


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([CLIENT], CLIENT),
        ([f"{FORGED}, {CLIENT}"], CLIENT),
        ([FORGED, CLIENT], CLIENT),
        ([f"{FORGED}, {CLIENT}, 10.9.9.9"], CLIENT),
        ([f"{FORGED}, {CLIENT}", "10.9.9.9", "fd00::2,10.0.0.2"], CLIENT),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        ([f"{FORGED},10.0.0.7,{CLIENT}"], CLIENT),
        ([f" \t{CLIENT}\t "], CLIENT),
        ([f"{CLIENT}:4711"], CLIENT),
        (["2001:DB8::0001"], "2001:db8::1"),
        (["[2001:db8::1]"], "2001:db8::1"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["::ffff:198.51.100.1"], CLIENT),
        ([f"{FORGED}, {CLIENT}, ::ffff:10.2.2.2"], CLIENT),
        ([f"{CLIENT}, fd00::2"], CLIENT),
    ],
)
def test_x_forwarded_for_is_read_from_the_right_past_trusted_hops_only(
    fields: list[str], found: str
) -> None:
    assert _address(xff=fields) == found


@pytest.mark.parametrize(
    "hop",
    [
        "",
        "unknown",
        "_hidden",
        "nonsense",
        "<script>",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:123456",
        "1.2.3.4:http",
        "1.2.3.4 5",
        "1.2.3.4%eth0",
        "fe80::1%eth0",
        "[1.2.3.4]",
        "[2001:db8::1",
        "2001:db8::1]",
        "[[2001:db8::1]]",
        "[2001:db8::1]443",
        "[]",
        "0x7f.1",
        "2130706433",
        "for=1.2.3.4",
        '"1.2.3.4"',
        "1.2.3.4\x00",
        "1.2.3.4\xa0",
        "\xb2.2.3.4",
        "1:2:3:4:5:6:7:8:9",
        ":",
        "...",
        "." * 15,
        "1" * 4000,
    ],
)
@pytest.mark.parametrize(("right", "last_good"), [("", PROXY), (", 10.0.0.2", "10.0.0.2")])
def test_a_hop_that_is_no_address_ends_the_walk_at_the_last_good_one(
    hop: str, right: str, last_good: str
) -> None:
    assert _address(xff=[f"{FORGED}, {hop}{right}"]) == last_good


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([f"for={CLIENT}"], CLIENT),
        ([f"For={CLIENT};Proto=https;BY=10.0.0.1"], CLIENT),
        ([f"proto=https; for={CLIENT} ;host=example.com"], CLIENT),
        ([f'for="{CLIENT}"'], CLIENT),
        ([f'for="{CLIENT}:4711"'], CLIENT),
        ([f'for="{CLIENT}:_port"'], CLIENT),
        (['for="[2001:db8::1]:4711"'], "2001:db8::1"),
        (['for="[2001:DB8:0::1]"'], "2001:db8::1"),
        (['for="[::ffff:198.51.100.1]"'], CLIENT),
        ([r'for="198\.51.100.\1"'], CLIENT),
        ([f'for={FORGED}, for={CLIENT}, for="10.0.0.9"'], CLIENT),
        ([f"for={FORGED}", f"for={CLIENT}, for=10.0.0.9"], CLIENT),
        (["for=10.1.1.1,for=10.2.2.2"], "10.1.1.1"),
        ([f'for={FORGED};host="a,b;c", for={CLIENT};host="d, for={FORGED}"'], CLIENT),
        ([f'for={FORGED};x="\\",for={FORGED}", for={CLIENT}'], CLIENT),
    ],
)
def test_forwarded_is_read_from_the_right_past_trusted_hops_only(
    fields: list[str], found: str
) -> None:
    assert _address(forwarded=fields) == found


@pytest.mark.parametrize(
    "element",
    [
        "for=unknown",
        "for=_hidden",
        'for="_hidden:80"',
        'for="unknown:80"',
        "proto=https",
        "for=1.2.3",
        'for=""',
        "for=[2001:db8::1]",
        "for=2001:db8::1",
        'for="2001:db8::1"',
        'for="[1.2.3.4]"',
        "for=1.2.3.4:80",
        "for =1.2.3.4",
        "for= 1.2.3.4",
        "for",
        "=1.2.3.4",
        "1.2.3.4",
        "for=1.2.3.4;for=5.6.7.8",
        "for=1.2.3.4;FOR=1.2.3.4",
        "for=1.2.3.4;",
        ";for=1.2.3.4",
        "for=1.2.3.4;;by=x",
        'for="1.2.3.4',
        'for=1.2.3.4"',
        'for="1.2.3.4"x',
        'for="1.2.3.4\\',
        'for="1.2.3.4\\"',
        'for="1.2.3.4\x01"',
        "for=1.2.3.4 5",
        "",
    ],
)
def test_an_element_without_an_address_ends_the_walk_at_the_last_good_one(element: str) -> None:
    assert _address(forwarded=[f"for={FORGED}, {element}"]) == PROXY
    assert _address(forwarded=[f"for={FORGED}", element, "for=10.0.0.2"]) == "10.0.0.2"


@pytest.mark.parametrize(
    "added",
    [
        f"for={CLIENT}",
        'for="[2001:db8::1]:4711"',
        f'for={CLIENT};host="a"',
        'for="_x";by="10.0.0.1"',
    ],
)
@pytest.mark.parametrize("opened", ['for=6.6.6.6;x="', 'for=6.6.6.6;x="\\', 'for=6.6.6.6, for="'])
def test_a_quote_left_open_by_the_sender_swallows_nothing_that_a_proxy_adds(
    opened: str, added: str
) -> None:
    assert _address(forwarded=[f"{opened}, {added}"]) == PROXY
    assert _address(forwarded=[opened, added]) == _address(forwarded=[added])


@pytest.mark.parametrize(
    ("xff", "forwarded", "found"),
    [
        ([CLIENT], [f"for={CLIENT}"], CLIENT),
        ([f"{FORGED}, {CLIENT}, 10.0.0.3"], [f"for={CLIENT}"], CLIENT),
        ([CLIENT], [f"for={FORGED}"], PROXY),  # the proxy knows X-Forwarded-For only
        ([FORGED], [f"for={CLIENT}"], PROXY),  # the proxy knows Forwarded only
        ([CLIENT], ["for=unknown"], PROXY),
        ([CLIENT], [""], PROXY),
        ([""], [f"for={CLIENT}"], PROXY),
    ],
)
def test_two_headers_that_lead_to_different_addresses_are_both_not_believed(
    xff: list[str], forwarded: list[str], found: str
) -> None:
    assert _address(xff=xff, forwarded=forwarded) == found


@pytest.mark.parametrize(
    ("proxies", "found"),
    [(MAXIMUM_HOPS - 1, CLIENT), (MAXIMUM_HOPS, "10.0.0.2"), (MAXIMUM_HOPS + 1, "10.0.0.2")],
)
def test_at_most_32_hops_are_walked(proxies: int, found: str) -> None:
    hops = [CLIENT] + ["10.0.0.2"] * proxies

    assert _address(xff=[",".join(hops)]) == found
    assert _address(forwarded=[",".join(f"for={hop}" for hop in hops)]) == found


@pytest.mark.parametrize("excess", [-1, 0, 1, 4, 9, 60_000])
def test_of_a_long_x_forwarded_for_only_the_end_is_read(excess: int) -> None:
    filler = "x" * (MAXIMUM_CHARACTERS + excess - len(CLIENT) - 1)

    assert _address(xff=[f"{filler},{CLIENT}"]) == CLIENT
    assert _address(xff=[filler, CLIENT]) == CLIENT


@pytest.mark.parametrize(
    ("excess", "found"), [(-1, "111.2.3.4"), (0, "111.2.3.4"), (1, "10.0.0.2")]
)
def test_an_address_that_is_cut_in_two_is_nobodys(excess: int, found: str) -> None:
    right = "10.0.0.2".rjust(MAXIMUM_CHARACTERS + excess - len("111.2.3.4,"))

    assert _address(xff=[f"111.2.3.4,{right}"]) == found


@pytest.mark.parametrize(("excess", "found"), [(-1, CLIENT), (0, CLIENT), (1, PROXY)])
def test_a_forwarded_field_is_read_whole_or_not_at_all(excess: int, found: str) -> None:
    padding = "x" * (MAXIMUM_CHARACTERS + excess - len(f"for={CLIENT};by="))

    assert _address(forwarded=[f"for={CLIENT};by={padding}"]) == found


def test_a_long_field_of_the_sender_does_not_hide_it_behind_a_proxy_that_adds_its_own() -> None:
    assert _address(forwarded=["for=" + "x" * 60_000, f"for={CLIENT}"]) == CLIENT


@pytest.mark.parametrize(
    "text",
    [
        "," * 65_536,
        "10.0.0.2," * 8_192,
        "[" * 65_536,
        ":" * 65_536,
        " " * 65_536,
        "\t," * 32_768,
        'for="' + "\\" * 65_536,
        'for="' + '\\"' * 2_040,
        "for=" + "a" * 4_092,
        "for=a;" * 682,
        "a=b;" * 1_024,
        "for=10.0.0.2," * 315,
        'a="' * 1_365,
        " \t" * 2_048,
        "=" * 4_096,
    ],
)
def test_a_hostile_header_costs_no_more_than_its_length(text: str) -> None:
    def find() -> None:
        assert _address(xff=[text], forwarded=[text]) in (PROXY, "10.0.0.2")

    # The best of five: what is quadratic is slow each time, a collection of garbage is not.
    assert min(repeat(find, timer=time.thread_time, number=1)) < 0.05


HOPS = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(
        ["10.0.0.2", "fd00::2", "unknown", "_x", "", "for=1.2.3.4", 'for="[::1]:1"', '"']
    ),
    st.text(st.characters(max_codepoint=255), max_size=20),
)
FIELDS = st.lists(st.lists(HOPS, max_size=4).map(",".join), max_size=3)


@given(st.one_of(st.ip_addresses().map(str), st.text(max_size=20)), FIELDS, FIELDS)
def test_whatever_is_sent_the_answer_is_a_canonical_address_or_nothing(
    peer: str, xff: list[str], forwarded: list[str]
) -> None:
    found = _address(peer, xff=xff, forwarded=forwarded)

    assert found == "" or found == str(ip_address(found))


@given(st.ip_addresses().map(str), FIELDS)
def test_whatever_is_sent_in_front_of_it_what_a_trusted_proxy_saw_is_what_counts(
    client: str, sent: list[str]
) -> None:
    seen = _address(xff=[client])
    if any(ip_address(seen) in network for network in TRUSTED):
        return
    node = f'"[{client}]"' if ":" in client else client

    assert _address(xff=[*sent, client]) == seen
    assert _address(xff=[",".join([*sent, client])]) == seen
    assert _address(forwarded=[*sent, f"for={node}"]) == seen
    assert _address(xff=sent, forwarded=[f"for={node}"]) in {seen, PROXY}
    assert _address(xff=[client], forwarded=sent) in {seen, PROXY}
    assert _address(forwarded=[",".join([*sent, f"for={node}"])]) in {seen, PROXY}
