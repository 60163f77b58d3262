"""The session token: claims version 2, its header, and nothing beyond them."""

import json

import pytest
from jwt.utils import base64url_decode

from edgepass_sidecar.key_material import make_signing_key, open_signer
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.session_token import (
    encode_token,
    factor_verification_age,
    session_claims,
)
from tests.support.issuer import NOW
from tests.support.sidecar import APP_ORIGIN, MASTER_KEY, PUBLIC_URL, make_session


def _claims(
    session: Session | None = None,
    party: str | None = APP_ORIGIN,
    now: float = NOW,
    others: dict[str, object] | None = None,
) -> dict[str, object]:
    return session_claims(
        session or make_session(),
        issuer=PUBLIC_URL,
        token_id="token-1",
        authorized_party=party,
        lifetime=60,
        now=now,
        others=others or {},
    )


def test_the_claims_are_those_of_version_2() -> None:
    assert _claims() == {
        "iss": PUBLIC_URL,
        "sub": "user_1",
        "sid": "sess_1",
        "iat": NOW,
        "exp": NOW + 60,
        "nbf": NOW - 10,
        "jti": "token-1",
        "v": 2,
        "fva": [0, -1],
        "sts": "active",
        "azp": APP_ORIGIN,
    }


def test_without_an_authorized_party_the_claim_is_absent() -> None:
    assert "azp" not in _claims(party=None)


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.999])
def test_times_are_whole_seconds_of_the_past(fraction: float) -> None:
    claims = _claims(now=NOW + fraction)
    assert [claims[name] for name in ("nbf", "iat", "exp")] == [NOW - 10, NOW, NOW + 60]
    assert all(type(claims[name]) is int for name in ("nbf", "iat", "exp"))


def test_a_pending_session_says_so() -> None:
    assert _claims(make_session(status=Status.PENDING))["sts"] == "pending"


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(-30, 0), (0, 0), (59.9, 0), (60, 1), (119.9, 1), (120, 2), (86_400, 1440)],
)
def test_the_age_of_the_first_factor_is_in_whole_minutes(seconds: float, minutes: int) -> None:
    session = make_session(first_factor_at=float(NOW))
    assert factor_verification_age(session, NOW + seconds) == [minutes, -1]


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_the_header_names_key_algorithm_and_category(algorithm: str) -> None:
    key = make_signing_key(algorithm, MASTER_KEY, created_at=NOW, active_at=NOW)
    token = encode_token(_claims(), open_signer(key, MASTER_KEY))
    header, payload, _ = (base64url_decode(part) for part in token.split("."))
    assert json.loads(header) == {
        "alg": algorithm,
        "cat": "cl_B7d4PD111AAA",
        "kid": key.key_id,
        "oiat": NOW,
        "typ": "JWT",
    }
    assert json.loads(payload) == _claims()


def test_a_token_is_three_unpadded_base64url_parts_that_fit_a_cookie() -> None:
    key = make_signing_key("EdDSA", MASTER_KEY, created_at=NOW, active_at=NOW)
    token = encode_token(_claims(), open_signer(key, MASTER_KEY))
    assert token.count(".") == 2
    assert "=" not in token
    assert len(token) < 1024
