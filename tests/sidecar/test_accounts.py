"""Several accounts on one client: how many there may be, and what a single session replaces."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Clock
from tests.support.sidecar import (
    Browser,
    Sidecar,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)


@pytest.fixture
async def two_at_most(clock: Clock, store_setting: str) -> AsyncIterator[Sidecar]:
    settings = make_settings(STORE=store_setting, MAXIMUM_ACCOUNTS="2")
    async with run_sidecar(clock, settings) as running:
        yield running


@pytest.fixture
async def single(clock: Clock, store_setting: str) -> AsyncIterator[Sidecar]:
    """Let a client have one session at a time."""
    settings = make_settings(STORE=store_setting, MULTI_SESSION="off")
    async with run_sidecar(clock, settings) as running:
        yield running


async def _session_ids(browser: Browser) -> set[str]:
    client = await browser.client()
    assert client is not None
    return {session["id"] for session in client["sessions"]}


async def test_a_client_has_as_many_accounts_as_may_be_and_not_one_more(
    two_at_most: Sidecar,
) -> None:
    browser = two_at_most.browser()
    sessions = {await browser.sign_in("user_1"), await browser.sign_in("user_2")}
    _, ticket = await two_at_most.server.ticket("user_3")
    answer = await browser.present(ticket)
    assert (answer.status_code, error_code(answer)) == (403, "too_many_accounts")
    assert await _session_ids(browser) == sessions


async def test_a_refused_account_changes_neither_the_token_nor_the_ticket(
    two_at_most: Sidecar,
) -> None:
    browser = two_at_most.browser()
    first = await browser.sign_in("user_1")
    await browser.sign_in("user_2")
    token = browser.token
    _, ticket = await two_at_most.server.ticket("user_3")
    answer = await browser.present(ticket)
    assert answer.status_code == 403
    assert browser.token == token
    succeeded(await browser.act(first, "remove"))
    assert succeeded(await browser.present(ticket))["response"]["status"] == "complete"


async def test_signing_in_again_is_no_further_account(two_at_most: Sidecar) -> None:
    browser = two_at_most.browser()
    before = await browser.sign_in("user_1")
    other = await browser.sign_in("user_2")
    again = await browser.sign_in("user_1")
    assert await two_at_most.server.status(before) == "replaced"
    assert await _session_ids(browser) == {other, again}


@pytest.mark.parametrize(("seconds", "status"), [(299.9, 403), (300, 200), (300.1, 200)])
async def test_an_account_counts_until_its_session_ends(
    two_at_most: Sidecar, clock: Clock, seconds: float, status: int
) -> None:
    browser, server = two_at_most.browser(), two_at_most.server
    await browser.sign_in("user_1")
    succeeded(await server.post("/v1/users", {"id": "user_2"}))
    short = {"user_id": "user_2", "maximum_lifetime_in_seconds": 300}
    made = succeeded(await server.post("/v1/sign_in_tokens", short))
    succeeded(await browser.present(made["token"]))
    clock.advance(seconds)
    _, ticket = await server.ticket("user_3")
    assert (await browser.present(ticket)).status_code == status


async def test_an_account_that_is_banned_makes_room(two_at_most: Sidecar) -> None:
    browser, server = two_at_most.browser(), two_at_most.server
    await browser.sign_in("user_1")
    await browser.sign_in("user_2")
    succeeded(await server.post("/v1/users/user_1/ban"))
    await browser.sign_in("user_3")
    assert len(await _session_ids(browser)) == 2


async def test_a_client_has_10_accounts_unless_told_otherwise(sidecar: Sidecar) -> None:
    browser = sidecar.browser()
    for number in range(10):
        await browser.sign_in(f"user_{number}")
    _, ticket = await sidecar.server.ticket("user_10")
    assert error_code(await browser.present(ticket)) == "too_many_accounts"


async def test_fewer_accounts_than_there_are_end_none_of_them(clock: Clock, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'edgepass.db'}"
    async with run_sidecar(clock, make_settings(STORE=store)) as before:
        browser = before.browser()
        sessions = {await browser.sign_in("user_1"), await browser.sign_in("user_2")}
    async with run_sidecar(clock, make_settings(STORE=store, MAXIMUM_ACCOUNTS="1")) as lowered:
        later = Browser(lowered.http, lowered.server, token=browser.token)
        assert await _session_ids(later) == sessions
        _, ticket = await lowered.server.ticket("user_3")
        assert error_code(await later.present(ticket)) == "too_many_accounts"


async def test_accounts_that_sign_in_at_once_are_never_too_many(two_at_most: Sidecar) -> None:
    browser = two_at_most.browser()
    await browser.sign_in("user_1")
    tickets = [(await two_at_most.server.ticket(f"user_{n}"))[1] for n in range(2, 8)]
    tabs = [browser.with_token(browser.token) for _ in tickets]
    answers = await asyncio.gather(
        *(tab.present(ticket) for tab, ticket in zip(tabs, tickets, strict=True))
    )
    won = [tab for tab, answer in zip(tabs, answers, strict=True) if answer.status_code == 200]
    codes = {error_code(answer) for answer in answers if answer.status_code != 200}
    assert len(won) == 1
    assert codes == {"client_token_rotated"}
    assert len(await _session_ids(won[0])) == 2


async def test_without_multi_session_a_sign_in_replaces_whoever_was_there(
    single: Sidecar,
) -> None:
    browser = single.browser()
    first = await browser.sign_in("user_1")
    second = await browser.sign_in("user_2")
    assert await single.server.status(first) == "replaced"
    assert await _session_ids(browser) == {second}
    assert "session.replaced" in await single.event_types()
    answer = await browser.act(first)
    assert (answer.status_code, error_code(answer)) == (401, "session_over")


async def test_without_multi_session_other_clients_keep_theirs(single: Sidecar) -> None:
    elsewhere = single.browser()
    there = await elsewhere.sign_in("user_1")
    here = single.browser()
    await here.sign_in("user_1")
    await here.sign_in("user_2")
    assert await single.server.status(there) == "active"
    await elsewhere.refresh(there)


async def test_without_multi_session_the_environment_says_so(single: Sidecar) -> None:
    environment = succeeded(await single.http.get("/v1/environment"))
    assert environment["auth_config"]["single_session_mode"] is True
