"""Publishable keys and cookie suffixes, against figures that @clerk/shared 4.41.0 gave."""

import pytest

from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key


@pytest.mark.parametrize(
    ("public_url", "production", "key", "suffix"),
    [
        ("https://auth.example.com", True, "pk_live_YXV0aC5leGFtcGxlLmNvbSQ", "RpETpZ_T"),
        ("https://a.example", True, "pk_live_YS5leGFtcGxlJA", "RxSO82xV"),
        ("https://id.example.org:8443", True, "pk_live_aWQuZXhhbXBsZS5vcmc6ODQ0MyQ", "kHSrQsoz"),
        ("http://127.0.0.1:8787", False, "pk_test_MTI3LjAuMC4xOjg3ODck", "Nlb1kH_u"),
        (
            "http://sidecar.localhost:9000",
            False,
            "pk_test_c2lkZWNhci5sb2NhbGhvc3Q6OTAwMCQ",
            "j1RL56r2",
        ),
    ],
)
def test_a_key_and_its_suffix_are_those_of_the_sdks(
    public_url: str, production: bool, key: str, suffix: str
) -> None:
    assert find_publishable_key(public_url, production=production) == key
    assert cookie_suffix(key) == suffix


@pytest.mark.parametrize("host", ["localhost", "localhost:8787", "[::1]:8787"])
def test_a_host_without_a_dot_has_no_key(host: str) -> None:
    assert find_publishable_key(f"http://{host}", production=False) is None


def test_padding_written_out_is_another_key() -> None:
    assert cookie_suffix("pk_test_YS5iLmMk") != cookie_suffix("pk_test_YS5iLmMk=")
