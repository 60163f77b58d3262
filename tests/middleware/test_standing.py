"""Verified claims count as signed in, unless the session has a task to finish first."""

import pytest

from edgepass import Expectations
from edgepass._claims import validate_claims
from edgepass._errors import SessionPending
from edgepass._revocations import Revocations
from edgepass._standing import validate_standing
from tests.support.issuer import ABSENT, ISSUER, NOW, session_claims


def claims_with(status: object):
    return validate_claims(session_claims(sts=status), Expectations(ISSUER), NOW)


@pytest.mark.parametrize("status", ["active", ABSENT])
def test_an_active_session_is_signed_in(status: object) -> None:
    claims = claims_with(status)
    assert validate_standing(claims, Revocations()) is claims


def test_a_pending_session_is_not() -> None:
    claims = claims_with("pending")
    with pytest.raises(SessionPending):
        validate_standing(claims, Revocations())
