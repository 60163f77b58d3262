"""An event says why of the session that was meant, and of no other that ends with it."""

from typing import Any

import pytest

from edgepass_sidecar.event import Event
from tests.conftest import Clock
from tests.support.sidecar import Browser, Server, Sidecar, succeeded

BY_SERVER = {
    "/v1/users/user_1/ban": {"by": "backend", "reason": "user banned"},
    "/v1/users/user_1/sign_out": {"by": "backend", "reason": "user signed out everywhere"},
}


async def _sign_in_for_5_minutes(browser: Browser, user: str) -> str:
    await browser.server.post("/v1/users", {"id": user})
    body = {"user_id": user, "maximum_lifetime_in_seconds": 300}
    made = succeeded(await browser.server.post("/v1/sign_in_tokens", body))
    session: str = succeeded(await browser.present(made["token"]))["response"]["created_session_id"]
    return session


async def _ends(sidecar: Sidecar) -> dict[str | None, tuple[str, dict[str, Any]]]:
    """Return the kind and the data of the event that ended each session."""
    kinds = ("session.revoked", "session.expired", "session.ended", "session.replaced")
    events: list[Event] = [event for _, event in await sidecar.core.store.list_events(0, 100)]
    return {event.session_id: (event.type, event.data) for event in events if event.type in kinds}


@pytest.mark.parametrize("path", BY_SERVER)
@pytest.mark.parametrize("seconds", [299.9, 300, 300.1])
async def test_what_is_done_to_one_user_is_not_why_another_s_session_expired(
    any_sidecar: Sidecar, clock: Clock, path: str, seconds: float
) -> None:
    browser = any_sidecar.browser()
    meant = await browser.sign_in("user_1")
    other = await _sign_in_for_5_minutes(browser, "user_2")
    clock.advance(seconds)
    succeeded(await any_sidecar.server.post(path))
    expired = {other: ("session.expired", dict[str, Any]())} if seconds >= 300 else {}
    assert await _ends(any_sidecar) == {meant: ("session.revoked", BY_SERVER[path]), **expired}


async def _revoke(browser: Browser, server: Server, session: str) -> None:
    await server.revoke(session)


async def _end(browser: Browser, server: Server, session: str) -> None:
    succeeded(await browser.act(session, "end"))


async def _sign_in_again(browser: Browser, server: Server, session: str) -> None:
    await browser.sign_in("user_1")


@pytest.mark.parametrize(
    ("work", "kind"),
    [
        (_revoke, "session.revoked"),
        (_end, "session.ended"),
        (_sign_in_again, "session.replaced"),
    ],
)
async def test_the_end_of_one_session_puts_the_expiry_of_another_on_record_as_that(
    any_sidecar: Sidecar, clock: Clock, work: Any, kind: str
) -> None:
    browser = any_sidecar.browser()
    meant = await browser.sign_in("user_1")
    other = await _sign_in_for_5_minutes(browser, "user_2")
    clock.advance(300)
    await work(browser, any_sidecar.server, meant)
    ends = await _ends(any_sidecar)
    assert ends[other] == ("session.expired", {})
    assert ends[meant][0] == kind


async def test_a_revoke_that_comes_after_the_expiry_is_not_why_the_session_is_over(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    session = await _sign_in_for_5_minutes(any_sidecar.browser(), "user_1")
    clock.advance(300)
    await any_sidecar.server.revoke(session)
    assert await _ends(any_sidecar) == {session: ("session.expired", {})}
