"""Once a change is stored, its answer is sent: nothing after the commit may fail."""

from collections.abc import Callable
from typing import Any

import pytest

from edgepass_sidecar.activity import UNKNOWN
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.key_keeper import NoActiveKey
from edgepass_sidecar.service.sessions import finish, touch, view_changed
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, sign_out
from edgepass_sidecar.session import Status
from edgepass_sidecar.store import SessionStore, StoreUnavailable
from tests.support.sidecar import Sidecar


class BrokenAfterCommit:
    """A store that takes one commit and answers nothing from then on."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._committed = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if self._committed:
            raise StoreUnavailable("the disk is gone")
        return getattr(self._store, name)

    async def commit(self, commit: Any) -> bool:
        self._committed = await self._store.commit(commit)
        return self._committed


@pytest.fixture
def break_after_commit(sidecar: Sidecar) -> Core:
    """Have the sidecar's store fail after the next commit, and return its core."""
    core = sidecar.core
    object.__setattr__(core, "store", BrokenAfterCommit(core.store))
    return core


async def test_a_second_sign_in_sends_the_new_client_token(
    sidecar: Sidecar, request: pytest.FixtureRequest
) -> None:
    browser = sidecar.browser()
    await browser.sign_in("user_1")
    _, ticket = await sidecar.server.ticket("user_2")
    core = request.getfixturevalue("break_after_commit")

    signed_in = await sign_in_with_ticket(core, browser.token, ticket, UNKNOWN)
    view = view_changed(core, signed_in.changed, "https://app.example.com")

    assert signed_in.client_token.reveal() != browser.token
    assert {session.user_id for session in view.sessions} == {"user_1", "user_2"}
    assert {session.user_id for session in view.sessions} == {"user_1", "user_2"}
    assert view.active_token is not None


async def test_the_answer_to_a_sign_in_has_the_cookie_though_the_store_is_gone(
    sidecar: Sidecar, request: pytest.FixtureRequest
) -> None:
    browser = sidecar.browser()
    _, ticket = await sidecar.server.ticket("user_1")
    request.getfixturevalue("break_after_commit")

    answer = await browser.present(ticket)

    assert answer.status_code == 200
    assert "set-cookie" in answer.headers


@pytest.mark.parametrize("act", ["touch", "end", "remove", "sign out"])
async def test_so_do_all_other_changes(
    sidecar: Sidecar, request: pytest.FixtureRequest, act: str
) -> None:
    browser = sidecar.browser()
    session = await browser.sign_in("user_1")
    core = request.getfixturevalue("break_after_commit")
    token = browser.token

    if act == "touch":
        changed = await touch(core, token, session)
        assert view_changed(core, changed, None).active_token is not None
    elif act == "sign out":
        client, client_token = await sign_out(core, token)
        assert client_token is not None
        assert client.live_sessions(core.clock()) == ()
    else:
        status = Status.ENDED if act == "end" else Status.REMOVED
        changed = await finish(core, token, session, status)
        assert changed.session.status is status
        assert view_changed(core, changed, None).sessions == ()


async def test_without_a_key_to_sign_with_no_ticket_is_used_up(sidecar: Sidecar) -> None:
    _, ticket = await sidecar.server.ticket("user_1")
    keys = sidecar.core.keys
    held, keys._keys = keys._keys, ()

    assert (await sidecar.browser().present(ticket)).status_code == 503

    keys._keys = held
    assert (await sidecar.browser().present(ticket)).status_code == 200


class NoKeys:
    """Signing keys, none of which is active."""

    def signer(self, now: float) -> None:
        raise NoActiveKey("no signing key is active")


async def test_a_rotated_client_token_is_sent_though_there_is_no_key_to_sign_with(
    sidecar: Sidecar,
) -> None:
    browser = sidecar.browser()
    first, _ = await browser.sign_in("user_1"), await browser.sign_in("user_2")
    before = browser.token
    object.__setattr__(sidecar.core, "keys", NoKeys())
    answer = await browser.act(first, "end")
    assert answer.status_code == 200, answer.text
    assert browser.token != before
    sessions = answer.json()["client"]["sessions"]
    assert [session["last_active_token"] for session in sessions] == [None]
