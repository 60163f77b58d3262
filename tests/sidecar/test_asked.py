"""What a request says: its origin as a table, its cookie in linear time, its address, its body."""

import contextlib
import itertools
import time
from ipaddress import ip_network
from timeit import repeat

import pytest
from starlette.requests import Request

from edgepass_sidecar.api.asked import authorized_party, find_cookie
from edgepass_sidecar.api.fields import Fields
from edgepass_sidecar.service.refusal import Refused
from tests.support.sidecar import APP_ORIGIN, PUBLIC_URL

NAME = "__Host-client"
METHODS = ("GET", "POST", "PATCH", "DELETE")
SITES = (None, "same-origin", "same-site", "cross-site", "none")
GOOD_ORIGINS = (APP_ORIGIN, PUBLIC_URL)
BAD_ORIGINS = (
    "null",
    "",
    "*",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://evilapp.example.com",
    "https://app.example.com:444",
    "https://app.example.com:443",
    "http://app.example.com",
    "https://app.example.com/",
    "https://APP.example.com",
    "https://me@app.example.com",
    "https://example.com",
    "https://app.example.com https://evil.example",
    f"{APP_ORIGIN}, https://evil.example",
)


def _request(
    method: str = "GET",
    *fields: tuple[str, str | None],
    address: str | None = "203.0.113.9",
) -> Request:
    return Request(
        {
            "type": "http",
            "method": method,
            "path": "/",
            "query_string": b"",
            "headers": [(n.encode(), v.encode("latin-1")) for n, v in fields if v is not None],
            "client": (address, 1) if address else None,
        }
    )


def _party(method: str, *fields: tuple[str, str | None]) -> str:
    try:
        return authorized_party(_request(method, *fields), frozenset({APP_ORIGIN}), PUBLIC_URL)
    except Refused as refusal:
        return {403: refusal.code}[refusal.status]


@pytest.mark.parametrize(
    ("method", "origin", "site"), list(itertools.product(METHODS, GOOD_ORIGINS, SITES))
)
def test_an_allowed_origin_is_the_authorized_party(
    method: str, origin: str, site: str | None
) -> None:
    assert _party(method, ("origin", origin), ("sec-fetch-site", site)) == origin


@pytest.mark.parametrize(
    ("method", "origin", "site"), list(itertools.product(METHODS, BAD_ORIGINS, SITES))
)
def test_any_other_origin_is_refused_whatever_else_is_said(
    method: str, origin: str, site: str | None
) -> None:
    assert _party(method, ("origin", origin), ("sec-fetch-site", site)) == "origin_invalid"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("site", SITES)
def test_without_an_origin_only_a_request_to_the_sidecar_s_own_origin_is_taken(
    method: str, site: str | None
) -> None:
    expected = PUBLIC_URL if site == "same-origin" else "origin_missing"
    assert _party(method, ("sec-fetch-site", site)) == expected


@pytest.mark.parametrize("second", [APP_ORIGIN, "https://evil.example"])
def test_two_origins_are_refused(second: str) -> None:
    fields = (("origin", APP_ORIGIN), ("origin", second), ("sec-fetch-site", "same-origin"))
    assert _party("POST", *fields) == "origin_invalid"


def test_a_host_header_is_no_origin() -> None:
    assert _party("POST", ("host", "auth.example.com")) == "origin_missing"


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("rest", ["", "/", "/page?a=https://evil.example#b", "?a", "#a"])
@pytest.mark.parametrize("origin", GOOD_ORIGINS)
def test_without_an_origin_the_referer_names_it(origin: str, rest: str, site: str | None) -> None:
    assert _party("GET", ("referer", origin + rest), ("sec-fetch-site", site)) == origin


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(
    "referer",
    [
        "https://evil.example/",
        f"https://evil.example/{APP_ORIGIN}/",
        f"{APP_ORIGIN}.evil.example/",
        f"{APP_ORIGIN}@evil.example/",
        f"{APP_ORIGIN}:444/",
        f"{APP_ORIGIN}\\@evil.example/",
        f"{APP_ORIGIN}%2f.evil.example/",
        "https://me@app.example.com/",
        "http://app.example.com/",
        "//app.example.com/",
        "app.example.com",
        "null",
        "about:blank",
    ],
)
def test_another_referer_is_refused_even_where_the_site_is_the_same(
    referer: str, site: str | None
) -> None:
    assert _party("GET", ("referer", referer), ("sec-fetch-site", site)) == "origin_invalid"


