"""Demands and claims at the edges where a small change of the code would go unseen."""

import pytest

from edgepass import Expectations
from edgepass._claims import validate_claims
from edgepass._errors import ClaimMalformed
from tests.support.issuer import ISSUER, session_claims

LATEST_TIME = 2**53


@pytest.mark.parametrize("lifetime", [0.001, 0.5, 1])
def test_a_maximum_lifetime_of_a_second_or_less_can_be_demanded(lifetime: float) -> None:
    assert Expectations(ISSUER, maximum_lifetime=lifetime).maximum_lifetime == lifetime


def test_one_byte_is_the_smallest_maximum_of_bytes() -> None:
    assert Expectations(ISSUER, maximum_token_bytes=1).maximum_token_bytes == 1


@pytest.mark.parametrize("setting", ["audience", "authorized_parties"])
def test_demands_show_the_names_they_were_given_and_differ_by_them(setting: str) -> None:
    one, other = Expectations(ISSUER, **{setting: "a"}), Expectations(ISSUER, **{setting: ["b"]})
    assert getattr(one, setting) == {"a"}
    assert one == Expectations(ISSUER, **{setting: ("a",)})
    assert one != other
    assert one != Expectations(ISSUER)


@pytest.mark.parametrize("setting", ["audience", "authorized_parties"])
def test_a_wrong_setting_is_named(setting: str) -> None:
    with pytest.raises(ValueError, match=rf"^{setting} must be "):
        Expectations(ISSUER, **{setting: []})


@pytest.mark.parametrize("claim", ["sub", "sid", "iat", "exp", "nbf", "jti", "azp", "aud"])
def test_a_malformed_claim_is_named(claim: str) -> None:
    payload = session_claims(now=LATEST_TIME - 100, **{claim: {}})
    with pytest.raises(ClaimMalformed, match=rf"^{claim} is "):
        validate_claims(payload, Expectations(ISSUER), LATEST_TIME - 100)


@pytest.mark.parametrize("claim", ["iat", "exp", "nbf"])
def test_a_time_before_the_epoch_or_too_late_is_named(claim: str) -> None:
    payload = session_claims(now=LATEST_TIME - 100, **{claim: -1})
    with pytest.raises(ClaimMalformed, match=rf"^{claim} is not a time"):
        validate_claims(payload, Expectations(ISSUER), LATEST_TIME - 100)


@pytest.mark.parametrize(("surplus", "accepted"), [(-1, True), (0, True), (1, False), (2, False)])
def test_the_latest_time_is_the_last_one_that_every_json_parser_keeps(surplus, accepted) -> None:
    payload = session_claims(now=LATEST_TIME - 60, exp=LATEST_TIME + surplus)
    try:
        validate_claims(payload, Expectations(ISSUER), LATEST_TIME - 60)
    except ClaimMalformed:
        assert not accepted
    else:
        assert accepted
