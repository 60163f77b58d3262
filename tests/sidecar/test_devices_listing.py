"""A user's own devices: the list, signing one out, signing all others out, and whose they are."""

import asyncio
from typing import Any

import pytest

from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import (
    find_own_session,
    list_devices,
    revoke_device,
    revoke_other_devices,
)
from edgepass_sidecar.service.sign_in import start_session_for
from edgepass_sidecar.session import POLICY_TERMS, Session
from tests.conftest import Clock
from tests.support.sidecar import Browser, Sidecar, succeeded

NOT_FOUND = "resource_not_found"


async def _asking(core: Core, browser: Browser, session: str | None = None) -> Session:
    return await find_own_session(core, browser.token, SessionId(session) if session else None)


async def _ids(core: Core, asking: Session, *, active_only: bool = True) -> list[str]:
    return [session.id for session in await list_devices(core, asking, active_only=active_only)]


async def _impersonate(sidecar: Sidecar, browser: Browser, user: str, actor: str) -> str:
    body = {"user_id": user, "actor": {"sub": actor}}
    made = succeeded(await sidecar.server.post("/v1/actor_tokens", body))
    session: str = succeeded(await browser.present(made["token"]))["response"]["created_session_id"]
    return session


async def test_a_user_sees_their_own_sessions_on_all_clients_newest_first(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browsers = [any_sidecar.browser() for _ in range(3)]
    sessions = []
    for browser in browsers:
        sessions.append(await browser.sign_in())
        clock.advance(1)
    await any_sidecar.browser().sign_in("user_2")
    asking = await _asking(any_sidecar.core, browsers[0])
    assert await _ids(any_sidecar.core, asking) == sessions[::-1]


async def test_the_other_account_of_a_client_is_not_in_the_list(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    mine, theirs = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    core = sidecar.core
    assert await _ids(core, await _asking(core, browser, mine)) == [mine]
    assert await _ids(core, await _asking(core, browser, theirs)) == [theirs]


async def test_sessions_that_are_over_are_listed_only_when_asked_for(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, core = any_sidecar.browser(), any_sidecar.core
    over = await any_sidecar.browser().sign_in()
    clock.advance(1)
    replaced = await browser.sign_in()
    clock.advance(1)
    mine = await browser.sign_in()
    await any_sidecar.server.revoke(over)
    asking = await _asking(core, browser)
    assert await _ids(core, asking) == [mine]
    assert await _ids(core, asking, active_only=False) == [mine, replaced, over]


async def test_what_time_has_ended_unrecorded_is_no_active_device(
    sidecar: Sidecar, clock: Clock
) -> None:
    browser = sidecar.browser()
    mine = await browser.sign_in()
    short = {"user_id": "user_1", "maximum_lifetime_in_seconds": 300}
    succeeded(await sidecar.server.post("/v1/sessions", short))
    clock.advance(300)
    asking = await _asking(sidecar.core, browser)
    assert await _ids(sidecar.core, asking) == [mine]


async def test_more_devices_than_a_page_has_are_all_listed_and_all_revoked(
    sidecar: Sidecar,
) -> None:
    browser, core = sidecar.browser(), sidecar.core
    mine = await browser.sign_in()
    for _ in range(501):
        await start_session_for(core, UserId("user_1"), POLICY_TERMS)
    asking = await _asking(core, browser)
    assert len(set(await _ids(core, asking))) == 502
    assert await revoke_other_devices(core, asking) == 501
    assert await _ids(core, asking) == [mine]


async def test_a_user_signs_another_device_of_theirs_out(any_sidecar: Sidecar) -> None:
    browser, other = any_sidecar.browser(), any_sidecar.browser()
    mine, there = await browser.sign_in(), await other.sign_in()
    core = any_sidecar.core
    revoked = await revoke_device(core, await _asking(core, browser), SessionId(there))
    assert (revoked.id, revoked.status) == (there, "revoked")
    assert (await other.act(there)).status_code == 401
    await browser.refresh(mine)


async def test_signing_a_device_out_is_an_event_that_names_the_session_that_did(
    sidecar: Sidecar,
) -> None:
    browser, other = sidecar.browser(), sidecar.browser()
    mine, there = await browser.sign_in(), await other.sign_in()
    await revoke_device(sidecar.core, await _asking(sidecar.core, browser), SessionId(there))
    events = [event for _, event in await sidecar.core.store.list_events(0, 100)]
    (revoked,) = [event for event in events if event.type == "session.revoked"]
    assert (revoked.session_id, revoked.data) == (there, {"by": "user", "by_session": mine})


async def test_who_acts_in_the_user_s_place_is_named(sidecar: Sidecar) -> None:
    there = await sidecar.browser().sign_in()
    browser = sidecar.browser()
    session = await _impersonate(sidecar, browser, "user_1", "user_admin")
    await revoke_device(sidecar.core, await _asking(sidecar.core, browser), SessionId(there))
    events = [event for _, event in await sidecar.core.store.list_events(0, 100)]
    (revoked,) = [event for event in events if event.type == "session.revoked"]
    assert revoked.data == {"by": "user", "by_session": session, "by_actor": "user_admin"}


async def test_of_another_s_session_a_user_learns_no_more_than_of_none(
    any_sidecar: Sidecar,
) -> None:
    browser, other = any_sidecar.browser(), any_sidecar.browser()
    await browser.sign_in("user_1")
    theirs = await other.sign_in("user_2")
    core = any_sidecar.core
    asking = await _asking(core, browser)
    for name in (theirs, "", "sess_", "sess_0", "\x00", "é" * 500, "../x"):
        with pytest.raises(Refused) as refusal:
            await revoke_device(core, asking, SessionId(name))
        assert (refusal.value.status, refusal.value.message) == (404, "There is no such session.")
    await other.refresh(theirs)


async def test_signing_out_a_device_again_changes_nothing(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    await browser.sign_in()
    there = SessionId(await any_sidecar.browser().sign_in())
    core = any_sidecar.core
    asking = await _asking(core, browser)
    revoked = [await revoke_device(core, asking, there) for _ in range(2)]
    assert [session.status for session in revoked] == ["revoked", "revoked"]
    assert (await any_sidecar.event_types()).count("session.revoked") == 1


async def test_all_other_devices_are_signed_out_and_this_one_is_not(any_sidecar: Sidecar) -> None:
    browser, core = any_sidecar.browser(), any_sidecar.core
    mine = await browser.sign_in()
    others = [await any_sidecar.browser().sign_in() for _ in range(3)]
    theirs = await browser.sign_in("user_2")
    asking = await _asking(core, browser, mine)
    assert await revoke_other_devices(core, asking) == 3
    assert {await any_sidecar.server.status(session) for session in others} == {"revoked"}
    await browser.refresh(mine)
    await browser.refresh(theirs)
    assert await revoke_other_devices(core, asking) == 0


async def test_two_devices_that_sign_each_other_out_at_once_do_no_more_than_that(
    any_sidecar: Sidecar,
) -> None:
    browsers = [any_sidecar.browser() for _ in range(2)]
    sessions = [await browser.sign_in() for browser in browsers]
    core = any_sidecar.core
    asking = [await _asking(core, browser) for browser in browsers]
    await asyncio.gather(*(revoke_other_devices(core, session) for session in asking))
    assert {await any_sidecar.server.status(session) for session in sessions} == {"revoked"}
    assert (await any_sidecar.event_types()).count("session.revoked") == 2


async def _refusal(work: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as refusal:
        await work
    return refusal.value.status, refusal.value.code


async def test_who_asks_has_a_live_session_of_this_client(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, other, core = any_sidecar.browser(), any_sidecar.browser(), any_sidecar.core
    mine, there = await browser.sign_in(), await other.sign_in("user_2")
    not_ours = await _refusal(_asking(core, browser, there))
    assert not_ours == await _refusal(_asking(core, browser, "sess_0")) == (404, NOT_FOUND)
    assert (await _asking(core, browser)).id == mine
    assert await _refusal(find_own_session(core, None, None)) == (401, "client_token_invalid")
    clock.advance(7 * 86_400)
    assert await _refusal(_asking(core, browser, mine)) == (401, "session_over")


async def test_a_token_from_before_the_sign_in_sees_no_devices(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, core = any_sidecar.browser(), any_sidecar.core
    succeeded(await browser.send("POST", "/v1/client"))
    planted = browser.with_token(browser.token)
    clock.advance(1)
    session = await browser.sign_in()
    assert await _refusal(_asking(core, planted, session)) == (404, NOT_FOUND)
    assert await _refusal(_asking(core, planted)) == (404, NOT_FOUND)
