"""Clerk's Python SDK, unmodified from PyPI: tickets, JWT templates and refresh tokens."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from clerk_backend_api import Clerk, models

from tests.interop.clerk_python import (
    Row,
    claims_of,
    clerk_sdk,
    count,
    refusal_of,
    sign_in_with,
    table_row,
)
from tests.interop.conftest import ORIGIN
from tests.support.processes import Browser, Sidecar


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


def test_a_sign_in_token_signs_in_once(clerk: Clerk, browser: Browser) -> None:
    user = clerk.users.create()
    made = clerk.sign_in_tokens.create(request={"user_id": user.id, "expires_in_seconds": 60})
    assert (made.user_id, made.status) == (user.id, "pending")

    status, body = sign_in_with(browser, made.token)
    assert (status, body["response"]["created_user_id"]) == (200, user.id)
    assert sign_in_with(browser, made.token)[0] == 422
    refused = refusal_of(
        lambda: clerk.sign_in_tokens.revoke(sign_in_token_id=made.id), models.SDKError
    )
    assert refused == (422, "ticket_used")


def test_a_revoked_sign_in_token_signs_nobody_in(clerk: Clerk, browser: Browser) -> None:
    made = clerk.sign_in_tokens.create(request={"user_id": clerk.users.create().id})

    revoked = clerk.sign_in_tokens.revoke(sign_in_token_id=made.id)
    assert (revoked.id, revoked.status, revoked.token) == (made.id, "revoked", None)
    status, body = sign_in_with(browser, made.token)
    assert (status, body["errors"][0]["code"]) == (422, "ticket_revoked")


def test_an_actor_token_signs_in_in_the_place_of_a_user(clerk: Clerk, browser: Browser) -> None:
    user = clerk.users.create()
    made = clerk.actor_tokens.create(request={"user_id": user.id, "actor": {"sub": "support"}})
    assert (made.user_id, made.status) == (user.id, "pending")

    status, body = sign_in_with(browser, made.token)
    assert status == 200
    session_id = body["response"]["created_session_id"]
    claims = claims_of(browser.token(session_id))
    assert (claims["sub"], claims["act"]) == (user.id, {"sub": "support"})
    session = clerk.sessions.get(session_id=session_id)
    assert session.actor
    assert 1_795_000 <= session.expire_at - session.created_at <= 1_800_000


def test_a_revoked_actor_token_signs_nobody_in(clerk: Clerk, browser: Browser) -> None:
    user = clerk.users.create()
    made = clerk.actor_tokens.create(request={"user_id": user.id, "actor": {"sub": "support"}})

    assert clerk.actor_tokens.revoke(actor_token_id=made.id).status == "revoked"
    assert sign_in_with(browser, made.token)[0] == 422


def test_a_template_is_created_read_listed_changed_and_deleted(clerk: Clerk) -> None:
    wanted: Any = {"name": "crud", "claims": {"plan": "pro"}, "lifetime": 90}
    made = clerk.jwt_templates.create(request=wanted)
    assert (made.name, made.lifetime, made.allowed_clock_skew) == ("crud", 90, 5)
    assert (made.signing_algorithm, made.custom_signing_key) == ("RS256", False)

    assert clerk.jwt_templates.get(template_id=made.id) == made
    assert made in clerk.jwt_templates.list()
    changed = clerk.jwt_templates.update(template_id=made.id, name="other", claims={}, lifetime=30)
    assert (changed.id, changed.name, changed.lifetime) == (made.id, "other", 30)
    deleted = clerk.jwt_templates.delete(template_id=made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "jwt_template", True)
    assert made.id not in [template.id for template in clerk.jwt_templates.list()]


def test_a_token_is_minted_from_a_template(
    clerk: Clerk, sidecar: Sidecar, browser: Browser
) -> None:
    session_id = browser.sign_in("ada")
    # Not by the SDK, which drops the claims: its model of them has no fields.
    with sidecar.backend() as backend:
        wanted = {"name": "hasura", "claims": {"who": "{{user.id}}", "aud": "hasura"}}
        assert backend.post("/v1/jwt_templates", json=wanted).status_code == 200

    minted = clerk.sessions.create_token_from_template(
        session_id=session_id, template_name="hasura"
    )
    assert minted.jwt
    claims = claims_of(minted.jwt)
    assert (claims["sub"], claims["who"], claims["aud"]) == ("ada", "ada", "hasura")
    assert "sid" not in claims


def test_a_browser_is_refreshed_with_its_refresh_token(clerk: Clerk, browser: Browser) -> None:
    session_id = browser.sign_in("ada")
    refresh_token = refresh_token_of(browser)

    refreshed = clerk.sessions.refresh(
        session_id=session_id,
        expired_token=browser.token(session_id),
        refresh_token=refresh_token,
        request_origin=ORIGIN,
    )
    assert isinstance(refreshed, models.Token)
    assert claims_of(refreshed.jwt)["sid"] == session_id


def refresh_token_of(browser: Browser) -> str:
    query = {"redirect_url": f"{ORIGIN}/page", "format": "nonce", "suffixed_cookies": "true"}
    headers = {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
    answer = browser.http.get("/v1/client/handshake", params=query, headers=headers)
    assert answer.status_code == 307, answer.text
    nonce = httpx.URL(answer.headers["location"]).params["__clerk_handshake_nonce"]
    with browser.sidecar.backend() as backend:
        payload = backend.get("/v1/clients/handshake_payload", params={"nonce": nonce}).json()
    pairs = [line.partition(";")[0].partition("=") for line in payload["directives"]]
    # One cookie for each suffix that an app's publishable key may have, all with one value.
    [found] = {value for name, _, value in pairs if name.startswith("__refresh_")}
    return str(found)
