"""What others do between two readings of one request: its answer is true all the same."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
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
from edgepass_sidecar.service.revocation import revoke_session, revoke_sessions_of_user
from edgepass_sidecar.service.sessions import finish, refresh
from edgepass_sidecar.service.sign_in import (
    SignedInClient,
    sign_in_with_ticket,
    start_session_for,
)
from edgepass_sidecar.service.stewardship import record_verification, update_session
from edgepass_sidecar.service.templates import Templates, create_template
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import LIVE, POLICY_TERMS, Status
from edgepass_sidecar.store import SessionQuery, SessionStore
from tests.conftest import Clock
from tests.contract.making import make_template
from tests.support.sidecar import make_settings

USER = UserId("user_1")
PAGE = 500


class Interposed:
    """A store with which something else happens once, right after the first call of `method`."""

    def __init__(
        self, store: SessionStore, method: str, happens: Callable[[], Awaitable[object]]
    ) -> None:
        self._store = store
        self._method = method
        self._happens: Callable[[], Awaitable[object]] | None = happens

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        happens = self._happens
        if name != self._method or happens is None:
            return call
        self._happens = None

        async def call_and_let_happen(*arguments: Any) -> Any:
            answer = await call(*arguments)
            await happens()
            return answer

        return call_and_let_happen


@pytest.fixture
async def core(clock: Clock, store_setting: str) -> AsyncIterator[Core]:
    settings = make_settings(STORE=store_setting, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as opened:
        await create_user(opened, USER, {})
        yield opened


async def start(core: Core) -> SignedInClient:
    return await start_session_for(core, USER, POLICY_TERMS)


async def live(core: Core) -> int:
    query = SessionQuery(user_id=USER, statuses=LIVE)
    return (await core.store.list_sessions(query, core.clock())).total


async def for_its_browser(core: Core, started: SignedInClient) -> str:
    token = started.client_token.reveal()
    return await refresh(core, token, started.session.id, None, template="elsewhere")


async def for_a_server(core: Core, started: SignedInClient) -> str:
    return await mint_for_server(core, started.session.id, None, "elsewhere")


@pytest.mark.parametrize("mint", [for_its_browser, for_a_server])
async def test_from_a_template_nothing_is_minted_after_a_revocation_was_acknowledged(
    core: Core, clock: Clock, mint: Callable[[Core, SignedInClient], Awaitable[str]]
) -> None:
    await create_template(core.store, make_template("elsewhere"))
    started = await start(core)
    acknowledged: list[Status] = []

    async def revoke() -> None:
        acknowledged.append((await revoke_session(core, started.session.id)).status)

    slow = Templates(Interposed(core.store, "load_templates", revoke), clock)
    with pytest.raises(Refused, match="revoked"):
        await mint(replace(core, templates=slow), started)
    assert acknowledged == [Status.REVOKED]


async def test_revoking_what_its_user_ends_meanwhile_answers_that_it_has_ended(core: Core) -> None:
    started = await start(core)

    async def end() -> None:
        await finish(core, started.client_token.reveal(), started.session.id, Status.ENDED)

    raced = replace(core, store=Interposed(core.store, "find_session", end))
    answered = await revoke_session(raced, started.session.id)
    assert answered.status is Status.ENDED
    assert await core.store.find_session(started.session.id) == answered


async def change(core: Core, started: SignedInClient) -> object:
    return await update_session(core, started.session.id, {"data": {"a": 1}})


async def verify(core: Core, started: SignedInClient) -> object:
    return await record_verification(core, started.session.id, Factor.SECOND)


@pytest.mark.parametrize("work", [change, verify])
async def test_what_is_revoked_meanwhile_is_not_changed(
    core: Core, work: Callable[[Core, SignedInClient], Awaitable[object]]
) -> None:
    started = await start(core)

    async def revoke() -> None:
        await revoke_session(core, started.session.id)

    raced = replace(core, store=Interposed(core.store, "find_session", revoke))
    with pytest.raises(Refused) as refusal:
        await work(raced, started)
    assert (refusal.value.status, refusal.value.code) == (422, "session_over")
    stored = await core.store.find_session(started.session.id)
    assert stored is not None
    assert (stored.status, stored.data, stored.second_factor_at) == (Status.REVOKED, {}, None)


async def test_a_ticket_that_another_tab_uses_meanwhile_evicts_nobody_the_second_time(
    core: Core, clock: Clock
) -> None:
    policy = replace(core.policy, maximum_sessions=3, at_limit=AtLimit.EVICT)
    core = replace(core, policy=policy)
    for _ in range(3):
        await start(core)
        clock.advance(1)
    _, ticket = await create_ticket(core, USER, 60, POLICY_TERMS)

    async def use_it() -> None:
        await sign_in_with_ticket(core, None, ticket.reveal(), UNKNOWN)

    raced = replace(core, store=Interposed(core.store, "load_ticket", use_it))
    with pytest.raises(Refused, match="used before"):
        await sign_in_with_ticket(raced, None, ticket.reveal(), UNKNOWN)
    assert await live(core) == 3


async def test_revoking_all_of_a_user_misses_none_while_one_on_the_first_page_ends(
    core: Core,
) -> None:
    for _ in range(PAGE + 2):
        await start(core)
    newest = (await core.store.list_sessions(SessionQuery(limit=1), core.clock())).items[0]

    async def end() -> None:
        await revoke_session(core, newest.id)

    raced = replace(core, store=Interposed(core.store, "list_sessions", end))
    await revoke_sessions_of_user(raced, USER)
    assert await live(core) == 0
