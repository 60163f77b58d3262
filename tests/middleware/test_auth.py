"""The auth state answers as itself and as Starlette's user and auth."""

import pytest

from edgepass import Expectations, SignedIn, SignedOut
from edgepass._claims import validate_claims
from tests.support.issuer import ISSUER, NOW, session_claims


def signed_in(**changes: object) -> SignedIn:
    return SignedIn(validate_claims(session_claims(**changes), Expectations(ISSUER), NOW), 1_000)


def test_signed_in_says_who_and_in_which_session() -> None:
    state = signed_in()
    assert (state.user_id, state.session_id) == ("user_1", "sess_1")
    assert state.is_authenticated
    assert state.identity == "user_1"


def test_signed_out_says_why() -> None:
    state = SignedOut("token_expired")
    assert state.code == "token_expired"
    assert not state.is_authenticated
    assert (state.identity, state.display_name, state.scopes) == ("", "", ())


@pytest.mark.parametrize(
    ("name", "shown"), [("Zoë", "Zoë"), ("", "user_1"), (None, "user_1"), (["Zoë"], "user_1")]
)
def test_the_display_name_is_the_name_claim_or_else_the_user_id(name, shown: str) -> None:
    assert signed_in(name=name).display_name == shown


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("", ("authenticated",)),
        ("read", ("authenticated", "read")),
        ("read  write", ("authenticated", "read", "write")),
        (None, ("authenticated",)),
        (["read"], ("authenticated",)),
        ({"read": 1}, ("authenticated",)),
    ],
)
def test_the_scopes_are_authenticated_and_the_scope_claim(scope, scopes) -> None:
    assert signed_in(scope=scope).scopes == scopes


@pytest.mark.parametrize("state", [signed_in(), SignedOut("token_expired"), signed_in().claims])
def test_a_state_cannot_be_changed(state) -> None:
    with pytest.raises((AttributeError, TypeError)):
        state.code = "signed in after all"


def test_signed_out_is_a_value() -> None:
    assert SignedOut("token_expired") == SignedOut("token_expired")
    assert SignedOut("token_expired") != SignedOut("unknown_key")
    assert SignedOut("token_expired") != "token_expired"
    assert len({SignedOut("a"), SignedOut("a"), SignedOut("b")}) == 2
    assert repr(SignedOut("token_expired")) == "SignedOut('token_expired')"
