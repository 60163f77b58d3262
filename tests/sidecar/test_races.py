"""Many at once: one shared token, one winner per ticket, nothing after an end; all with FULL=1."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.activity import UNKNOWN
from edgepass_sidecar.client import Factor
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.policy import AtLimit
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.minting import mint_for_server
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import ban_user, revoke_session, sign_out_user_before
from edgepass_sidecar.service.sessions import finish, refresh, touch
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, start_session_for
from edgepass_sidecar.service.stewardship import record_verification
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import LIVE, POLICY_TERMS, Session, Status
from edgepass_sidecar.store import SessionQuery
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    LateStore,
    Sidecar,
    claims_of,
    error_code,
    make_settings,
    succeeded,
)
from tests.support.standards import FULL

USER = UserId("user_1")
# Of each kind of end on each store; 10,000 in all on the stores of a single sidecar.
RACES, TICKETS = (1000, 1000) if FULL else (60, 60)
Ending = Callable[[Core, Session, str], Awaitable[object]]


@pytest.fixture(params=["distant memory", "one on a file", "two on a file"])
async def cores(
    request: pytest.FixtureRequest, clock: Clock, tmp_path: Path
) -> AsyncIterator[tuple[Core, Core]]:
    """Give two sidecars on one store, or the same one twice."""
    file = f"sqlite:///{tmp_path / 'edgepass.db'}"
    store = "memory:" if request.param == "distant memory" else file
    settings = make_settings(STORE=store, ALGORITHM="EdDSA")
    async with contextlib.AsyncExitStack() as opened:
        one = await opened.enter_async_context(opened_core(settings, clock, clock))
        if store == "memory:":
            one = replace(one, store=LateStore(one.store))
        other = one
        if request.param == "two on a file":
            other = await opened.enter_async_context(opened_core(settings, clock, clock))
        await create_user(one, USER, {})
        yield one, other


async def refusal_of(work: Coroutine[Any, Any, object]) -> tuple[int, str] | None:
    try:
        await work
    except Refused as refused:
        return refused.status, refused.code
    return None


async def start(core: Core, user_id: UserId = USER) -> tuple[Session, str]:
    signed_in = await start_session_for(core, user_id, POLICY_TERMS)
    return signed_in.session, signed_in.client_token.reveal()


async def sign_in(core: Core, token: str | None, user_id: str) -> tuple[Session, str]:
    if UserId(user_id) not in await core.store.load_users([UserId(user_id)]):
        await create_user(core, user_id, {})
    _, ticket = await create_ticket(core, UserId(user_id), 60, POLICY_TERMS)
    signed_in = await sign_in_with_ticket(core, token, ticket.reveal(), UNKNOWN)
    return signed_in.session, signed_in.client_token.reveal()


async def event_types(core: Core) -> Counter[str]:
    events = await core.store.list_events(0, 1_000_000)
    return Counter(event.type for _, event in events)


async def test_50_refreshes_at_once_share_one_token_and_sign_nobody_out(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    session = await browser.sign_in()
    answers = await asyncio.gather(*(browser.act(session) for _ in range(50)))
    assert len({succeeded(answer)["jwt"] for answer in answers}) == 1
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert await any_sidecar.server.status(session) == "active"


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


async def test_50_touches_of_two_sessions_at_once_lose_neither(cores: tuple[Core, Core]) -> None:
    first, token = await start(cores[0])
    second, token = await sign_in(cores[0], token, "user_2")
    ids = (first.id, second.id)
    works = (touch(cores[i % 2], token, ids[i // 2 % 2]) for i in range(50))
    assert {changed.session.id for changed in await asyncio.gather(*works)} == set(ids)
    client = await cores[0].store.load_client(first.client_id)
    assert client is not None
    assert {session.id for session in client.live_sessions(cores[0].clock())} == set(ids)


async def by_signing_in(core: Core, token: str, mine: Session, other: Session) -> str:
    return (await sign_in(core, token, "user_3"))[1]


async def by_stepping_up(core: Core, token: str, mine: Session, other: Session) -> str:
    await record_verification(core, mine.id, Factor.SECOND)
    changed = await touch(core, token, mine.id)
    assert changed.client_token is not None
    return changed.client_token.reveal()


async def by_removing(core: Core, token: str, mine: Session, other: Session) -> str:
    changed = await finish(core, token, other.id, Status.REMOVED)
    assert changed.client_token is not None
    return changed.client_token.reveal()


@pytest.mark.parametrize("rotate", [by_signing_in, by_stepping_up, by_removing])
async def test_50_refreshes_across_a_rotation_sign_nobody_out(
    cores: tuple[Core, Core],
    clock: Clock,
    rotate: Callable[[Core, str, Session, Session], Coroutine[Any, Any, str]],
) -> None:
    mine, first = await start(cores[0])
    other, token = await sign_in(cores[0], first, "user_2")
    clock.advance(1)

    async def refresh_mine(i: int) -> str:
        for _ in range(i % 7):
            await asyncio.sleep(0)
        return await refresh(cores[i % 2], token, mine.id, APP_ORIGIN)

    refreshes = (refresh_mine(i) for i in range(50))
    rotated, *minted = await asyncio.gather(rotate(cores[0], token, mine, other), *refreshes)

    assert {claims_of(text)["sid"] for text in minted} == {mine.id}
    clock.advance(9.5)
    for presented in (token, rotated):
        assert await refresh(cores[1], presented, mine.id, APP_ORIGIN)
    types = await event_types(cores[0])
    assert types["client.theft"] == types["session.revoked"] == 0


async def test_in_every_race_for_a_ticket_there_is_one_winner(cores: tuple[Core, Core]) -> None:
    for _ in range(TICKETS):
        _, ticket = await create_ticket(cores[0], USER, 60, POLICY_TERMS)
        browsers = (sign_in_with_ticket(c, None, ticket.reveal(), UNKNOWN) for c in cores * 2)
        refusals = await asyncio.gather(*(refusal_of(browser) for browser in browsers))
        assert refusals.count(None) == 1
        assert refusals.count((422, "ticket_used")) == 3
    page = await cores[0].store.list_sessions(SessionQuery(), cores[0].clock())
    assert page.total == TICKETS
    types = await event_types(cores[0])
    assert types["ticket.used"] == types["session.created"] == TICKETS


@dataclass
class Race:
    """Refreshes of one session, by two at once, while something ends it."""

    cores: tuple[Core, Core]
    session: Session
    token: str
    end_after: int
    minted: int = 0
    is_ended: bool = False
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    def refresh(self, core: Core) -> Coroutine[Any, Any, str]:
        return refresh(core, self.token, self.session.id, APP_ORIGIN)

    async def keep_refreshing(self, core: Core) -> None:
        for _ in range(4):
            if self.minted >= self.end_after:
                self.may_end.set()
            began_after_the_end = self.is_ended
            refusal = await refusal_of(self.refresh(core))
            if refusal is not None:
                assert refusal == (401, "session_over")
                break
            assert not began_after_the_end
            # Whoever reads and mints without a pause is never overtaken.
            is_alone = self.cores[0] is self.cores[1] and not isinstance(core.store, LateStore)
            assert not (is_alone and self.is_ended)
            self.minted += 1
        self.may_end.set()

    async def end(self, ending: Ending, turns_later: int) -> None:
        await self.may_end.wait()
        for _ in range(turns_later):
            await asyncio.sleep(0)
        await ending(self.cores[0], self.session, self.token)
        self.is_ended = True


async def revoke(core: Core, session: Session, token: str) -> None:
    await revoke_session(core, session.id)


async def ban(core: Core, session: Session, token: str) -> None:
    await ban_user(core, session.user_id)


async def sign_out_everywhere(core: Core, session: Session, token: str) -> None:
    await sign_out_user_before(core, session.user_id, core.clock())


async def evict(core: Core, session: Session, token: str) -> None:
    policy = replace(core.policy, maximum_sessions=1, at_limit=AtLimit.EVICT)
    await start(replace(core, policy=policy), session.user_id)


async def end_it(core: Core, session: Session, token: str) -> None:
    await finish(core, token, session.id, Status.ENDED)


@pytest.mark.parametrize("ending", [revoke, ban, sign_out_everywhere, evict, end_it])
async def test_in_no_race_is_a_token_minted_for_what_was_ended(
    cores: tuple[Core, Core], clock: Clock, ending: Ending
) -> None:
    dice = random.Random(7)
    over = (401, "session_over")
    for number in range(RACES):
        user = await create_user(cores[0], f"user_r{number}", {})
        race = Race(cores, *await start(cores[0], user.id), end_after=dice.randrange(5))
        clock.advance(1)
        await asyncio.gather(
            *(race.keep_refreshing(core) for core in cores),
            race.end(ending, dice.randrange(8)),
        )
        for core in cores:
            assert await refusal_of(race.refresh(core)) == over
            assert await refusal_of(mint_for_server(core, race.session.id, None)) == over
    ended = "session.ended" if ending is end_it else "session.revoked"
    assert (await event_types(cores[0]))[ended] == RACES
    live = await cores[0].store.list_sessions(SessionQuery(statuses=LIVE), clock())
    assert live.total == (RACES if ending is evict else 0)


@pytest.mark.parametrize("at_limit", list(AtLimit))
async def test_sign_ins_at_once_never_exceed_the_limit_of_their_user(
    cores: tuple[Core, Core], at_limit: AtLimit
) -> None:
    policy = replace(cores[0].policy, maximum_sessions=2, at_limit=at_limit)
    limited = [replace(core, policy=policy) for core in cores]
    works = (start_session_for(limited[i % 2], USER, POLICY_TERMS) for i in range(12))
    refusals = await asyncio.gather(*(refusal_of(work) for work in works))
    live = await cores[0].store.list_sessions(SessionQuery(statuses=LIVE), cores[0].clock())
    assert live.total == 2
    declined = 10 if at_limit is AtLimit.REFUSE else 0
    assert refusals.count((403, "session_limit_reached")) == declined
    assert refusals.count(None) == 12 - declined


async def test_sign_outs_and_touches_at_once_leave_nobody_half_signed_in(
    cores: tuple[Core, Core], clock: Clock
) -> None:
    for _ in range(20):
        session, token = await start(cores[0])
        clock.advance(1)
        await asyncio.gather(
            finish(cores[0], token, session.id, Status.REMOVED),
            *(refusal_of(touch(core, token, session.id)) for core in cores * 2),
        )
        stored = await cores[1].store.find_session(session.id)
        assert stored is not None
        assert stored.status is Status.REMOVED
    assert (await event_types(cores[0]))["client.theft"] == 0


async def test_events_of_a_race_are_those_of_its_winner(cores: tuple[Core, Core]) -> None:
    session, _ = await start(cores[0])
    await asyncio.gather(*(revoke_session(cores[i % 2], session.id) for i in range(6)))
    assert (await event_types(cores[0]))["session.revoked"] == 1
