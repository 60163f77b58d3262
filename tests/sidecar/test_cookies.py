"""The cookies of the sidecar and the app, as values: their names, attributes and texts."""

import pytest

from edgepass_sidecar.api.cookies import Cookies, make_cookies
from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key
from edgepass_sidecar.service.handshake import SignedInBrowser
from tests.sidecar.handshakes import parse_directives

COOKIES = Cookies(is_https=True, domain="example.com", suffix="s")
BROWSER = SignedInBrowser(changed_at=7, token="t", refresh_token="r")
APP, FAR = "app.example.com", "app.elsewhere.test"


@pytest.mark.parametrize(
    ("host", "is_shared"),
    [
        ("example.com", True),
        ("app.example.com", True),
        ("a.b.example.com", True),
        ("notexample.com", False),
        ("example.com.evil.test", False),
        ("com", False),
        ("", False),
    ],
)
def test_a_domain_is_shared_with_what_is_below_it(host: str, is_shared: bool) -> None:
    assert COOKIES.is_shared_with(host) is is_shared
    assert not make_cookies("https://auth.example.com").is_shared_with(host)


@pytest.mark.parametrize("suffixed", [False, True])
def test_a_session_is_set_for_the_apps_host_alone(suffixed: bool) -> None:
    found = parse_directives(COOKIES.directives(BROWSER, APP, suffixed=suffixed))
    plain = {"Path=/", "Max-Age=34560000", "SameSite=Lax", "Secure"}
    names = {"__session", "__session_s"} if suffixed else {"__session"}
    assert {n for n in found if n.startswith("__session")} == names
    assert all(found[name].value == "t" and found[name].attributes == plain for name in names)
    assert found["__refresh_s"].value == "r"
    assert found["__refresh_s"].attributes == plain | {"HttpOnly"}
    for name in ("__client_uat", "__client_uat_s"):
        assert found[name].value == "7"
        assert found[name].attributes == plain | {"Domain=example.com"}


def test_an_app_elsewhere_sets_nothing_for_a_domain_that_it_is_not_in() -> None:
    for browser in (BROWSER, None):
        found = parse_directives(COOKIES.directives(browser, FAR, suffixed=True))
        assert not any("Domain=example.com" in each.attributes for each in found.values())


def test_without_a_session_nothing_of_one_is_left() -> None:
    for suffixed in (False, True):
        found = parse_directives(COOKIES.directives(None, APP, suffixed=suffixed))
        deleted = {name for name, directive in found.items() if directive.deletes}
        assert deleted == {"__session", "__session_s", "__refresh_s"}
        assert found["__client_uat"].value == found["__client_uat_s"].value == "0"


def test_without_a_refresh_token_none_is_set_or_taken() -> None:
    browser = SignedInBrowser(changed_at=7, token="t", refresh_token=None)
    assert not any("__refresh" in line for line in COOKIES.directives(browser, APP, suffixed=True))


def test_a_host_that_no_key_can_name_has_no_suffixes() -> None:
    cookies = make_cookies("http://localhost:8787")
    found = parse_directives(cookies.directives(BROWSER, "localhost", suffixed=True))
    assert found.keys() == {"__session", "__client_uat"}
    assert cookies.session("t", suffixed=True) == cookies.session("t", suffixed=False)


def test_on_http_the_cookies_of_both_keys_are_set() -> None:
    url = "http://127.0.0.1:8787"
    live, test = (find_publishable_key(url, production=each) for each in (True, False))
    assert live
    assert test
    suffixes = (cookie_suffix(live), cookie_suffix(test))
    cookies = make_cookies(url)
    names = [f"__session_{suffix}" for suffix in suffixes]
    assert list(parse_directives(cookies.session("t", suffixed=True))) == ["__session", *names]
    marks = parse_directives(cookies.marks_of_development(""))
    assert marks.keys() == {"__clerk_db_jwt", *(f"__clerk_db_jwt_{s}" for s in suffixes)}
    assert "__clerk_db_jwt" not in parse_directives(cookies.marks_of_development("x"))
    assert "HttpOnly" not in "".join(cookies.marks_of_development(""))


def test_on_https_no_cookie_is_of_a_key_for_development() -> None:
    assert make_cookies("https://auth.example.com").development_suffix is None


def test_a_nonce_is_for_servers_alone_and_as_short_as_it_works() -> None:
    (found,) = parse_directives([COOKIES.nonce("n", "x")]).values()
    expected = {"Path=/", "Domain=example.com", "HttpOnly", "SameSite=Lax", "Secure"}
    assert (found.value, found.attributes) == ("x", expected | {"Max-Age=10"})
    (gone,) = parse_directives([COOKIES.no_nonce("n")]).values()
    assert gone.attributes == expected | {"Max-Age=0"}
