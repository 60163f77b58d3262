"""Banning a user and signing one out everywhere: the mark comes first, and nothing revives."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.minting import mint_for_server
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import ban_user, sign_out_user_before, unban_user
from edgepass_sidecar.service.sign_in import start_session_for
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.session import LIVE, POLICY_TERMS
from edgepass_sidecar.store import Commit, SessionQuery, SessionStore, StoreUnavailable
from edgepass_sidecar.user import User
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import LateStore, Server, Sidecar, error_code, succeeded

USER = UserId("user_1")


class FailingStore:
    """A store whose commits fail from the k-th on, as if the process had died there."""

    def __init__(self, store: SessionStore, commits: int) -> None:
        self._store = store
        self._left = commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, commit: Commit) -> bool:
        if self._left == 0:
            raise StoreUnavailable("the disk is gone")
        self._left -= 1
        return await self._store.commit(commit)


async def _ban(server: Server, user: str = USER) -> None:
    assert succeeded(await server.post(f"/v1/users/{user}/ban"))["banned"] is True


async def _unban(server: Server, user: str = USER) -> None:
    assert succeeded(await server.post(f"/v1/users/{user}/unban"))["banned"] is False


async def _mint(core: Core, session: str) -> str:
    try:
        await mint_for_server(core, SessionId(session), None)
    except Refused as refused:
        return refused.code
    return "minted"


async def _live(core: Core) -> int:
    query = SessionQuery(user_id=USER, statuses=LIVE)
    return (await core.store.list_sessions(query, core.clock())).total


async def test_a_ban_revokes_every_session_on_every_client(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    sessions = [await any_sidecar.browser().sign_in() for _ in range(3)]
    await _ban(server)
    assert {await server.status(session) for session in sessions} == {"revoked"}
    types = await any_sidecar.event_types()
    assert (types.count("user.banned"), types.count("session.revoked")) == (1, 3)


async def test_after_a_ban_nothing_is_minted_for_a_session_from_before(
    any_sidecar: Sidecar,
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await browser.sign_in()
    await browser.refresh(session)
    await _ban(server)
    answers = [
        await browser.act(session),
        await browser.act(session, "touch"),
        await server.post(f"/v1/sessions/{session}/tokens"),
    ]
    assert [(a.status_code, error_code(a)) for a in answers] == [(401, "session_over")] * 3
    client = await browser.client()
    assert client is not None
    assert client["sessions"] == []


async def test_a_ban_leaves_the_other_account_of_the_client_alone(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    theirs = await browser.sign_in("user_2")
    await browser.sign_in("user_1")
    await _ban(any_sidecar.server)
    await browser.refresh(theirs)
    client = await browser.client()
    assert client is not None
    assert client["last_active_session_id"] == theirs


async def test_no_session_and_no_ticket_is_made_for_a_banned_user(server: Server) -> None:
    succeeded(await server.post("/v1/users", {"id": USER}))
    await _ban(server)
    for path, more in (
        ("sessions", {}),
        ("sign_in_tokens", {}),
        ("actor_tokens", {"actor": {"sub": "user_admin"}}),
    ):
        answer = await server.post(f"/v1/{path}", {"user_id": USER, **more})
        assert (answer.status_code, error_code(answer)) == (403, "user_banned")


async def test_a_ticket_from_before_the_ban_starts_nothing(any_sidecar: Sidecar) -> None:
    _, ticket = await any_sidecar.server.ticket()
    await _ban(any_sidecar.server)
    answer = await any_sidecar.browser().present(ticket)
    assert (answer.status_code, error_code(answer)) == (403, "user_banned")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("actions", "seconds", "status"),
    [
        (["sign_out"], 0, 200),
        (["sign_out"], 0.001, 422),
        (["ban", "unban"], 0, 422),
        (["ban", "unban"], 0.0004, 422),
        (["ban", "unban"], 0.001, 422),
        (["ban", "unban"], 1, 422),
    ],
)
async def test_a_ticket_from_before_a_mark_starts_nothing_after_it_either(
    any_sidecar: Sidecar, clock: Clock, actions: list[str], seconds: float, status: int
) -> None:
    _, ticket = await any_sidecar.server.ticket(lifetime=1000)
    clock.advance(seconds)
    for action in actions:
        succeeded(await any_sidecar.server.post(f"/v1/users/{USER}/{action}"))
    clock.advance(1)
    answer = await any_sidecar.browser().present(ticket)
    refusal = error_code(answer) if answer.status_code != 200 else None
    assert (answer.status_code, refusal) == (status, "ticket_revoked" if status == 422 else None)


async def test_a_ticket_from_after_the_ban_starts_a_session_at_the_same_moment(
    any_sidecar: Sidecar,
) -> None:
    succeeded(await any_sidecar.server.post("/v1/users", {"id": USER}))
    await _ban(any_sidecar.server)
    await _unban(any_sidecar.server)
    _, ticket = await any_sidecar.server.ticket()
    browser = any_sidecar.browser()
    session = succeeded(await browser.present(ticket))["response"]["created_session_id"]
    await browser.refresh(session)


class BanningStore:
    """A store where the user is banned, and unbanned, once the user was read for a ticket."""

    def __init__(self, core: Core, clock: Clock, seconds: float) -> None:
        self._core = core
        self._clock = clock
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core.store, name)

    async def load_users(self, user_ids: Sequence[UserId]) -> dict[UserId, User]:
        found = await self._core.store.load_users(user_ids)
        await ban_user(self._core, USER)
        await unban_user(self._core, USER)
        self._clock.advance(self._seconds)
        return found


@pytest.mark.parametrize("seconds", [0, 0.0004, 1])
async def test_a_ticket_that_is_made_while_its_user_is_banned_is_void(
    any_sidecar: Sidecar, clock: Clock, seconds: float
) -> None:
    core = any_sidecar.core
    succeeded(await any_sidecar.server.post("/v1/users", {"id": USER}))
    racing = replace(core, store=BanningStore(core, clock, seconds))
    _, token = await create_ticket(racing, USER, 60, POLICY_TERMS)
    answer = await any_sidecar.browser().present(token.reveal())
    assert (answer.status_code, error_code(answer)) == (422, "ticket_revoked")


async def test_an_unbanned_user_signs_in_again_and_no_old_session_revives(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    before = await browser.sign_in()
    clock.advance(1)
    await _ban(server)
    clock.advance(1)
    await _unban(server)
    assert error_code(await browser.act(before)) == "session_over"
    await browser.refresh(await browser.sign_in())
    assert await server.status(before) == "revoked"


async def test_banning_or_unbanning_again_changes_nothing(server: Server) -> None:
    succeeded(await server.post("/v1/users", {"id": USER}))
    for _ in range(2):
        await _ban(server)
    for _ in range(2):
        await _unban(server)


@pytest.mark.parametrize("action", ["ban", "unban", "sign_out", "sessions/revoke"])
async def test_a_user_who_is_not_there_is_404(server: Server, action: str) -> None:
    answer = await server.post(f"/v1/users/user_0/{action}")
    assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")


async def _three_sessions(core: Core, server: Server) -> list[SessionId]:
    succeeded(await server.post("/v1/users", {"id": USER}))
    return [(await start_session_for(core, USER, POLICY_TERMS)).session.id for _ in range(3)]


@pytest.mark.parametrize("commits", [0, 1, 2])
async def test_a_ban_that_was_cut_short_leaves_nothing_to_mint_for(
    any_sidecar: Sidecar, clock: Clock, commits: int
) -> None:
    core, server = any_sidecar.core, any_sidecar.server
    sessions = await _three_sessions(core, server)
    clock.advance(1)
    dying = replace(core, store=FailingStore(core.store, commits))
    with pytest.raises(StoreUnavailable):
        await ban_user(dying, USER)
    assert {await _mint(core, session) for session in sessions} == {"session_over"}
    assert {await server.status(session) for session in sessions} == {"revoked"}
    assert await _live(core) == 0


@pytest.mark.parametrize("commits", [0, 1, 2])
async def test_a_ban_that_was_cut_short_revives_nothing_when_it_is_lifted(
    any_sidecar: Sidecar, clock: Clock, commits: int
) -> None:
    core, server = any_sidecar.core, any_sidecar.server
    sessions = await _three_sessions(core, server)
    clock.advance(0.001)
    dying = replace(core, store=FailingStore(core.store, commits))
    with pytest.raises(StoreUnavailable):
        await ban_user(dying, USER)
    await _unban(server)
    assert {await _mint(core, session) for session in sessions} == {"session_over"}


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_ban_that_was_cut_short_and_lifted_revives_nothing_whatever_the_clock_did(
    any_sidecar: Sidecar, clock: Clock, seconds: float
) -> None:
    core, server = any_sidecar.core, any_sidecar.server
    clock.advance(5)
    sessions = await _three_sessions(core, server)
    clock.advance(seconds)
    with pytest.raises(StoreUnavailable):
        await ban_user(replace(core, store=FailingStore(core.store, 0)), USER)
    await _unban(server)
    clock.advance(5)
    assert {await _mint(core, session) for session in sessions} == {"session_over"}


async def test_banning_again_finishes_what_was_cut_short(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    core, server = any_sidecar.core, any_sidecar.server
    await _three_sessions(core, server)
    clock.advance(1)
    with pytest.raises(StoreUnavailable):
        await ban_user(replace(core, store=FailingStore(core.store, 1)), USER)
    assert (await any_sidecar.event_types()).count("session.revoked") == 1
    await _ban(server)
    assert (await any_sidecar.event_types()).count("session.revoked") == 3


async def test_in_40_races_with_a_ban_no_session_is_left(any_sidecar: Sidecar) -> None:
    core, server = any_sidecar.core, any_sidecar.server
    succeeded(await server.post("/v1/users", {"id": USER}))
    for seed in range(40):
        late = replace(core, store=LateStore(core.store, seed))
        starts = (start_session_for(late, USER, POLICY_TERMS) for _ in range(3))
        outcomes = await asyncio.gather(*starts, ban_user(late, USER), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert {getattr(failure, "code", failure) for failure in failures} <= {"user_banned"}
        assert await _live(core) == 0
        await _unban(server)


@pytest.mark.parametrize(("later_ms", "status"), [(-1, "active"), (0, "active"), (1, "revoked")])
async def test_signing_out_before_a_time_ends_what_began_before_it(
    any_sidecar: Sidecar, clock: Clock, later_ms: int, status: str
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await browser.sign_in()
    clock.advance(1)
    before = {"not_before": NOW * 1000 + later_ms}
    succeeded(await server.post(f"/v1/users/{USER}/sign_out", before))
    assert await server.status(session) == status
    assert (await browser.act(session)).status_code == (200 if status == "active" else 401)


async def test_by_default_every_session_until_the_call_is_signed_out(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    sessions = [await any_sidecar.browser().sign_in() for _ in range(2)]
    clock.advance(1)
    user = succeeded(await server.post(f"/v1/users/{USER}/sign_out"))
    assert (user["not_before"], user["banned"]) == ((NOW + 1) * 1000, False)
    assert {await server.status(session) for session in sessions} == {"revoked"}
    await browser.refresh(await browser.sign_in())


async def test_the_time_before_which_a_user_is_signed_out_never_moves_back(
    server: Server,
) -> None:
    succeeded(await server.post("/v1/users", {"id": USER}))
    for not_before, kept in ((5000, 5000), (4999, 5000), (0, 5000), (5001, 5001)):
        answer = await server.post(f"/v1/users/{USER}/sign_out", {"not_before": not_before})
        assert succeeded(answer)["not_before"] == kept


async def test_a_sign_out_that_was_cut_short_leaves_nothing_to_mint_for(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    core = any_sidecar.core
    sessions = await _three_sessions(core, any_sidecar.server)
    clock.advance(1)
    with pytest.raises(StoreUnavailable):
        await sign_out_user_before(
            replace(core, store=FailingStore(core.store, 1)), USER, core.clock()
        )
    assert {await _mint(core, session) for session in sessions} == {"session_over"}


@pytest.mark.parametrize(
    "not_before", [-1, 1.5, "x", True, [], (1 << 53) + 1, 1e300, {"$gt": 0}, "ٱ"]
)
async def test_a_time_that_is_none_signs_nobody_out(server: Server, not_before: Any) -> None:
    succeeded(await server.post("/v1/users", {"id": USER}))
    answer = await server.post(f"/v1/users/{USER}/sign_out", {"not_before": not_before})
    assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")
    assert succeeded(await server.get(f"/v1/users/{USER}"))["not_before"] == 0
