"""PyJWT and Clerk's Python SDK (7.0.0), unmodified, take our tokens and refuse altered ones."""

import string
import time
from collections.abc import Callable
from functools import partial

import jwt
import pytest
from clerk_backend_api.security import TokenVerificationError, VerifyTokenOptions, verify_token
from cryptography.hazmat.primitives import serialization

from edgepass import Expectations, KeySet, TokenRefused, verify
from tests.support.processes import SECRET_KEY, Sidecar

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
REFUSALS = (TokenRefused, jwt.InvalidTokenError, TokenVerificationError)
Verifier = Callable[[str], str]


def pem_of(jwks: dict[str, list[dict[str, str]]]) -> str:
    key = jwt.PyJWK(jwks["keys"][0]).key
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def by_edgepass(keys: KeySet, issuer: str, token: str) -> str:
    return verify(token, keys, Expectations(issuer), time.time()).user_id


def by_pyjwt(pem: str, issuer: str, token: str) -> str:
    return str(jwt.decode(token, pem, ["RS256"], issuer=issuer)["sub"])


def by_clerk(pem: str, token: str) -> str:
    return str(verify_token(token, VerifyTokenOptions(jwt_key=pem))["sub"])


@pytest.fixture
def verifiers(sidecar: Sidecar) -> dict[str, Verifier]:
    with sidecar.backend() as backend:
        document = backend.get("/.well-known/jwks.json").content
        pem = pem_of(backend.get("/v1/jwks").json())
    return {
        "edgepass": partial(by_edgepass, KeySet.from_jwks(document), sidecar.url),
        "PyJWT": partial(by_pyjwt, pem, sidecar.url),
        "clerk-backend-api": partial(by_clerk, pem),
    }


@pytest.fixture
def token(sidecar: Sidecar) -> str:
    browser = sidecar.browser()
    return browser.token(browser.sign_in("ada"))


def test_all_three_accept_a_token(verifiers: dict[str, Verifier], token: str) -> None:
    assert {name: check(token) for name, check in verifiers.items()} == dict.fromkeys(
        verifiers, "ada"
    )


@pytest.mark.parametrize("bit", [1, 32])
def test_all_three_refuse_a_token_with_any_one_character_changed(
    verifiers: dict[str, Verifier], token: str, bit: int
) -> None:
    # By its lowest bit, which in a segment's last character is a matter of
    # spelling only, and by its highest.
    for position, character in enumerate(token):
        other = "A" if character == "." else ALPHABET[ALPHABET.index(character) ^ bit]
        altered = token[:position] + other + token[position + 1 :]
        for check in verifiers.values():
            with pytest.raises(REFUSALS):
                check(altered)


def test_edgepass_refuses_every_second_spelling_too(
    verifiers: dict[str, Verifier], token: str
) -> None:
    for other in set(ALPHABET) - {token[-1]}:
        with pytest.raises(TokenRefused):
            verifiers["edgepass"](token[:-1] + other)
    with pytest.raises(TokenRefused):
        verifiers["edgepass"](token + "==")


def test_clerks_sdk_fetches_our_keys_with_a_secret_key(sidecar: Sidecar, token: str) -> None:
    options = VerifyTokenOptions(secret_key=SECRET_KEY, api_url=sidecar.url)

    assert verify_token(token, options)["sub"] == "ada"