def test_an_origin_outranks_the_referer() -> None:
    fields = (("origin", "https://evil.example"), ("referer", f"{APP_ORIGIN}/"))
    assert _party("POST", *fields) == "origin_invalid"


def test_two_referers_are_refused() -> None:
    fields = (("referer", f"{APP_ORIGIN}/"), ("referer", f"{APP_ORIGIN}/"))
    assert _party("GET", *fields) == "origin_invalid"


def _cookie(*fields: str, name: str = NAME) -> str | None:
    raw = [(b"cookie", field.encode("latin-1")) for field in fields]
    return find_cookie(Fields(raw), name)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ((), None),
        (("",), None),
        (("a=1; b=2",), None),
        ((NAME,), None),
        ((f"{NAME}=",), None),
        ((f"{NAME}=x",), "x"),
        ((f"a=1;{NAME}=x;b=2",), "x"),
        ((f"a=1 ;  {NAME} = x ",), "x"),
        ((f"{NAME}=x=y==",), "x=y=="),
        (("a=1", f"{NAME}=x", "b=2"), "x"),
        ((f"a{NAME}=1; {NAME}2=2; {NAME}=x",), "x"),
        ((f'a="; {NAME}=x',), "x"),
        ((f'{NAME}="x"',), '"x"'),
        ((f"=1; ;;{NAME}=x;",), "x"),
    ],
)
def test_a_cookie_is_found_among_others(fields: tuple[str, ...], value: str | None) -> None:
    assert _cookie(*fields) == value


@pytest.mark.parametrize(
    "fields",
    [
        (f"{NAME}=x; {NAME}=y",),
        (f"{NAME}=x; {NAME}=x",),
        (f"{NAME}=x", f"{NAME}=y"),
        (f"{NAME}=x; __host-client=y",),
        (f"__HOST-CLIENT=y; {NAME}=x",),
        (f"{NAME}=x; {NAME}=",),
        (f"{NAME}; {NAME}=x",),
    ],
)
def test_two_cookies_of_the_name_are_refused(fields: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as refusal:
        _cookie(*fields)
    assert refusal.value.status == 401


@pytest.mark.parametrize("padding", ["\xa0", "\x85", "\x1c", "\x1f", "\x0b", "\x0c"])
def test_a_name_padded_with_what_browsers_take_for_part_of_it_is_another_name(
    padding: str,
) -> None:
    # A browser does not hold such a name to the rules of __Host-, so a sibling domain can set it.
    assert _cookie(f"{padding}{NAME}=evil") is None


@pytest.mark.parametrize(("length", "refused"), [(16_383, False), (16_384, False), (16_385, True)])
def test_a_cookie_header_of_more_than_16_kb_is_refused(length: int, refused: bool) -> None:
    field = f"{NAME}=x; a=".ljust(length, "b")
    if not refused:
        assert _cookie(field) == "x"
        return
    with pytest.raises(Refused) as refusal:
        _cookie(field)
    assert refusal.value.status == 431


@pytest.mark.parametrize(
    "field", ['a="' + '\\"' * 32_768, "a=b;" * 4096, ";" * 16_384, "=" * 16_384]
)
def test_a_hostile_cookie_header_costs_no_more_than_its_length(field: str) -> None:
    def read() -> None:
        with contextlib.suppress(Refused):
            assert _cookie(field) is None

    # The best of five: what is quadratic is slow each time, a collection of garbage is not.
    assert min(repeat(read, timer=time.thread_time, number=1)) < 0.1


TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
