"""Claims: required, typed, and judged at a time, with every boundary tested on both sides."""

import pytest

from edgepass import Claims, Expectations
from edgepass._claims import validate_claims
from edgepass._errors import (
    AudienceMismatch,
    AuthorizedPartyMismatch,
    ClaimMalformed,
    ClaimMissing,
    IssuerMismatch,
    TokenExpired,
    TokenIssuedInFuture,
    TokenLifetimeTooLong,
    TokenNotYetValid,
    TokenRefused,
)
from tests.support.issuer import ABSENT, ISSUER, NOW, session_claims

EXPECTED = Expectations(ISSUER)
A_MOMENT = 0.001


def judge(now: float = NOW, expected: Expectations = EXPECTED, **changes: object) -> Claims:
    return validate_claims(session_claims(**changes), expected, now)


def test_the_claims_come_out_under_their_own_names() -> None:
    claims = judge(o={"id": "org_1"}, aud=["api", "web"])
    assert claims.issuer == ISSUER
    assert (claims.user_id, claims.session_id, claims.token_id) == ("user_1", "sess_1", "token-1")
    assert (claims.issued_at, claims.expires_at, claims.not_before) == (NOW, NOW + 60, NOW - 10)
    assert claims.authorized_party == "https://app.example.com"
    assert claims.audience == ("api", "web")
    assert claims.payload["o"] == {"id": "org_1"}


def test_what_may_be_absent_is_none() -> None:
    claims = judge(nbf=ABSENT, jti=ABSENT, azp=ABSENT)
    assert (claims.not_before, claims.token_id, claims.authorized_party) == (None, None, None)
    assert claims.audience == ()


def test_the_payload_is_read_only() -> None:
    payload = judge().payload
    with pytest.raises(TypeError):
        payload["sub"] = "somebody else"  # type: ignore[index]


@pytest.mark.parametrize("name", ["iss", "sub", "sid", "iat", "exp"])
def test_a_required_claim_that_is_absent_is_missing(name: str) -> None:
    with pytest.raises(ClaimMissing):
        judge(**{name: ABSENT})


LEEWAY = EXPECTED.leeway


@pytest.mark.parametrize(
    ("now", "refusal"),
    [
        (NOW + 60 + LEEWAY - A_MOMENT, None),
        (NOW + 60 + LEEWAY, TokenExpired),
        (NOW + 60 + LEEWAY + A_MOMENT, TokenExpired),
        (NOW - LEEWAY + A_MOMENT, None),
        (NOW - LEEWAY, None),
        (NOW - LEEWAY - A_MOMENT, TokenIssuedInFuture),
        (0, TokenIssuedInFuture),
        (NOW * 2, TokenExpired),
        (float("inf"), TokenExpired),
        (float("nan"), TokenRefused),
    ],
)
def test_a_token_lives_from_iat_to_exp_and_the_leeway_around(now: float, refusal) -> None:
    if refusal is None:
        assert judge(now).user_id == "user_1"
        return
    with pytest.raises(refusal):
        judge(now)


@pytest.mark.parametrize(
    ("not_before", "refused"),
    [
        (NOW + LEEWAY - A_MOMENT, False),
        (NOW + LEEWAY, False),
        (NOW + LEEWAY + A_MOMENT, True),
        (NOW + 1000, True),
        (0, False),
    ],
)
def test_nbf_minus_the_leeway_is_the_first_moment(not_before: float, refused: bool) -> None:
    if not refused:
        assert judge(nbf=not_before).not_before == not_before
        return
    with pytest.raises(TokenNotYetValid):
        judge(nbf=not_before)


@pytest.mark.parametrize(
    ("lifetime", "refusal"),
    [
        (-60, ClaimMalformed),
        (0, ClaimMalformed),
        (A_MOMENT, None),
        (300 - A_MOMENT, None),
        (300, None),
        (300 + A_MOMENT, TokenLifetimeTooLong),
        (1e15, TokenLifetimeTooLong),
    ],
)
def test_the_lifetime_is_more_than_nothing_and_at_most_the_maximum(lifetime, refusal) -> None:
    if refusal is None:
        assert judge(exp=NOW + lifetime).expires_at == NOW + lifetime
        return
    with pytest.raises(refusal):
        judge(exp=NOW + lifetime)


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, str(NOW), "", [NOW], {}, -1, -0.5, 2**53 + 1, 2**64 - 1, 1e300),
        *(float("nan"), float("inf"), float("-inf")),
    ],
)
def test_a_time_is_a_finite_number_since_the_epoch(name: str, value: object) -> None:
    with pytest.raises(ClaimMalformed):
        judge(**{name: value})


@pytest.mark.parametrize("name", ["sub", "sid"])
@pytest.mark.parametrize("value", ["x", "x" * 255, "x" * 256, "Zoë", "a b", "'; --"])
def test_an_id_is_any_printable_text_up_to_256_characters(name: str, value: str) -> None:
    assert judge(**{name: value}).payload[name] == value


