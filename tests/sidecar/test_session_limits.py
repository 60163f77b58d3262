"""How many sessions a user may have on all clients together, and what happens at the limit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.activity import UNKNOWN
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.policy import AtLimit, SessionPolicy
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, start_session_for
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.session import LIVE, POLICY_TERMS, Session, Terms
from edgepass_sidecar.store import SessionQuery
from tests.conftest import Clock
from tests.support.sidecar import (
    LateStore,
    Sidecar,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

USER = UserId("user_1")


@pytest.fixture
async def refusing(clock: Clock, store_setting: str) -> AsyncIterator[Sidecar]:
    """Let a user have two sessions and no more."""
    settings = make_settings(STORE=store_setting, MAXIMUM_SESSIONS="2")
    async with run_sidecar(clock, settings) as running:
        yield running


@pytest.fixture
async def evicting(clock: Clock, store_setting: str) -> AsyncIterator[Sidecar]:
    """Let a user have two sessions, the least recently active of which makes room."""
    settings = make_settings(STORE=store_setting, MAXIMUM_SESSIONS="2", AT_SESSION_LIMIT="evict")
    async with run_sidecar(clock, settings) as running:
        yield running


async def _live(core: Core) -> tuple[Session, ...]:
    query = SessionQuery(user_id=USER, statuses=LIVE, limit=100)
    return (await core.store.list_sessions(query, core.clock())).items


async def test_a_user_has_as_many_sessions_as_the_limit_and_not_one_more(refusing: Sidecar) -> None:
    await refusing.browser().sign_in()
    await refusing.browser().sign_in()
    _, ticket = await refusing.server.ticket()
    answer = await refusing.browser().present(ticket)
    assert (answer.status_code, error_code(answer)) == (403, "session_limit_reached")
    assert "set-cookie" not in answer.headers
    assert len(await _live(refusing.core)) == 2


async def test_the_app_s_own_server_starts_none_beyond_the_limit(refusing: Sidecar) -> None:
    await refusing.browser().sign_in()
    await refusing.browser().sign_in()
    answer = await refusing.server.post("/v1/sessions", {"user_id": USER})
    assert (answer.status_code, error_code(answer)) == (403, "session_limit_reached")


async def test_a_ticket_refused_at_the_limit_is_good_once_there_is_room(refusing: Sidecar) -> None:
    first = refusing.browser()
    await first.sign_in()
    await refusing.browser().sign_in()
    _, ticket = await refusing.server.ticket()
    late = refusing.browser()
    assert (await late.present(ticket)).status_code == 403
    succeeded(await first.sign_out())
    assert succeeded(await late.present(ticket))["response"]["status"] == "complete"


async def test_the_limit_is_each_user_s_own(refusing: Sidecar) -> None:
    for user in ("user_1", "user_1", "user_2", "user_2"):
        await refusing.browser().sign_in(user)


async def test_a_session_that_is_replaced_does_not_count(refusing: Sidecar) -> None:
    browser = refusing.browser()
    first = await browser.sign_in()
    await refusing.browser().sign_in()
    second = await browser.sign_in()
    assert await refusing.server.status(first) == "replaced"
    assert {session.id for session in await _live(refusing.core)} > {second}


@pytest.mark.parametrize(("seconds", "status"), [(299.9, 403), (300, 200), (300.1, 200)])
async def test_a_session_counts_until_the_moment_that_it_ends(
    refusing: Sidecar, clock: Clock, seconds: float, status: int
) -> None:
    short = {"user_id": USER, "maximum_lifetime_in_seconds": 300}
    await refusing.browser().sign_in()
    succeeded(await refusing.server.post("/v1/sessions", short))
    clock.advance(seconds)
    answer = await refusing.server.post("/v1/sessions", {"user_id": USER})
    assert answer.status_code == status


async def test_a_pending_session_counts(refusing: Sidecar) -> None:
    await refusing.browser().sign_in()
    pending = {"user_id": USER, "tasks": ["setup-mfa"]}
    succeeded(await refusing.server.post("/v1/sessions", pending))
    answer = await refusing.server.post("/v1/sessions", pending)
    assert error_code(answer) == "session_limit_reached"


async def test_the_least_recently_active_session_makes_room(
    evicting: Sidecar, clock: Clock
) -> None:
    first, second = evicting.browser(), evicting.browser()
    older = await first.sign_in()
    clock.advance(1)
    newer = await second.sign_in()
    clock.advance(1)
    succeeded(await first.act(older, "touch"))
    third = await evicting.browser().sign_in()
    assert await evicting.server.status(newer) == "revoked"
    assert {session.id for session in await _live(evicting.core)} == {older, third}
    answer = await second.act(newer)
    assert (answer.status_code, error_code(answer)) == (401, "session_over")


async def test_an_eviction_is_an_event_that_says_why(evicting: Sidecar, clock: Clock) -> None:
    first = await evicting.browser().sign_in()
    for _ in range(2):
        clock.advance(1)
        await evicting.browser().sign_in()
    events = [event for _, event in await evicting.core.store.list_events(0, 100)]
    (revoked,) = [event for event in events if event.type == "session.revoked"]
    assert revoked.session_id == first
    assert revoked.data == {"by": "policy", "reason": "session limit"}


async def test_nobody_is_evicted_for_a_ticket_that_starts_nothing(evicting: Sidecar) -> None:
    _, used = await evicting.server.ticket()
    succeeded(await evicting.browser().present(used))
    await evicting.browser().sign_in()
    before = await _live(evicting.core)
    assert (await evicting.browser().present(used)).status_code == 422
    assert await _live(evicting.core) == before


async def _impersonate(sidecar: Sidecar) -> str:
    body = {"user_id": USER, "actor": {"sub": "user_admin"}}
    made = succeeded(await sidecar.server.post("/v1/actor_tokens", body))
    shown = succeeded(await sidecar.browser().present(made["token"]))["response"]
    session: str = shown["created_session_id"]
    return session


async def test_acting_in_a_user_s_place_evicts_none_of_their_own_sessions(
    evicting: Sidecar, clock: Clock
) -> None:
    own = []
    for _ in range(2):
        own.append(await evicting.browser().sign_in())
        clock.advance(1)
    acting = await _impersonate(evicting)
    assert {session.id for session in await _live(evicting.core)} == {*own, acting}


async def test_acting_in_a_user_s_place_takes_no_place_of_theirs(refusing: Sidecar) -> None:
    await refusing.browser().sign_in()
    await _impersonate(refusing)
    await refusing.browser().sign_in()
    await _impersonate(refusing)
    answer = await refusing.server.post("/v1/sessions", {"user_id": USER})
    assert (answer.status_code, error_code(answer)) == (403, "session_limit_reached")
    assert len(await _live(refusing.core)) == 4


def _with_limit(core: Core, maximum: int, at_limit: AtLimit) -> Core:
    return replace(core, policy=SessionPolicy(maximum_sessions=maximum, at_limit=at_limit))


async def _three_sessions(sidecar: Sidecar, clock: Clock) -> list[str]:
    sessions = []
    for _ in range(3):
        sessions.append(await sidecar.browser().sign_in())
        clock.advance(1)
    return sessions


async def test_a_limit_that_was_lowered_holds_from_the_next_sign_in_on(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    await _three_sessions(any_sidecar, clock)
    core = _with_limit(any_sidecar.core, 2, AtLimit.REFUSE)
    with pytest.raises(Refused, match="2 sessions"):
        await start_session_for(core, USER, POLICY_TERMS)
    assert len(await _live(core)) == 3


async def test_a_limit_that_was_lowered_evicts_all_that_are_beyond_it(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    *_, newest = await _three_sessions(any_sidecar, clock)
    core = _with_limit(any_sidecar.core, 2, AtLimit.EVICT)
    signed_in = await start_session_for(core, USER, POLICY_TERMS)
    assert {session.id for session in await _live(core)} == {newest, signed_in.session.id}


@pytest.mark.parametrize("at_limit", list(AtLimit))
async def test_beyond_a_limit_that_was_lowered_one_still_acts_in_the_user_s_place(
    any_sidecar: Sidecar, clock: Clock, at_limit: AtLimit
) -> None:
    own = await _three_sessions(any_sidecar, clock)
    core = _with_limit(any_sidecar.core, 1, at_limit)
    _, ticket = await create_ticket(core, USER, 60, Terms(actor={"sub": "user_admin"}))
    acting = (await sign_in_with_ticket(core, None, ticket.reveal(), UNKNOWN)).session.id
    assert {session.id for session in await _live(core)} == {*own, acting}


async def test_a_limit_of_one_leaves_the_newest_session_alone(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    await _three_sessions(any_sidecar, clock)
    core = _with_limit(any_sidecar.core, 1, AtLimit.EVICT)
    signed_in = await start_session_for(core, USER, POLICY_TERMS)
    assert [session.id for session in await _live(core)] == [signed_in.session.id]


async def _start_many(core: Core, number: int) -> list[Any]:
    if type(core.store).__name__ == "MemoryStore":
        core = replace(core, store=LateStore(core.store))
    starts = (start_session_for(core, USER, POLICY_TERMS) for _ in range(number))
    return await asyncio.gather(*starts, return_exceptions=True)


async def test_of_10_sign_ins_at_once_as_many_succeed_as_there_is_room_for(
    refusing: Sidecar,
) -> None:
    await refusing.server.post("/v1/users", {"id": USER})
    outcomes = await _start_many(refusing.core, 10)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [refusal.code for refusal in refused] == ["session_limit_reached"] * 8
    assert len(await _live(refusing.core)) == 2


async def test_10_sign_ins_at_once_evict_each_other_and_never_leave_too_many(
    evicting: Sidecar,
) -> None:
    await evicting.server.post("/v1/users", {"id": USER})
    outcomes = await _start_many(evicting.core, 10)
    assert not [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(await _live(evicting.core)) == 2
