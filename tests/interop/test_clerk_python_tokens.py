"""Clerk's Python SDK, unmodified from PyPI, authenticates requests and verifies our tokens."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from clerk_backend_api import Clerk
from clerk_backend_api.security import (
    AuthenticateRequestOptions,
    AuthErrorReason,
    RequestState,
    TokenVerificationError,
    VerifyTokenOptions,
    authenticate_request,
    verify_token,
    verify_token_async,
)
from clerk_backend_api.security import TokenVerificationErrorReason as Reason
from httpx import Request

from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key
from tests.interop.clerk_python import (
    Row,
    altered,
    clerk_sdk,
    count,
    forged,
    key_id_of,
    pem,
    sign_in_with,
    table_row,
    with_cookie,
    with_header,
)
from tests.interop.conftest import ORIGIN
from tests.interop.late_sidecar import LATE_BY
from tests.support.processes import SECRET_KEY, Browser, Sidecar

PERMISSIONS = ["org:invoices:read", "org:invoices:write", "org:reports:read"]
CLAIMS = {
    "organization": {
        "id": "org_1",
        "slug": "acme",
        "role": "org:admin",
        "permissions": PERMISSIONS,
    },
    # The user's own first: the SDK counts among all of them.
    "features": ["u:beta", "o:invoices", "o:reports"],
}


@pytest.fixture(scope="module", autouse=True)
def row(sidecar: Sidecar) -> Iterator[Row]:
    yield from table_row(sidecar, "clerk-backend-api", "7.0.0")


@pytest.fixture(autouse=True)
def counted(row: Row, request: pytest.FixtureRequest) -> Iterator[None]:
    yield from count(row, request)


@pytest.fixture
async def clerk(sidecar: Sidecar) -> AsyncIterator[Clerk]:
    async with clerk_sdk(sidecar) as sdk:
        yield sdk


def at(sidecar: Sidecar, **more: Any) -> VerifyTokenOptions:
    return VerifyTokenOptions(secret_key=SECRET_KEY, api_url=sidecar.url, **more)


def state_of(sidecar: Sidecar, request: Request, **more: Any) -> RequestState:
    """Authenticate without a network: no other way of this SDK can be told of a host."""
    options = AuthenticateRequestOptions(jwt_key=pem(sidecar), **more)
    return authenticate_request(request, options)


def refused(token: str, options: VerifyTokenOptions) -> Reason:
    with pytest.raises(TokenVerificationError) as caught:
        verify_token(token, options)
    return caught.value.reason


def suffixed(sidecar: Sidecar) -> str:
    key = find_publishable_key(sidecar.url, production=False)
    assert key is not None
    return f"__session_{cookie_suffix(key)}"


@pytest.mark.parametrize("how", ["header", "cookie", "suffixed cookie"])
def test_a_request_is_signed_in(sidecar: Sidecar, browser: Browser, how: str) -> None:
    session_id = browser.sign_in("ada")
    token = browser.token(session_id)
    request = {
        "header": with_header(token),
        "cookie": with_cookie(token),
        "suffixed cookie": with_cookie(token, suffixed(sidecar)),
    }[how]

    state = state_of(sidecar, request)
    assert (state.is_signed_in, state.reason) == (True, None)
    auth = vars(state.to_auth())
    assert (auth["sub"], auth["sid"], auth["v"]) == ("ada", session_id, 2)
    assert (auth["iss"], auth["azp"], auth["fva"]) == (sidecar.url, ORIGIN, [0, -1])
    assert (auth["org_id"], auth["org_permissions"]) == (None, None)


def test_a_request_has_the_organization_and_the_permissions_that_were_pushed(
    sidecar: Sidecar, browser: Browser
) -> None:
    with sidecar.backend() as backend:
        backend.post("/v1/users", json={"id": "member", "claims": CLAIMS})
    token = browser.token(browser.sign_in("member"))

    auth = vars(state_of(sidecar, with_header(token)).to_auth())
    # Without its `org:`, which this SDK, unlike the JavaScript one, does not put back.
    assert (auth["org_id"], auth["org_slug"], auth["org_role"]) == ("org_1", "acme", "admin")
    assert sorted(auth["org_permissions"]) == PERMISSIONS


def test_a_request_says_who_acts_in_the_place_of_the_user(
    sidecar: Sidecar, browser: Browser
) -> None:
    with sidecar.backend() as backend:
        backend.post("/v1/users", json={"id": "ada"})
        body = {"user_id": "ada", "actor": {"sub": "support"}}
        ticket = backend.post("/v1/actor_tokens", json=body).json()["token"]
    _, signed_in = sign_in_with(browser, ticket)
    token = browser.token(signed_in["response"]["created_session_id"])

    payload = state_of(sidecar, with_header(token)).payload
    assert payload is not None
    assert (payload["sub"], payload["act"]) == ("ada", {"sub": "support"})


async def test_the_sdk_signs_in_by_its_methods_and_its_coroutines(
    sidecar: Sidecar, clerk: Clerk, token: str
) -> None:
    options = AuthenticateRequestOptions(jwt_key=pem(sidecar))

    assert clerk.authenticate_request(with_header(token), options).is_signed_in
    assert (await clerk.authenticate_request_async(with_cookie(token), options)).is_signed_in
    assert (await verify_token_async(token, at(sidecar)))["sub"] == "ada"


def test_a_token_that_a_server_minted_is_verified(
    sidecar: Sidecar, clerk: Clerk, browser: Browser
) -> None:
    session_id = browser.sign_in("ada")
    minted = clerk.sessions.create_token(session_id=session_id)

    assert minted.jwt
    assert verify_token(minted.jwt, at(sidecar))["sid"] == session_id


def test_a_request_without_a_token_is_signed_out(sidecar: Sidecar) -> None:
    state = state_of(sidecar, Request("GET", ORIGIN))
    assert (state.is_signed_in, state.reason) == (False, AuthErrorReason.SESSION_TOKEN_MISSING)


def test_an_expired_token_is_signed_out(late: Sidecar) -> None:
    browser = late.browser()
    token = browser.token(browser.sign_in("ada"))

    for request in (with_header(token), with_cookie(token)):
        state = state_of(late, request)
        assert (state.is_signed_in, state.reason) == (False, Reason.TOKEN_EXPIRED)
    assert refused(token, at(late)) is Reason.TOKEN_EXPIRED


def test_nothing_but_its_time_is_wrong_with_an_expired_token(late: Sidecar) -> None:
    browser = late.browser()
    token = browser.token(browser.sign_in("ada"))
    skew = int(LATE_BY * 1000)

    assert state_of(late, with_header(token), clock_skew_in_ms=skew).is_signed_in
    assert verify_token(token, at(late, clock_skew_in_ms=skew))["sub"] == "ada"


def test_a_token_with_changed_claims_is_signed_out(sidecar: Sidecar, token: str) -> None:
    changed = altered(token, sub="root")

    state = state_of(sidecar, with_header(changed))
    assert (state.is_signed_in, state.reason) == (False, Reason.TOKEN_INVALID_SIGNATURE)
    assert refused(changed, at(sidecar)) is Reason.TOKEN_INVALID_SIGNATURE


def test_a_token_under_a_foreign_key_of_the_same_name_is_signed_out(
    sidecar: Sidecar, token: str
) -> None:
    state = state_of(sidecar, with_cookie(forged(token)))

    assert (state.is_signed_in, state.reason) == (False, Reason.TOKEN_INVALID_SIGNATURE)
    assert refused(forged(token), at(sidecar)) is Reason.TOKEN_INVALID_SIGNATURE
    assert verify_token(token, at(sidecar))["sub"] == "ada"


def test_a_token_under_an_unknown_key_is_refused(sidecar: Sidecar, token: str) -> None:
    assert refused(forged(token, key_id="other"), at(sidecar)) is Reason.JWK_KID_MISMATCH


def test_a_token_of_another_sidecar_is_refused(sidecar: Sidecar, late: Sidecar) -> None:
    browser = late.browser()
    token = browser.token(browser.sign_in("ada"))

    assert refused(token, at(sidecar)) is Reason.JWK_KID_MISMATCH
    assert state_of(sidecar, with_header(token)).reason is Reason.TOKEN_INVALID_SIGNATURE


def test_what_is_no_token_is_signed_out(sidecar: Sidecar) -> None:
    for text in ("x", "a.b.c", "eyJ", "null"):
        state = state_of(sidecar, with_header(text))
        assert (state.is_signed_in, state.reason) == (False, Reason.TOKEN_INVALID)


def test_keys_are_not_given_to_another_secret_key(sidecar: Sidecar, token: str) -> None:
    options = VerifyTokenOptions(secret_key="sk_test_wrong", api_url=sidecar.url)
    assert refused(token, options) is Reason.JWK_FAILED_TO_LOAD


def test_the_authorized_party_of_a_token_is_the_origin_that_asked(
    sidecar: Sidecar, token: str
) -> None:
    state = state_of(sidecar, with_header(token), authorized_parties=[ORIGIN])

    assert state.is_signed_in
    assert verify_token(token, at(sidecar, authorized_parties=["https://x.test", ORIGIN]))


@pytest.mark.parametrize("parties", [["https://other.test"], [f"{ORIGIN}/"], []])
def test_a_token_of_another_party_is_signed_out(
    sidecar: Sidecar, token: str, parties: list[str]
) -> None:
    wrong = Reason.TOKEN_INVALID_AUTHORIZED_PARTIES

    state = state_of(sidecar, with_cookie(token), authorized_parties=parties)
    assert (state.is_signed_in, state.reason) == (False, wrong)
    assert refused(token, at(sidecar, authorized_parties=parties)) is wrong


def test_a_token_that_no_origin_asked_for_has_no_party(
    sidecar: Sidecar, clerk: Clerk, browser: Browser
) -> None:
    minted = clerk.sessions.create_token(session_id=browser.sign_in("ada"))

    assert minted.jwt
    options = at(sidecar, authorized_parties=[ORIGIN])
    assert refused(minted.jwt, options) is Reason.TOKEN_INVALID_AUTHORIZED_PARTIES


def test_the_last_token_of_a_revoked_session_is_valid_until_it_expires(
    sidecar: Sidecar, late: Sidecar, clerk: Clerk
) -> None:
    states = {}
    for at_sidecar in (sidecar, late):
        browser = at_sidecar.browser()
        session_id = browser.sign_in("ada")
        token = browser.token(session_id)
        with at_sidecar.backend() as backend:
            assert backend.post(f"/v1/sessions/{session_id}/revoke").json()["status"] == "revoked"
        assert browser.http.post(f"/v1/client/sessions/{session_id}/tokens").status_code == 401
        states[at_sidecar] = state_of(at_sidecar, with_header(token))

    assert states[sidecar].is_signed_in
    assert (states[late].is_signed_in, states[late].reason) == (False, Reason.TOKEN_EXPIRED)


def test_a_key_that_was_never_seen_is_fetched(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Sidecar(tmp_path_factory.mktemp("rotated"), ORIGIN) as sidecar:
        browser = sidecar.browser()
        session_id = browser.sign_in("ada")
        before = browser.token(session_id)
        assert verify_token(before, at(sidecar))["sub"] == "ada"

        sidecar.run("keys", "revoke", key_id_of(before))
        # It would read its keys again within five seconds; it does so at once when it starts.
        sidecar.process.end()
        sidecar.start()
        after = browser.token(session_id)
        assert key_id_of(after) != key_id_of(before)
        assert verify_token(after, at(sidecar))["sub"] == "ada"