@pytest.mark.parametrize("name", ["sub", "sid"])
@pytest.mark.parametrize(
    "value",
    ["", "x" * 257, 1, None, True, ["user_1"], {}, "a\x00", "a\nb", "a\r\nb", "\x1b[31m", "\u202e"],
)
def test_an_id_of_another_kind_is_malformed(name: str, value: object) -> None:
    with pytest.raises(ClaimMalformed):
        judge(**{name: value})


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        ISSUER + "/",
        ISSUER.upper(),
        ISSUER[:-1],
        ISSUER + ".evil.example",
        ISSUER + "\x00",
        " " + ISSUER,
        [ISSUER],
        {ISSUER: 1},
        None,
        True,
        1,
    ],
)
def test_the_issuer_is_compared_whole(issuer: object) -> None:
    with pytest.raises(IssuerMismatch):
        judge(iss=issuer)


@pytest.mark.parametrize(
    ("expected", "audience", "refusal"),
    [
        (None, "anything", None),
        (None, [], None),
        ("api", "api", None),
        ("api", ["web", "api"], None),
        (("api", "web"), "web", None),
        ("api", ABSENT, AudienceMismatch),
        ("api", [], AudienceMismatch),
        ("api", "", AudienceMismatch),
        ("api", "API", AudienceMismatch),
        ("api", "api2", AudienceMismatch),
        ("api", "ap", AudienceMismatch),
        ("api", ["api2"], AudienceMismatch),
        (("api", "web"), ["mobile"], AudienceMismatch),
        ("api", None, ClaimMalformed),
        ("api", ["api", 1], ClaimMalformed),
        ("api", {"api": 1}, ClaimMalformed),
        (None, 1, ClaimMalformed),
        (None, [["api"]], ClaimMalformed),
    ],
)
def test_the_audience_names_one_that_is_expected(expected, audience, refusal) -> None:
    expectations = Expectations(ISSUER, audience=expected)
    if refusal is None:
        assert judge(expected=expectations, aud=audience).user_id == "user_1"
        return
    with pytest.raises(refusal):
        judge(expected=expectations, aud=audience)


@pytest.mark.parametrize(
    ("parties", "party", "refusal"),
    [
        (None, ABSENT, None),
        ("https://a.example", "https://a.example", None),
        (["https://a.example", "https://b.example"], "https://b.example", None),
        ("https://a.example", ABSENT, AuthorizedPartyMismatch),
        ("https://a.example", "", AuthorizedPartyMismatch),
        ("https://a.example", "https://a.example/", AuthorizedPartyMismatch),
        ("https://a.example", "https://a.example.evil", AuthorizedPartyMismatch),
        ("https://a.example", "http://a.example", AuthorizedPartyMismatch),
        ("https://a.example", ["https://a.example"], ClaimMalformed),
        (None, 1, ClaimMalformed),
    ],
)
def test_the_authorized_party_is_one_that_is_expected(parties, party, refusal) -> None:
    expectations = Expectations(ISSUER, authorized_parties=parties)
    if refusal is None:
        assert judge(expected=expectations, azp=party).user_id == "user_1"
        return
    with pytest.raises(refusal):
        judge(expected=expectations, azp=party)


@pytest.mark.parametrize("value", [1, True, ["token-1"], {}])
def test_a_token_id_that_is_no_text_is_malformed(value: object) -> None:
    with pytest.raises(ClaimMalformed):
        judge(jti=value)


@pytest.mark.parametrize(
    "settings",
    [
        {"issuer": ""},
        {"issuer": None},
        {"issuer": b"https://auth.example.com"},
        {"algorithms": ()},
        {"algorithms": "RS256"},
        {"algorithms": ["RS256", "none"]},
        {"algorithms": ["HS256"]},
        {"algorithms": ["rs256"]},
        {"leeway": -A_MOMENT},
        {"leeway": 300 + A_MOMENT},
        {"leeway": float("nan")},
        {"maximum_lifetime": 0},
        {"maximum_lifetime": -1},
        {"maximum_lifetime": float("nan")},
        {"maximum_token_bytes": 0},
        {"audience": ""},
        {"audience": []},
        {"audience": ["api", ""]},
        {"audience": [None]},
        {"authorized_parties": ()},
        {"authorized_parties": [1]},
    ],
)
def test_demands_that_no_token_could_meet_fail_at_once(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        Expectations(**{"issuer": ISSUER, **settings})


@pytest.mark.parametrize("leeway", [0, 5, 300])
def test_the_leeway_goes_from_nothing_to_five_minutes(leeway: float) -> None:
    assert Expectations(ISSUER, leeway=leeway).leeway == leeway


def test_expectations_do_not_change_with_the_list_they_were_made_of() -> None:
    algorithms, parties = ["RS256"], ["https://a.example"]
    expected = Expectations(ISSUER, algorithms=algorithms, authorized_parties=parties)
    algorithms.append("ES256")
    parties.append("https://b.example")
    assert "ES256" not in expected.algorithms
    assert expected.authorized_parties == {"https://a.example"}
