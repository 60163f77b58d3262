"""Marks on users by clocks that were set, and by sidecars whose clocks do not agree."""

import math
from dataclasses import replace

import pytest

from edgepass_sidecar.activity import UNKNOWN
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import ban_user, sign_out_user_before
from edgepass_sidecar.service.sessions import refresh
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, start_session_for
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import LIVE, POLICY_TERMS, Status, Terms, standing
from tests.conftest import Clock
from tests.support.sidecar import Browser, Server, Sidecar, succeeded

USER = UserId("user_1")


def just_after(moment: float) -> float:
    """Return the next time there is: a ban ends what began at the moment of it, too."""
    return math.nextafter(moment, math.inf)


async def _standing(core: Core, session: SessionId) -> Status:
    stored = await core.store.find_session(session)
    assert stored is not None
    return standing(stored, core.clock())


@pytest.mark.parametrize(("set_by", "moved"), [(-5.0, 0.0), (-0.5, 0.0), (0.0, 0.0), (0.5, 0.5)])
@pytest.mark.parametrize("again", ["ban", "sign out"])
async def test_a_mark_moves_on_with_the_clock_and_never_back(
    any_sidecar: Sidecar, clock: Clock, again: str, set_by: float, moved: float
) -> None:
    core = any_sidecar.core
    await create_user(core, USER, {})
    clock.advance(10)
    mark = clock()
    await sign_out_user_before(core, USER, mark)
    clock.advance(set_by)
    if again == "ban":
        user = await ban_user(core, USER)
        assert user.not_before == max(mark, just_after(mark + set_by))
    else:
        user = await sign_out_user_before(core, USER, clock())
        assert user.not_before == mark + moved


@pytest.mark.parametrize(
    ("later", "mark"), [(-0.5, -0.5), (0.0, 0.0), (0.5, 0.0), (60.0, 0.0), (1e12, 0.0)]
)
async def test_a_time_to_come_counts_as_the_present(
    any_sidecar: Sidecar, clock: Clock, later: float, mark: float
) -> None:
    core = any_sidecar.core
    await create_user(core, USER, {})
    user = await sign_out_user_before(core, USER, clock() + later)
    assert user.not_before == clock() + mark
    banned = await ban_user(core, USER)
    assert banned.not_before == just_after(clock())


async def test_signing_out_before_a_time_to_come_ends_all_that_has_begun_and_locks_nobody_out(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    before = await browser.sign_in()
    clock.advance(1)
    succeeded(await server.post(f"/v1/users/{USER}/sign_out", {"not_before": 1 << 53}))
    assert await server.status(before) == "revoked"
    after = await browser.sign_in()
    await browser.refresh(after)
    assert await server.status(after) == "active"


@pytest.mark.parametrize("behind", [0.0, 0.5, 60.0])
async def test_a_session_begins_live_after_a_mark_by_a_clock_that_is_ahead(
    any_sidecar: Sidecar, clock: Clock, behind: float
) -> None:
    core = any_sidecar.core
    await create_user(core, USER, {})
    before = (await start_session_for(core, USER, POLICY_TERMS)).session
    ahead = Clock(clock() + behind + 1.0)
    clock.advance(1)
    await sign_out_user_before(replace(core, clock=ahead), USER, ahead())
    after = (await start_session_for(core, USER, POLICY_TERMS)).session
    assert await _standing(core, before.id) is Status.REVOKED
    assert await _standing(core, after.id) in LIVE


@pytest.mark.parametrize("behind", [0.5, 60.0])
@pytest.mark.parametrize("terms", [POLICY_TERMS, Terms(actor={"sub": "user_admin"})])
async def test_right_after_a_sign_out_everywhere_tickets_of_a_sidecar_that_is_behind_are_good(
    any_sidecar: Sidecar, clock: Clock, terms: Terms, behind: float
) -> None:
    core = any_sidecar.core
    await create_user(core, USER, {})
    clock.advance(100)
    late = replace(core, clock=Clock(clock() - behind))
    _, before = await create_ticket(late, USER, 1000, terms)
    await sign_out_user_before(core, USER, clock())
    with pytest.raises(Refused, match="revoked"):
        await sign_in_with_ticket(late, None, before.reveal(), UNKNOWN)
    _, after = await create_ticket(late, USER, 1000, terms)
    signed_in = await sign_in_with_ticket(late, None, after.reveal(), UNKNOWN)
    assert await refresh(late, signed_in.client_token.reveal(), signed_in.session.id, None)
    assert await _standing(core, signed_in.session.id) in LIVE


async def test_right_after_a_sign_out_everywhere_a_browser_signs_in_where_the_clock_is_behind(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    await browser.sign_in()
    clock.advance(5)
    succeeded(await server.post(f"/v1/users/{USER}/sign_out"))
    clock.advance(-0.5)
    await browser.refresh(await browser.sign_in())


async def test_lifting_a_ban_that_there_is_not_ends_nothing(
    server: Server, browser: Browser
) -> None:
    session = await browser.sign_in("user_1")
    succeeded(await server.post("/v1/users/user_1/unban"))
    assert await server.status(session) == "active"
