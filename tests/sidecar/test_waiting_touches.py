"""Activity that waits to be written counts wherever its sessions' standing is decided."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.policy import SessionPolicy
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.minting import mint_for_server
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import refresh
from edgepass_sidecar.service.sign_in import SignedInClient, start_session_for
from edgepass_sidecar.service.sweeper import Sweeper
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import POLICY_TERMS, Session, Status
from edgepass_sidecar.store import SessionStore, StoreUnavailable, Touch
from edgepass_sidecar.stores.memory import MemoryStore
from tests.conftest import Clock
from tests.contract.making import store_client
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, make_settings

USER = UserId("user_1")


class Witness:
    """A store that remembers which methods were called, and may be unable to write activity."""

    def __init__(self, store: SessionStore, *, is_broken: bool = False) -> None:
        self._store = store
        self._is_broken = is_broken
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.called.append(name)
        return getattr(self._store, name)

    async def touch(self, touches: Sequence[Touch]) -> None:
        self.called.append("touch")
        if self._is_broken:
            raise StoreUnavailable("out of order")
        await self._store.touch(touches)


@pytest.fixture
async def core(clock: Clock, store_setting: str) -> AsyncIterator[Core]:
    """Give a sidecar that writes no activity but when a test says so."""
    settings = make_settings(STORE=store_setting, ALGORITHM="EdDSA")
    async with opened_core(settings, clock, clock) as opened:
        await create_user(opened, USER, {})
        policy = SessionPolicy(inactivity_timeout=600.0)
        yield replace(opened, policy=policy, touches=Touches(opened.store))


async def start(core: Core) -> SignedInClient:
    return await start_session_for(core, USER, POLICY_TERMS)


async def refresh_once(core: Core, started: SignedInClient) -> str:
    return await refresh(core, started.client_token.reveal(), started.session.id, None)


async def on_record(core: Core, started: SignedInClient) -> Session:
    session = await core.store.find_session(started.session.id)
    assert session is not None
    return session


def test_where_nothing_waits_a_client_is_as_it_was_loaded() -> None:
    touches = Touches(MemoryStore())
    client = make_client(make_session("1"))
    touches.add(SessionId("sess_other"), NOW + 9.0)
    assert touches.latest(client) is client
    assert touches.latest(make_client()) == make_client()


@pytest.mark.parametrize(("waits", "latest"), [(-0.5, 0.0), (0.0, 0.0), (0.5, 0.5)])
def test_the_later_of_what_is_stored_and_what_waits_counts(waits: float, latest: float) -> None:
    touches = Touches(MemoryStore())
    touched, other = make_session("1"), make_session("2")
    touches.add(touched.id, NOW + waits)
    found = touches.latest(make_client(touched, other))
    assert found == make_client(replace(touched, last_active_at=NOW + latest), other)


async def test_what_was_written_waits_no_more() -> None:
    store = MemoryStore()
    client = make_client(make_session("1"))
    await store_client(store, client)
    touches = Touches(store)
    touches.add(client.sessions[0].id, NOW + 5.0)
    await touches.write()
    assert touches.latest(client) is client
    loaded = await store.load_client(client.id)
    assert loaded is not None
    assert loaded.sessions[0].last_active_at == NOW + 5.0


@pytest.mark.parametrize("is_written", [False, True])
@pytest.mark.parametrize(("seconds", "is_over"), [(0.6, False), (599.5, False), (600.0, True)])
async def test_a_refresh_puts_the_inactivity_timeout_off_whether_or_not_it_is_written(
    core: Core, clock: Clock, seconds: float, is_over: bool, is_written: bool
) -> None:
    started = await start(core)
    clock.advance(599.5)
    await refresh_once(core, started)
    if is_written:
        await core.touches.write()
    clock.advance(seconds)
    if not is_over:
        assert await refresh_once(core, started)
        return
    with pytest.raises(Refused, match="abandoned"):
        await refresh_once(core, started)


async def test_a_server_mints_for_what_was_just_active_as_well(core: Core, clock: Clock) -> None:
    started = await start(core)
    clock.advance(599.5)
    await refresh_once(core, started)
    clock.advance(0.6)
    assert await mint_for_server(core, started.session.id, None)


@pytest.mark.parametrize(("seconds", "is_over"), [(0.5, False), (599.5, False), (600.0, True)])
async def test_the_sweeper_does_not_end_what_was_just_active(
    core: Core, clock: Clock, seconds: float, is_over: bool
) -> None:
    started = await start(core)
    clock.advance(599.5)
    await refresh_once(core, started)
    clock.advance(seconds)
    await Sweeper(core).step()
    swept = await on_record(core, started)
    assert swept.last_active_at == started.session.last_active_at + 599.5
    assert swept.status is (Status.ABANDONED if is_over else Status.ACTIVE)


async def test_the_sweeper_writes_what_waits_before_it_looks(core: Core, clock: Clock) -> None:
    started = await start(core)
    witness = Witness(core.store)
    watched = replace(core, store=witness, touches=Touches(witness))
    watched.touches.add(started.session.id, clock() + 1.0)
    await Sweeper(watched).step()
    assert witness.called[:2] == ["touch", "find_over"]


async def test_the_sweeper_ends_nothing_while_activity_cannot_be_written(
    core: Core, clock: Clock
) -> None:
    started = await start(core)
    broken = Witness(core.store, is_broken=True)
    watched = replace(core, store=broken, touches=Touches(broken))
    clock.advance(599.5)
    await refresh_once(watched, started)
    clock.advance(0.5)
    with pytest.raises(StoreUnavailable):
        await Sweeper(watched).step()
    assert (await on_record(core, started)).status is Status.ACTIVE
    assert await refresh_once(watched, started)
