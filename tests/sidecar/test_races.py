"""Many at once: one shared token, no lost touch, one winner per ticket, nothing after a revoke."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.service.administration import create_ticket, create_user, revoke_session
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import refresh, touch
from edgepass_sidecar.service.sign_in import Origin, sign_in_with_ticket, start_session_for
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import SessionQuery
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    LateStore,
    Sidecar,
    claims_of,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

USER = UserId("user_1")


@pytest.fixture
async def any_core(any_sidecar: Sidecar) -> Core:
    """Give the core of a sidecar on each store; the one in memory as if it were far away."""
    core = any_sidecar.core
    if type(core.store).__name__ == "MemoryStore":
        core = replace(core, store=LateStore(core.store))
    await create_user(core, USER, {})
    return core


@pytest.fixture
async def two_sidecars(clock: Clock, tmp_path: Path) -> AsyncIterator[tuple[Sidecar, Sidecar]]:
    settings = make_settings(STORE=f"sqlite:///{tmp_path / 'edgepass.db'}")
    async with run_sidecar(clock, settings) as one, run_sidecar(clock, settings) as other:
        yield one, other


async def _start(core: Core) -> tuple[Session, str]:
    signed_in = await start_session_for(core, USER, Origin())
    return signed_in.session, signed_in.client_token.reveal()


async def test_50_refreshes_at_once_share_one_token_and_sign_nobody_out(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    answers = await asyncio.gather(*(browser.act(session) for _ in range(50)))
    assert len({succeeded(answer)["jwt"] for answer in answers}) == 1
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert await any_sidecar.server.status(session) == "active"


async def test_50_touches_at_once_all_succeed(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    answers = await asyncio.gather(*(browser.act(session, "touch") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}


async def test_50_touches_of_a_distant_store_all_succeed(any_core: Core) -> None:
    session, token = await _start(any_core)
    touched = await asyncio.gather(*(touch(any_core, token, session.id) for _ in range(50)))
    assert {changed.presented.client.id for changed in touched} == {session.client_id}


async def test_of_10_browsers_with_one_ticket_one_signs_in(any_sidecar: Sidecar) -> None:
    _, ticket = await any_sidecar.server.ticket()
    browsers = [any_sidecar.browser() for _ in range(10)]
    answers = await asyncio.gather(*(browser.present(ticket) for browser in browsers))
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {(answer.status_code, error_code(answer)) for answer in refused} == {
        (422, "ticket_used")
    }
    assert len(refused) == 9
    assert [browser.token is not None for browser in browsers].count(True) == 1


async def _refusal(work: Coroutine[Any, Any, object]) -> tuple[int, str] | None:
    try:
        await work
    except Refused as refused:
        return refused.status, refused.code
    return None


async def test_in_200_races_for_a_ticket_there_is_always_one_winner(any_core: Core) -> None:
    for _ in range(200):
        _, ticket = await create_ticket(any_core, USER, 60)
        browsers = (
            sign_in_with_ticket(any_core, None, ticket.reveal(), Origin()) for _ in range(3)
        )
        refusals = await asyncio.gather(*(_refusal(browser) for browser in browsers))
        assert refusals.count(None) == 1
        assert refusals.count((422, "ticket_used")) == 2
    page = await any_core.store.list_sessions(SessionQuery(), any_core.clock())
    assert page.total == 200


@dataclass
class Race:
    """Refreshes of one session, one after another, while it is revoked."""

    core: Core
    session: Session
    token: str
    revoked: bool = False

    async def refresh(self) -> tuple[int, str] | None:
        return await _refusal(refresh(self.core, self.token, self.session.id, APP_ORIGIN))

    async def keep_refreshing(self) -> None:
        for _ in range(6):
            began_after_the_revoke = self.revoked
            refusal = await self.refresh()
            if refusal is not None:
                assert refusal == (401, "session_over")
                return
            assert not began_after_the_revoke

    async def revoke(self, turns_later: int) -> None:
        for _ in range(turns_later):
            await asyncio.sleep(0)
        await revoke_session(self.core, self.session.id)
        self.revoked = True


async def test_in_1000_races_no_refresh_that_begins_after_a_revoke_gets_a_token(
    any_core: Core,
) -> None:
    dice = random.Random(7)
    for _ in range(1000):
        race = Race(any_core, *await _start(any_core))
        await asyncio.gather(race.keep_refreshing(), race.revoke(dice.randrange(8)))
        assert await race.refresh() == (401, "session_over")


async def test_what_one_sidecar_revoked_the_other_mints_nothing_for(
    two_sidecars: tuple[Sidecar, Sidecar],
) -> None:
    one, other = two_sidecars
    browser = one.browser()
    for _ in range(20):
        session = await browser.sign_in()
        elsewhere = replace(browser, http=other.http)
        assert claims_of(await elsewhere.refresh(session))["sid"] == session
        await one.server.revoke(session)
        assert (await elsewhere.act(session)).status_code == 401


async def test_two_sidecars_let_one_browser_have_a_ticket(
    two_sidecars: tuple[Sidecar, Sidecar],
) -> None:
    one, _ = two_sidecars
    for _ in range(20):
        _, ticket = await one.server.ticket()
        browsers = [sidecar.browser() for sidecar in two_sidecars]
        answers = await asyncio.gather(*(browser.present(ticket) for browser in browsers))
        assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_two_sidecars_sign_one_client_in_and_lose_no_session(
    two_sidecars: tuple[Sidecar, Sidecar],
) -> None:
    one, other = two_sidecars
    browser = one.browser()
    first = await browser.sign_in("user_1")
    second = await browser.sign_in("user_2")
    elsewhere = replace(browser, http=other.http)
    answers = await asyncio.gather(
        *(who.act(session, "touch") for who in (browser, elsewhere) for session in (first, second))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert {s["id"] for s in (await elsewhere.client())["sessions"]} == {first, second}


async def test_sign_outs_and_touches_at_once_leave_nobody_half_signed_in(
    any_sidecar: Sidecar,
) -> None:
    for _ in range(20):
        browser = any_sidecar.browser()
        session = await browser.sign_in()
        others = [browser.with_token(browser.token) for _ in range(4)]
        await asyncio.gather(browser.sign_out(), *(o.act(session, "touch") for o in others))
        assert await any_sidecar.server.status(session) == "removed"
        assert (await browser.client())["sessions"] == []
    assert "client.theft" not in await any_sidecar.event_types()


async def test_events_of_a_race_are_those_of_its_winner(any_core: Core) -> None:
    session, _ = await _start(any_core)
    await asyncio.gather(*(revoke_session(any_core, session.id) for _ in range(5)))
    events = await any_core.store.list_events(0, 100)
    assert [event.type for _, event in events].count("session.revoked") == 1
