"""What the previous client token sees: all but the session that came with its successor."""

from dataclasses import replace

import pytest

from edgepass_sidecar.client import Factor
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.service.core import Presented
from edgepass_sidecar.service.sessions import refresh, touch
from edgepass_sidecar.service.sign_in import start_session_for
from edgepass_sidecar.service.stewardship import record_verification
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import POLICY_TERMS
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import (
    Browser,
    Sidecar,
    claims_of,
    error_code,
    make_client,
    make_session,
    succeeded,
)

USER = UserId("user_1")


async def _shown(browser: Browser) -> list[str]:
    client = await browser.client()
    assert client is not None
    return [session["id"] for session in client["sessions"]]


@pytest.mark.parametrize("began", [-5.0, 0.0, 5.0])
def test_exactly_the_session_of_the_rotation_is_hidden_whenever_it_began(began: float) -> None:
    sessions = [make_session(name, created_at=NOW + began) for name in "abc"]
    client = make_client(*sessions, rotated_at=float(NOW), rotated_for=sessions[1].id)
    previous, current = Presented(client, False), Presented(client, True)
    assert [previous.sees(session) for session in sessions] == [True, False, True]
    assert [current.sees(session) for session in sessions] == [True, True, True]
    assert [previous.find_session(s.id) for s in sessions] == [sessions[0], None, sessions[2]]
    assert [current.find_session(s.id) for s in sessions] == sessions


def test_a_rotation_that_brought_no_session_hides_none() -> None:
    session = make_session("a", created_at=float(NOW))
    client = make_client(session, rotated_at=float(NOW), rotated_for=None)
    assert Presented(client, False).find_session(session.id) == session


@pytest.mark.parametrize("seconds", [-5, 0, 5])
async def test_after_a_sign_in_the_previous_token_has_what_it_had_and_nothing_of_the_new_session(
    any_sidecar: Sidecar, clock: Clock, seconds: float
) -> None:
    browser = any_sidecar.browser()
    clock.advance(5)
    first = await browser.sign_in("user_1")
    old = browser.with_token(browser.token)
    clock.advance(seconds)
    second = await browser.sign_in("user_2")
    assert await _shown(old) == [first]
    await old.refresh(first)
    for action in ("tokens", "touch", "end", "remove"):
        answer = await old.act(second, action)
        assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")
    assert sorted(await _shown(browser)) == sorted([first, second])
    await browser.refresh(second)


async def test_signing_out_with_the_previous_token_leaves_the_session_that_it_does_not_see(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    first = await browser.sign_in("user_1")
    old = browser.with_token(browser.token)
    second = await browser.sign_in("user_2")
    succeeded(await old.sign_out())
    statuses = [await any_sidecar.server.status(session) for session in (first, second)]
    assert statuses == ["removed", "active"]
    await browser.refresh(second)


async def test_only_the_last_rotation_hides_a_session(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    first, second = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    third = await browser.sign_in("user_3")
    old = browser.with_token(browser.token)
    succeeded(await browser.act(first, "end"))
    assert sorted(await _shown(old)) == sorted([second, third])
    await old.refresh(third)


async def test_a_session_begun_by_a_clock_that_was_ahead_is_not_hidden_from_its_own_tab(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    core = any_sidecar.core
    await create_user(core, USER, {})
    ahead = replace(core, clock=Clock(clock() + 2.0))
    started = await start_session_for(ahead, USER, POLICY_TERMS)
    session, token = started.session.id, started.client_token.reveal()
    clock.advance(0.5)
    await record_verification(core, session, Factor.SECOND)
    assert (await touch(core, token, session)).client_token is not None
    assert claims_of(await refresh(core, token, session, None))["sid"] == session


async def test_a_server_that_verifies_the_previous_token_is_shown_no_more_than_it_sees(
    sidecar: Sidecar,
) -> None:
    browser = sidecar.browser()
    await browser.sign_in("user_1")
    planted = browser.token
    newer = await browser.sign_in("user_2")
    answer = await sidecar.server.post("/v1/clients/verify", {"token": planted})
    seen = succeeded(answer)
    assert newer not in seen["session_ids"]
    assert seen["last_active_session_id"] != newer
