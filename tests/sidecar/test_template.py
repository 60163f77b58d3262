"""Templates: what they may say, the claims of their tokens, and how large tokens become."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from edgepass_sidecar.claims_language import ClaimsTooLarge, render
from edgepass_sidecar.identifier import ClientId, SessionId, TemplateId, UserId
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.shortcode import WrongClaims
from edgepass_sidecar.template import (
    AUTOMATIC_CLAIMS,
    LARGEST_TOKEN,
    SESSION_CLAIMS,
    Template,
    TokenTooLarge,
    WrongTemplate,
    find_reserved_claims,
    parse_custom_claims,
    session_values,
    template_claims,
    validate_token_size,
)
from edgepass_sidecar.user import User
from tests.support.issuer import NOW

ISSUER, PARTY = "https://auth.example.com", "https://app.example.com"
RESERVED = sorted(AUTOMATIC_CLAIMS | SESSION_CLAIMS)


def make_template(**changes: Any) -> Template:
    fields: dict[str, Any] = {
        "id": TemplateId("jtmp_1"),
        "name": "supabase",
        "claims": {"aud": "authenticated", "name": "{{user.first_name || 'nobody'}}"},
        "created_at": float(NOW),
        "updated_at": float(NOW),
    }
    return Template(**(fields | changes))


def _claims(template: Template | None = None, **changes: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "user_id": UserId("user_1"),
        "issuer": ISSUER,
        "token_id": "token-1",
        "authorized_party": PARTY,
        "values": {"user": {"first_name": "Maria"}},
        "now": float(NOW),
    }
    return template_claims(template or make_template(), **(asked | changes))


def test_a_token_of_a_template_has_seven_automatic_claims_and_the_templates() -> None:
    assert _claims() == {
        "aud": "authenticated",
        "name": "Maria",
        "azp": PARTY,
        "exp": NOW + 60,
        "iat": NOW,
        "iss": ISSUER,
        "jti": "token-1",
        "nbf": NOW - 5,
        "sub": "user_1",
    }


def test_without_an_authorized_party_the_claim_is_absent() -> None:
    assert "azp" not in _claims(authorized_party=None)


def test_no_token_of_a_template_names_a_session() -> None:
    assert not SESSION_CLAIMS & _claims().keys()


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.999])
def test_times_are_whole_seconds_of_the_past(fraction: float) -> None:
    claims = _claims(now=NOW + fraction)
    assert [claims[name] for name in ("nbf", "iat", "exp")] == [NOW - 5, NOW, NOW + 60]
    assert all(type(claims[name]) is int for name in ("nbf", "iat", "exp"))


def test_lifetime_and_clock_skew_are_the_templates() -> None:
    claims = _claims(make_template(lifetime=3600, allowed_clock_skew=0))
    assert (claims["nbf"], claims["exp"]) == (NOW, NOW + 3600)


def test_a_lifetime_can_be_asked_for() -> None:
    assert _claims(lifetime=30)["exp"] == NOW + 30


@pytest.mark.parametrize("lifetime", [29, 315_360_001, 0, True, 60.0])
def test_a_lifetime_out_of_range_cannot_be_asked_for(lifetime: Any) -> None:
    with pytest.raises(WrongTemplate, match=r"^lifetime: must be a whole number of seconds, 30 to"):
        _claims(lifetime=lifetime)


def test_a_claim_that_becomes_too_large_is_refused() -> None:
    with pytest.raises(ClaimsTooLarge):
        _claims(values={"user": {"first_name": "x" * 5000}})


@pytest.mark.parametrize("name", ["a", "supabase", "my-template_2", "v1.0", "A" * 64, "-", "_x"])
def test_a_name_can_stand_in_a_path(name: str) -> None:
    assert make_template(name=name).name == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "a/b", "a b", "a%2f", "ü", "a\n", "A" * 65, None, 1]
)
def test_another_name_is_refused(name: Any) -> None:
    with pytest.raises(WrongTemplate, match=r"^name: must be 1 to 64 letters") as raised:
        make_template(name=name)
    assert raised.value.field == "name"


@pytest.mark.parametrize("lifetime", [30, 31, 315_359_999, 315_360_000])
def test_a_lifetime_within_its_range_is_taken(lifetime: int) -> None:
    assert make_template(lifetime=lifetime).lifetime == lifetime


@pytest.mark.parametrize("lifetime", [29, 315_360_001, -1, 60.0, True, "60", None])
def test_a_lifetime_out_of_range_is_refused(lifetime: Any) -> None:
    with pytest.raises(WrongTemplate) as raised:
        make_template(lifetime=lifetime)
    assert raised.value.field == "lifetime"
    assert raised.value.problem == "must be a whole number of seconds, 30 to 315360000"


@pytest.mark.parametrize("skew", [0, 1, 299, 300])
def test_a_clock_skew_within_its_range_is_taken(skew: int) -> None:
    assert make_template(allowed_clock_skew=skew).allowed_clock_skew == skew


@pytest.mark.parametrize("skew", [-1, 301, 5.0, False, None])
def test_a_clock_skew_out_of_range_is_refused(skew: Any) -> None:
    with pytest.raises(WrongTemplate, match=r"^allowed_clock_skew: .*, 0 to 300"):
        make_template(allowed_clock_skew=skew)


@pytest.mark.parametrize("name", RESERVED)
def test_a_template_cannot_have_a_claim_that_is_not_its_own(name: str) -> None:
    with pytest.raises(WrongTemplate) as raised:
        make_template(claims={"mine": 1, name: "{{user.id}}"})
    assert raised.value.field == f"claims.{name}"
    assert raised.value.problem == "the sidecar alone says what this is: use another name"


def test_the_reserved_names_are_those_of_the_wire() -> None:
    assert " ".join(RESERVED) == "act azp exp fea fva iat iss jti nbf o pla sid sts sub v"


@pytest.mark.parametrize("name", ["org_id", "org_role", "role", "Sid", "sids", "user_id"])
def test_a_template_can_have_any_other_claim(name: str) -> None:
    assert _claims(make_template(claims={name: "x"}))[name] == "x"


def test_a_reserved_name_is_free_within_a_claim() -> None:
    assert _claims(make_template(claims={"mine": {"sid": 1}}))["mine"] == {"sid": 1}


def test_wrong_claims_are_refused_by_their_place() -> None:
    with pytest.raises(WrongTemplate) as raised:
        make_template(claims={"a": ["{{user.id"]})
    assert raised.value.field == "claims.a[0], character 10"


@pytest.mark.parametrize("audience", ["api", ["api"], ["api", "https://b.example.com"]])
def test_an_audience_is_a_text_or_several(audience: object) -> None:
    assert _claims(make_template(claims={"aud": audience}))["aud"] == audience


@pytest.mark.parametrize("audience", ["", [], None, 1, [""], ["a", 1], {}, "{{org.id}}", ["{{a}}"]])
def test_another_audience_is_refused(audience: object) -> None:
    with pytest.raises(WrongTemplate, match=r"^claims\.aud: must be text, or an array of texts"):
        make_template(claims={"aud": audience})
    with pytest.raises(WrongClaims, match=r"^claims\.aud: must be text, or an array of texts"):
        parse_custom_claims({"aud": audience})


def test_a_template_cannot_be_changed_and_a_changed_copy_is_compiled_again() -> None:
    template = make_template()
    with pytest.raises(FrozenInstanceError):
        template.name = "other"  # type: ignore[misc]
    changed = replace(template, claims={"name": "{{user.last_name || 'no one'}}"})
    assert _claims(changed)["name"] == "no one"
    with pytest.raises(WrongTemplate):
        replace(template, claims={"sid": 1})


def test_templates_are_equal_when_they_say_the_same() -> None:
    assert make_template() == make_template()
    assert make_template() != make_template(lifetime=61)


@pytest.mark.parametrize("name", [*RESERVED, "org_id", "org_slug", "org_role", "org_permissions"])
def test_a_session_token_cannot_have_a_custom_claim_that_is_not_the_apps(name: str) -> None:
    with pytest.raises(WrongClaims, match=rf"^claims\.{name}: the sidecar alone says what this is"):
        parse_custom_claims({name: "x"})
    assert find_reserved_claims({name: 1, "role": 2}) == (name,)


def test_custom_claims_are_in_the_same_language() -> None:
    compiled = parse_custom_claims({"role": "{{user.public_metadata.role || 'guest'}}", "aud": "a"})
    assert render(compiled, {}) == {"role": "guest", "aud": "a"}


def test_claims_without_a_reserved_name_have_none() -> None:
    assert find_reserved_claims({"role": 1, "orgRole": 2}) == ()


@pytest.mark.parametrize("length", [0, LARGEST_TOKEN - 1, LARGEST_TOKEN])
def test_a_token_that_fits_a_cookie_is_returned(length: int) -> None:
    assert validate_token_size("x" * length) == "x" * length


def test_a_token_of_one_byte_more_is_refused_without_being_repeated() -> None:
    token = "eyJ" * LARGEST_TOKEN
    with pytest.raises(TokenTooLarge, match="3501 bytes, and 3500 is the most") as raised:
        validate_token_size(token[: LARGEST_TOKEN + 1])
    assert "eyJ" not in str(raised.value)


def make_session(user: User, **changes: Any) -> Session:
    fields: dict[str, Any] = {
        "id": SessionId("sess_1"),
        "client_id": ClientId("client_1"),
        "user": user,
        "status": Status.ACTIVE,
        "created_at": NOW + 0.5,
        "updated_at": float(NOW),
        "last_active_at": float(NOW),
        "expire_at": NOW + 60.9,
        "inactivity_timeout": None,
        "first_factor_at": float(NOW),
    }
    return Session(**(fields | changes))


def make_user(**changes: Any) -> User:
    return User(id=UserId("user_1"), created_at=NOW + 0.9, updated_at=float(NOW), **changes)


@pytest.mark.parametrize(
    ("shortcode", "value"),
    [
        ("{{user.id}}", "user_1"),
        ("{{user.external_id}}", "42"),
        ("{{user.username}}", "maria"),
        ("{{user.first_name}}", "Maria"),
        ("{{user.last_name}}", "Doe"),
        ("{{user.full_name}}", "Maria Doe"),
        ("{{user.primary_email_address}}", "maria@example.com"),
        ("{{user.image_url}}", "https://example.com/a.jpg"),
        ("{{user.public_metadata.role}}", "admin"),
        ("{{user.unsafe_metadata}}", {"foo": {"bar": 42}}),
        ("{{user.created_at}}", NOW),
        ("{{user.updated_at}}", NOW),
        ("{{user.claims}}", None),
        ("{{session.id}}", "sess_1"),
        ("{{session.actor.sub}}", "user_2"),
        ("{{session.created_at}}", NOW),
        ("{{session.expire_at}}", NOW + 60),
        ("{{session.data}}", None),
        ("{{session.client_id}}", None),
    ],
)
def test_shortcodes_look_into_the_user_and_the_session(shortcode: str, value: object) -> None:
    user = make_user(
        external_id="42",
        username="maria",
        first_name="Maria",
        last_name="Doe",
        email_address="maria@example.com",
        image_url="https://example.com/a.jpg",
        public_metadata={"role": "admin"},
        unsafe_metadata={"foo": {"bar": 42}},
        claims={"hidden": 1},
    )
    session = make_session(user, actor={"sub": "user_2"}, data={"hidden": 1})
    compiled = parse_custom_claims({"claim": shortcode})
    assert render(compiled, session_values(session)) == {"claim": value}


@pytest.mark.parametrize(
    ("first", "last", "full"),
    [("Maria", None, "Maria"), (None, "Doe", "Doe"), (None, None, None), ("", "", None)],
)
def test_a_full_name_is_made_of_the_names_that_there_are(
    first: str | None, last: str | None, full: str | None
) -> None:
    user = make_user(first_name=first, last_name=last)
    assert session_values(make_session(user))["user"]["full_name"] == full
