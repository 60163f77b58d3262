"""What the log says when policy, keys, limits and claims change, and when tokens are minted."""

from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import EventQuery
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.service.minting import mint_for_server
from edgepass_sidecar.service.policy_record import longest_token_lifetime, record_policy
from edgepass_sidecar.service.stewardship import MINTED_WITHIN
from edgepass_sidecar.service.users import bump_claims
from edgepass_sidecar.signing_keys import PUBLISHED_FOR
from edgepass_sidecar.store import SessionStore
from tests.conftest import Clock
from tests.support.sidecar import Sidecar, make_settings, run_sidecar, succeeded

CLAIMS = {"claims": {"custom": {"role": "admin"}}}


async def events(store: SessionStore, *types: str) -> list[Event]:
    found = await store.find_events(EventQuery(types=frozenset(types), limit=1000))
    return [event for _, event in found]


@pytest.fixture
async def sidecar(clock: Clock, store_setting: str) -> AsyncIterator[Sidecar]:
    async with run_sidecar(clock, make_settings(STORE=store_setting)) as running:
        yield running


async def test_the_policy_is_on_record_once_for_as_long_as_it_is_the_same(clock: Clock) -> None:
    async with run_sidecar(clock, make_settings()) as sidecar:
        core = sidecar.core
        (first,) = await events(core.store, "policy.changed")
        assert first.data == asdict(core.policy) | {"token_lifetime": 60}
        await record_policy(core)
        assert len(await events(core.store, "policy.changed")) == 1
        stricter = replace(core.policy, maximum_lifetime=3600.0)
        await record_policy(replace(core, policy=stricter))
        await record_policy(replace(core, policy=stricter))
        _, second = await events(core.store, "policy.changed")
        assert second.data["maximum_lifetime"] == 3600.0
        await record_policy(core)
        assert len(await events(core.store, "policy.changed")) == 3


async def test_each_stage_of_a_key_is_on_record_once(sidecar: Sidecar, clock: Clock) -> None:
    keys, store = sidecar.core.keys, sidecar.core.store
    kinds = ("key.published", "key.promoted", "key.retired")
    first = keys.signer(clock()).key_id
    await keys.record_stages()
    second = (await keys.rotate(PUBLISHED_FOR)).key_id
    for _ in range(2):
        await keys.record_stages()
    clock.advance(PUBLISHED_FOR)
    for _ in range(2):
        await keys.record_stages()
    assert [(event.type, event.data["key_id"]) for event in await events(store, *kinds)] == [
        ("key.published", first),
        ("key.promoted", first),
        ("key.published", second),
        ("key.retired", first),
        ("key.promoted", second),
    ]


@pytest.mark.parametrize("at_limit", ["refuse", "evict"])
async def test_reaching_the_limit_of_sessions_is_on_record(
    clock: Clock, store_setting: str, at_limit: str
) -> None:
    settings = make_settings(STORE=store_setting, MAXIMUM_SESSIONS="1", AT_SESSION_LIMIT=at_limit)
    async with run_sidecar(clock, settings) as sidecar:
        await sidecar.browser().sign_in()
        store = sidecar.core.store
        assert await events(store, "session.limit_reached") == []
        _, ticket = await sidecar.server.ticket()
        await sidecar.browser().present(ticket)
        (reached,) = await events(store, "session.limit_reached")
        assert reached.user_id == "user_1"
        assert reached.data == {"maximum_sessions": 1, "at_limit": at_limit}


async def test_changed_claims_are_bumped_and_an_unchanged_user_is_not(sidecar: Sidecar) -> None:
    server, store = sidecar.server, sidecar.core.store
    session_id = await sidecar.browser().sign_in()
    for body in ({"first_name": "Ada"}, CLAIMS, CLAIMS):
        succeeded(await server.send("PATCH", "/v1/users/user_1", json=body))
    for _ in range(2):
        succeeded(await server.send("PATCH", f"/v1/sessions/{session_id}", json=CLAIMS))
    of_user, of_session = await events(store, "claims.bumped")
    assert (of_user.user_id, of_user.session_id) == ("user_1", None)
    assert of_session.session_id == session_id


async def test_a_server_can_say_that_the_claims_of_a_user_have_changed(sidecar: Sidecar) -> None:
    await sidecar.browser().sign_in()
    before = succeeded(await sidecar.server.get("/v1/users/user_1"))
    bumped = succeeded(await sidecar.server.post("/v1/users/user_1/bump_claims"))
    assert bumped["updated_at"] > before["updated_at"]
    (event,) = await events(sidecar.core.store, "claims.bumped")
    assert event.user_id == "user_1"
    assert (await sidecar.server.post("/v1/users/nobody/bump_claims")).status_code == 404


@pytest.mark.parametrize(("setting", "logged"), [("on", 1), ("off", 0)])
async def test_minting_is_counted_and_logged_only_on_request(
    clock: Clock, store_setting: str, setting: str, logged: int
) -> None:
    settings = make_settings(STORE=store_setting, LOG_TOKENS=setting)
    async with run_sidecar(clock, settings) as sidecar:
        browser = sidecar.browser()
        session_id = await browser.sign_in()
        clock.advance(10)
        counted = sidecar.core.minted.count
        await browser.refresh(session_id)
        await browser.refresh(session_id)  # shares the first one's token
        assert sidecar.core.minted.count == counted + 1
        await sidecar.core.minted.write()
        found = await events(sidecar.core.store, "session.token.created")
        assert len([event for event in found if event.at == clock()]) == logged
        assert all(event.session_id == session_id for event in found)


async def test_the_end_of_a_session_says_how_long_its_longest_token_lives(
    sidecar: Sidecar, clock: Clock
) -> None:
    usual, long = (
        await sidecar.browser().sign_in("user_1"),
        await sidecar.browser().sign_in("user_2"),
    )
    await mint_for_server(sidecar.core, SessionId(usual), 60)
    await mint_for_server(sidecar.core, SessionId(long), 300)
    until = clock() + 300 + MINTED_WITHIN
    clock.advance(10)
    await mint_for_server(sidecar.core, SessionId(long), 100)
    for session_id in (usual, long):
        await sidecar.server.revoke(session_id)
    ended = {
        event.session_id: event.data
        for event in await events(sidecar.core.store, "session.revoked")
    }
    assert "tokens_until" not in ended[usual]
    assert ended[long]["tokens_until"] == until


async def test_a_token_may_live_as_long_as_the_setting_was_when_it_was_minted(
    clock: Clock, sidecar: Sidecar
) -> None:
    core, began_at = sidecar.core, clock()
    clock.advance(100)
    await record_policy(replace(core, token_lifetime=300))
    clock.advance(100)
    await record_policy(core)
    for since, longest in ((began_at, 300), (clock() - 1, 300), (clock(), 60), (clock() + 9, 60)):
        assert await longest_token_lifetime(core, since) == longest


async def test_claims_whose_change_took_long_to_commit_are_bumped_once_more(
    clock: Clock, sidecar: Sidecar
) -> None:
    await sidecar.browser().sign_in()
    store = sidecar.core.store
    update_user = store.update_user

    async def slowly(*arguments: Any) -> bool:
        done = await update_user(*arguments)
        clock.advance(3)
        return done

    asked_at = clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "update_user", slowly)
        await bump_claims(sidecar.core, UserId("user_1"))
    bumped = await events(store, "claims.bumped")
    assert [event.at for event in bumped] == [asked_at, asked_at + 3]
