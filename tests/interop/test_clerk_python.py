"""Clerk's Python SDK, unmodified from PyPI: its models take the answers of the backend API."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from clerk_backend_api import Clerk, models

from tests.interop.clerk_python import (
    Row,
    claims_of,
    clerk_sdk,
    count,
    key_id_of,
    refusal_of,
    table_row,
)
from tests.support.processes import SECRET_KEY, Browser, Sidecar

Call = Callable[[Clerk], object]
# The SDK builds the query of a list of users from fields that it calls deprecated itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*DEPRECATED:DeprecationWarning")


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


def test_a_user_is_deleted_and_gone(clerk: Clerk) -> None:
    made = clerk.users.create(external_id="deleted-1")
    deleted = clerk.users.delete(user_id=made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "user", True)
    assert refusal_of(lambda: clerk.users.get(user_id=made.id))[0] == 404


def test_a_user_is_created_and_read_back(clerk: Clerk) -> None:
    made = clerk.users.create(
        external_id="grace-1",
        username="grace",
        first_name="Grace",
        email_address=["grace@example.com"],
        public_metadata={"plan": "pro"},
        unsafe_metadata={"theme": "dark"},
    )
    read = clerk.users.get(user_id=made.id)

    assert read == made
    assert (read.external_id, read.username, read.first_name) == ("grace-1", "grace", "Grace")
    assert (read.public_metadata, read.unsafe_metadata) == ({"plan": "pro"}, {"theme": "dark"})
    assert (read.banned, read.locked, read.last_name) == (False, False, None)
    assert abs(read.created_at - time.time() * 1000) < 60_000


def test_the_email_address_of_a_user_is_verified_and_primary(clerk: Clerk) -> None:
    user = clerk.users.create(email_address=["ida@example.com"])

    [email] = user.email_addresses
    assert (email.email_address, email.id) == ("ida@example.com", user.primary_email_address_id)
    assert email.verification is not None
    assert email.verification.status == "verified"


def test_users_are_listed_newest_first_and_page_by_page(clerk: Clerk) -> None:
    made = [clerk.users.create(first_name=name).id for name in ("first", "second")]

    pages = [clerk.users.list(request={"limit": 1, "offset": offset}) for offset in (0, 1)]
    assert [user.id for page in pages for user in page] == made[::-1]


def test_users_are_found_and_counted_by_external_id(clerk: Clerk) -> None:
    chosen = ["found-1", "found-2"]
    for external_id in (*chosen, "found-3"):
        clerk.users.create(external_id=external_id)

    found = clerk.users.list(request={"external_id": chosen})
    assert {user.external_id for user in found} == set(chosen)
    assert clerk.users.count(request={"external_id": chosen}).total_count == 2
    assert clerk.users.count().total_count > 2


def test_only_what_is_sent_of_a_user_is_changed(clerk: Clerk) -> None:
    made = clerk.users.create(first_name="Augusta", last_name="King")

    changed = clerk.users.update(user_id=made.id, last_name="Lovelace")
    assert (changed.first_name, changed.last_name) == ("Augusta", "Lovelace")
    assert clerk.users.update(user_id=made.id, first_name=None).first_name is None


def test_metadata_of_a_user_are_merged_at_any_depth(clerk: Clerk) -> None:
    before = {"plan": {"tier": 1, "until": 2}, "tags": ["a", "b"], "old": True}
    made = clerk.users.create(public_metadata=before, unsafe_metadata={"theme": "dark"})

    patch = {"plan": {"tier": 2, "until": None}, "tags": ["c"], "old": None, "new": {"a": None}}
    merged = clerk.users.update_metadata(user_id=made.id, public_metadata=patch)
    assert merged.public_metadata == {"plan": {"tier": 2}, "tags": ["c"], "new": {}}
    assert merged.unsafe_metadata == {"theme": "dark"}
    assert clerk.users.get(user_id=made.id) == merged


def test_private_metadata_are_refused_and_not_dropped_in_silence(clerk: Clerk) -> None:
    user = clerk.users.create()

    refused = refusal_of(
        lambda: clerk.users.update_metadata(user_id=user.id, private_metadata={"a": 1})
    )
    assert refused == (422, "form_param_value_invalid")


def test_a_banned_user_has_no_session_until_unbanned(clerk: Clerk) -> None:
    user = clerk.users.create()
    session = clerk.sessions.create(request={"user_id": user.id})

    assert clerk.users.ban(user_id=user.id).banned is True
    assert clerk.sessions.get(session_id=session.id).status == "revoked"
    refused = refusal_of(
        lambda: clerk.sessions.create(request={"user_id": user.id}), models.SDKError
    )
    assert refused == (403, "user_banned")
    assert clerk.users.unban(user_id=user.id).banned is False
    assert clerk.sessions.create(request={"user_id": user.id}).status == "active"


def test_sessions_are_listed_newest_first_and_page_by_page(clerk: Clerk, sidecar: Sidecar) -> None:
    made = [sidecar.browser().sign_in("listed") for _ in range(2)]

    pages = [clerk.sessions.list(user_id="listed", limit=1, offset=offset) for offset in (0, 1)]
    assert [session.id for page in pages for session in page] == made[::-1]


def test_sessions_are_listed_by_client_and_status(clerk: Clerk, browser: Browser) -> None:
    session = clerk.sessions.get(session_id=browser.sign_in("ada"))

    def listed(status: models.QueryParamStatus) -> list[str]:
        found = clerk.sessions.list(client_id=session.client_id, status=status)
        return [each.id for each in found]

    assert {status: listed(status) for status in models.QueryParamStatus} == {
        status: [session.id] if status == "active" else [] for status in models.QueryParamStatus
    }


def test_a_session_is_read(clerk: Clerk, browser: Browser) -> None:
    session_id = browser.sign_in("ada")
    session = clerk.sessions.get(session_id=session_id)

    assert (session.id, session.user_id, session.status) == (session_id, "ada", "active")
    assert session.abandon_at >= session.expire_at > time.time() * 1000
    assert session.created_at <= session.last_active_at <= session.updated_at
    assert session.latest_activity
    assert session.latest_activity.ip_address == "127.0.0.1"
    assert session.tasks is None


def test_tasks_of_a_pending_session_are_read(clerk: Clerk, sidecar: Sidecar) -> None:
    with sidecar.backend() as backend:
        body = {"user_id": clerk.users.create().id, "tasks": ["choose-organization"]}
        made = backend.post("/v1/sessions", json=body).json()
    session = clerk.sessions.get(session_id=made["id"])

    assert session.status == "pending"
    assert session.tasks
    assert [task.key for task in session.tasks] == ["choose-organization"]


def test_a_session_is_started_for_a_user(clerk: Clerk) -> None:
    user = clerk.users.create()
    session = clerk.sessions.create(request={"user_id": user.id})

    assert (session.user_id, session.status) == (user.id, "active")
    assert clerk.sessions.list(user_id=user.id) == [session]


def test_a_revoked_session_stays_so_and_gets_no_token(clerk: Clerk, browser: Browser) -> None:
    session_id = browser.sign_in("ada")

    assert clerk.sessions.revoke(session_id=session_id).status == "revoked"
    assert clerk.sessions.get(session_id=session_id).status == "revoked"
    refused = refusal_of(lambda: clerk.sessions.create_token(session_id=session_id))
    assert refused == (401, "session_over")


@pytest.mark.parametrize(("asked", "lifetime"), [(None, 60), (30, 30), (300, 300)])
def test_a_token_is_minted_for_a_session(
    clerk: Clerk, browser: Browser, asked: int | None, lifetime: int
) -> None:
    session_id = browser.sign_in("ada")
    minted = clerk.sessions.create_token(session_id=session_id, expires_in_seconds=asked)

    assert minted.jwt
    claims = claims_of(minted.jwt)
    assert (claims["sub"], claims["sid"]) == ("ada", session_id)
    assert claims["exp"] - claims["iat"] == lifetime


def test_a_client_is_read_with_its_sessions(clerk: Clerk, browser: Browser) -> None:
    session_ids = [browser.sign_in("ada"), browser.sign_in("grace")]
    client_id = clerk.sessions.get(session_id=session_ids[0]).client_id
    client = clerk.clients.get(client_id=client_id)

    assert (client.id, client.last_active_session_id) == (client_id, session_ids[1])
    assert sorted(client.session_ids) == sorted(session_ids)
    assert sorted(session.id for session in client.sessions) == sorted(session_ids)
    assert (client.sign_in_id, client.sign_up_id) == (None, None)


def test_clients_are_listed_newest_first_and_page_by_page(clerk: Clerk, sidecar: Sidecar) -> None:
    made = []
    for _ in range(2):
        session_id = sidecar.browser().sign_in("ada")
        client_id = clerk.sessions.get(session_id=session_id).client_id
        made.append(clerk.clients.get(client_id=client_id))

    pages = [clerk.clients.list(limit=1, offset=offset) for offset in (0, 1)]
    assert [client for page in pages for client in page] == made[::-1]
    assert len(clerk.clients.list()) <= 10
    assert refusal_of(lambda: clerk.clients.list(limit=501)) == (422, "form_param_format_invalid")


def test_a_client_is_known_by_its_client_token(clerk: Clerk, browser: Browser) -> None:
    session_id = browser.sign_in("ada")
    client = clerk.clients.verify(request={"token": browser.http.cookies["__client"]})

    assert client is not None
    assert client.session_ids == [session_id]


def test_the_key_set_has_the_key_of_a_token(clerk: Clerk, browser: Browser) -> None:
    keys = clerk.jwks.get_jwks().keys

    assert keys
    found = {key.kid: (key.kty, key.alg, key.use) for key in keys}
    token = browser.token(browser.sign_in("ada"))
    assert found[key_id_of(token)] == ("RSA", "RS256", "sig")


UNKNOWN: dict[str, Call] = {
    "user": lambda sdk: sdk.users.get(user_id="no"),
    "user to change": lambda sdk: sdk.users.update(user_id="no", first_name="No"),
    "user to merge into": lambda sdk: sdk.users.update_metadata(user_id="no"),
    "user of a ticket": lambda sdk: sdk.sign_in_tokens.create(request={"user_id": "no"}),
    "user of a session": lambda sdk: sdk.sessions.create(request={"user_id": "no"}),
    "session": lambda sdk: sdk.sessions.get(session_id="no"),
    "session to revoke": lambda sdk: sdk.sessions.revoke(session_id="no"),
    "session of a token": lambda sdk: sdk.sessions.create_token(session_id="no"),
    "client": lambda sdk: sdk.clients.get(client_id="no"),
    "template": lambda sdk: sdk.jwt_templates.get(template_id="no"),
    "sign-in token": lambda sdk: sdk.sign_in_tokens.revoke(sign_in_token_id="no"),
    "actor token": lambda sdk: sdk.actor_tokens.revoke(actor_token_id="no"),
}


@pytest.mark.parametrize("call", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_unknown_is_an_error_of_the_sdk(clerk: Clerk, call: Call) -> None:
    assert refusal_of(lambda: call(clerk)) == (404, "resource_not_found")


def test_what_is_wrong_is_an_error_of_the_sdk(clerk: Clerk) -> None:
    refused = refusal_of(lambda: clerk.sessions.list(limit=501))
    assert refused == (422, "form_param_format_invalid")
    own: Any = {"user_id": clerk.users.create().id}
    own["actor"] = {"sub": own["user_id"]}
    refused = refusal_of(lambda: clerk.actor_tokens.create(request=own))
    assert refused == (422, "form_param_value_invalid")
    refused = refusal_of(lambda: clerk.clients.verify(request={"token": "no"}))
    assert refused == (401, "client_token_invalid")


@pytest.mark.parametrize("lifetime", [29, 301])
def test_a_lifetime_out_of_bounds_is_refused(clerk: Clerk, browser: Browser, lifetime: int) -> None:
    session_id = browser.sign_in("ada")

    refused = refusal_of(
        lambda: clerk.sessions.create_token(session_id=session_id, expires_in_seconds=lifetime),
        models.SDKError,
    )
    assert refused == (422, "form_param_format_invalid")


def test_a_taken_identifier_is_refused(clerk: Clerk) -> None:
    clerk.users.create(external_id="taken")

    refused = refusal_of(lambda: clerk.users.create(external_id="taken"))
    assert refused == (422, "form_identifier_exists")


@pytest.mark.parametrize("key", [SECRET_KEY[:-1], "sk_test_", "x"])
async def test_another_secret_key_is_refused(sidecar: Sidecar, key: str) -> None:
    async with clerk_sdk(sidecar, key) as stranger:
        refused = refusal_of(lambda: stranger.sessions.list())
    assert refused == (401, "clerk_key_invalid")


async def test_a_coroutine_of_the_sdk_gets_the_same_answers(clerk: Clerk) -> None:
    made = await clerk.users.create_async(first_name="Async")

    assert await clerk.users.get_async(user_id=made.id) == clerk.users.get(user_id=made.id)
    assert await clerk.sessions.list_async(user_id=made.id) == []
    with pytest.raises(models.ClerkErrors, match="no such session"):
        await clerk.sessions.revoke_async(session_id="sess_no")
