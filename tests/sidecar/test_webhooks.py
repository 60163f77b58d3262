"""Webhooks end to end, over real sockets: nothing is lost, nothing is out of order."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from edgepass_sidecar.api.webhook_payload import webhook_payload
from edgepass_sidecar.delivery import TRIED_FOR, Delivery
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.opening import make_store, opened_core
from edgepass_sidecar.service import webhooks as module
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.revocation import revoke_session
from edgepass_sidecar.service.sign_in import start_session_for
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.service.webhooks import (
    AT_ONCE,
    CLAIMED_FOR,
    DEAD_DROPPED_EVERY,
    DEAD_KEPT_FOR,
    EVENTS_READ,
    READER,
    Webhooks,
)
from edgepass_sidecar.session import POLICY_TERMS
from edgepass_sidecar.settings import Settings
from edgepass_sidecar.store import StoreUnavailable
from edgepass_sidecar.webhook_addresses import LOOPBACK_TOO
from edgepass_sidecar.webhook_sender import WebhookSender
from tests.conftest import Clock
from tests.sidecar.webhook_receiver import SECRET, Received, Receiver, Reply
from tests.support.issuer import NOW
from tests.support.sidecar import make_settings, make_user, run_sidecar

USER = UserId("user_1")
PATIENCE = 20.0
CREATED, ENDED, REVOKED = "session.created", "session.ended", "session.revoked"


@pytest.fixture(autouse=True)
def _no_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trust nobody instead of some hundred authorities, which take long to read."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.02)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
def settings(store_setting: str) -> Settings:
    return make_settings(STORE=store_setting, ALGORITHM="EdDSA")


@pytest.fixture
async def core(settings: Settings, clock: Clock) -> AsyncIterator[Core]:
    async with opened_core(settings, clock, clock) as opened:
        await create_user(opened, USER, {"first_name": "Ada", "email_address": "ada@example.com"})
        yield opened


@pytest.fixture
async def sender(receiver: Receiver, clock: Clock) -> AsyncIterator[WebhookSender]:
    made = WebhookSender(receiver.url, [SECRET], allowed=LOOPBACK_TOO, clock=clock)
    yield made
    await made.close()


def webhooks_of(core: Core, sender: WebhookSender) -> Webhooks:
    return Webhooks(core, sender.send, partial(webhook_payload, issuer=core.issuer))


@pytest.fixture
async def webhooks(core: Core, sender: WebhookSender) -> Webhooks:
    """Return webhooks that are on since before anything happens."""
    made = webhooks_of(core, sender)
    await made.begin()
    return made


async def start(core: Core) -> SessionId:
    return (await start_session_for(core, USER, POLICY_TERMS)).session.id


async def happen(core: Core, session_id: SessionId, *kinds: str) -> None:
    """Put events of a session on record that the test needs nothing else of."""
    happened = tuple(
        Event(type=kind, at=core.clock(), session_id=session_id, user_id=USER) for kind in kinds
    )
    other = make_user(f"of_{await core.store.newest_cursor()}")
    assert await core.store.insert_user(other, happened)


async def run(webhooks: Webhooks) -> None:
    await webhooks.read_log()
    await webhooks.deliver_due()


async def eventually(holds: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < deadline
        await asyncio.sleep(0.005)


def refuse_of(*sessions: SessionId, status: int = 500) -> Callable[[Received], Awaitable[Reply]]:
    async def decide(webhook: Received) -> Reply:
        return Reply(status=status if webhook.told[0] in sessions else 200)

    return decide


# What is said


async def test_the_body_is_the_session_with_its_user_and_the_request(
    core: Core, webhooks: Webhooks, receiver: Receiver
) -> None:
    session_id = await start(core)
    await run(webhooks)
    (webhook,) = receiver.received
    event = webhook.event
    session = event.pop("data")
    assert event == {
        "object": "event",
        "type": CREATED,
        "timestamp": NOW * 1000,
        "instance_id": event["instance_id"],
        "event_attributes": {"http_request": {"client_ip": "", "user_agent": ""}},
    }
    assert event["instance_id"].startswith("ins_")
    assert (session["object"], session["id"], session["status"]) == (
        "session",
        session_id,
        "active",
    )
    assert (session["user_id"], session["expire_at"] > NOW * 1000) == (USER, True)
    user = session["user"]
    assert (user["object"], user["id"], user["first_name"]) == ("user", USER, "Ada")
    assert user["email_addresses"][0]["email_address"] == "ada@example.com"


@pytest.mark.usefixtures("_hurried")
async def test_a_browser_that_signs_in_and_out_is_told_of_with_its_address(
    receiver: Receiver, clock: Clock
) -> None:
    settings = make_settings(
        INSTANCE="development", WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET
    )
    async with run_sidecar(clock, settings) as sidecar:
        browser = sidecar.browser()
        first = await browser.sign_in()
        await browser.act(first, "end")
        second = await browser.sign_in("user_2")
        await browser.sign_out()
        third = await browser.sign_in("user_3")
        await sidecar.server.revoke(third)
        await sidecar.server.post("/v1/sessions", {"user_id": "user_3", "tasks": ["terms"]})
        await eventually(lambda: len(receiver.taken) == 7)
    told = [webhook.told for webhook in receiver.taken]
    expected = {
        first: [CREATED, ENDED],
        second: [CREATED, "session.removed"],
        third: [CREATED, REVOKED],
    }
    for session_id, kinds in expected.items():
        assert [kind for told_id, kind in told if told_id == session_id] == kinds
    for webhook in receiver.taken:
        status = webhook.event["type"].removeprefix("session.")
        assert webhook.event["data"]["status"] == {"created": "active"}.get(status, status)
    assert {kind for _, kind in told} >= {"session.pending"}
    addresses = [w.event["event_attributes"]["http_request"]["client_ip"] for w in receiver.taken]
    assert "127.0.0.1" in addresses


async def test_each_webhook_says_what_the_session_was_by_its_event(
    core: Core, webhooks: Webhooks, receiver: Receiver, clock: Clock
) -> None:
    session_id = await start(core)
    clock.advance(30)
    await revoke_session(core, session_id, by="backend")
    clock.advance(30)
    await run(webhooks)
    shown = [(w.event["data"]["status"], w.event["data"]["updated_at"]) for w in receiver.received]
    assert shown == [("active", NOW * 1000), ("revoked", (NOW + 30) * 1000)]


async def test_what_has_no_webhook_is_passed_over(
    core: Core, webhooks: Webhooks, receiver: Receiver
) -> None:
    session_id = await start(core)
    silent = ("expired", "abandoned", "replaced", "activated", "verified", "address_changed")
    await happen(core, session_id, *(f"session.{kind}" for kind in silent), "key.published")
    await run(webhooks)
    assert [webhook.told for webhook in receiver.received] == [(session_id, CREATED)]
    assert await core.store.load_position(READER) == await core.store.newest_cursor()


async def test_a_session_that_is_no_longer_kept_is_passed_over(
    core: Core, webhooks: Webhooks, receiver: Receiver
) -> None:
    await happen(core, SessionId("sess_gone"), REVOKED)
    session_id = await start(core)
    await run(webhooks)
    assert [webhook.told for webhook in receiver.received] == [(session_id, CREATED)]


# From where, and how often


async def test_webhooks_that_are_switched_on_begin_with_what_happens_then(
    core: Core, sender: WebhookSender, receiver: Receiver
) -> None:
    await start(core)
    webhooks = webhooks_of(core, sender)
    await webhooks.begin()
    session_id = await start(core)
    await run(webhooks)
    assert [webhook.told for webhook in receiver.received] == [(session_id, CREATED)]


async def test_what_happens_while_no_sidecar_runs_is_delivered_later(
    core: Core, webhooks: Webhooks, sender: WebhookSender, receiver: Receiver
) -> None:
    session_id = await start(core)
    await run(webhooks_of(core, sender))
    assert [webhook.told for webhook in receiver.received] == [(session_id, CREATED)]


async def test_more_than_a_page_of_events_is_read_at_once(
    core: Core, webhooks: Webhooks, receiver: Receiver
) -> None:
    session_id = await start(core)
    await happen(core, session_id, *["session.verified"] * (2 * EVENTS_READ))
    await revoke_session(core, session_id, by="backend")
    await run(webhooks)
    assert [kind for _, kind in (w.told for w in receiver.received)] == [CREATED, REVOKED]


async def test_of_several_sidecars_each_event_is_delivered_by_one(
    settings: Settings, core: Core, webhooks: Webhooks, sender: WebhookSender, receiver: Receiver
) -> None:
    async with contextlib.AsyncExitStack() as entered:
        cores = [core, core]
        if settings.store != "memory:":
            store = make_store(settings)
            await store.open()
            entered.push_async_callback(store.close)
            cores[1] = replace(core, store=store)
        sessions = [await start(core) for _ in range(10)]
        for session_id in sessions:
            await revoke_session(core, session_id, by="backend")
        both = [webhooks_of(each, sender) for each in cores]
        for _ in range(2):
            await asyncio.gather(*(run(each) for each in both))
    ids = Counter(webhook.id for webhook in receiver.received)
    assert set(ids.values()) == {1}
    for session_id in sessions:
        told = [
            kind for told_id, kind in (w.told for w in receiver.received) if told_id == session_id
        ]
        assert told == [CREATED, REVOKED]


async def test_a_receiver_that_is_down_for_an_hour_gets_every_event_once_in_the_end(
    core: Core, webhooks: Webhooks, receiver: Receiver, clock: Clock
) -> None:
    await receiver.stop()
    sessions = []
    for minute in range(60):
        if minute % 6 == 0:
            sessions.append(await start(core))
        if minute % 6 == 3:
            await revoke_session(core, sessions[-1], by="backend")
        await run(webhooks)
        clock.advance(60)
    assert receiver.received == []
    await receiver.start()
    while not await has_nothing_left(core, webhooks):
        assert clock.now < NOW + 3 * 3600
        clock.advance(60)
    ids = Counter(webhook.id for webhook in receiver.received)
    assert len(ids) == 20
    assert set(ids.values()) == {1}
    for session_id in sessions:
        told = [w.told[1] for w in receiver.received if w.told[0] == session_id]
        assert told == [CREATED, REVOKED]


async def has_nothing_left(core: Core, webhooks: Webhooks) -> bool:
    await run(webhooks)
    if not hasattr(core.store, "_file"):
        return not core.store._deliveries
    counted = "SELECT count(*) FROM deliveries"
    count: int = await core.store._file.read(lambda db: db.execute(counted).fetchone()[0])
    return count == 0


# Order, and who holds up whom


async def test_a_session_whose_delivery_fails_holds_up_itself_and_nobody_else(
    core: Core, webhooks: Webhooks, receiver: Receiver, clock: Clock
) -> None:
    bad, good = await start(core), await start(core)
    for session_id in (bad, good):
        await revoke_session(core, session_id, by="backend")
    receiver.decide = refuse_of(bad)
    await run(webhooks)
    assert [webhook.told for webhook in receiver.taken] == [(good, CREATED), (good, REVOKED)]
    assert (bad, REVOKED) not in [webhook.told for webhook in receiver.received]
    receiver.decide = refuse_of()
    await run(webhooks)
    assert len(receiver.taken) == 2
    clock.advance(5)
    await run(webhooks)
    assert [webhook.told for webhook in receiver.taken[2:]] == [(bad, CREATED), (bad, REVOKED)]


@pytest.mark.usefixtures("_hurried")
async def test_a_slow_answer_holds_up_nobody_else_and_no_reading(
    core: Core, webhooks: Webhooks, receiver: Receiver
) -> None:
    slow, answered = await start(core), asyncio.Event()

    async def decide(webhook: Received) -> Reply:
        if webhook.told[0] == slow:
            await answered.wait()
        return Reply()

    receiver.decide = decide
    working = asyncio.create_task(webhooks.keep_delivering())
    await eventually(lambda: receiver.at_once == 1)
    quick = [await start(core) for _ in range(3)]
    await eventually(lambda: len(receiver.taken) == 3)
    assert {webhook.told[0] for webhook in receiver.taken} == set(quick)
    answered.set()
    await eventually(lambda: len(receiver.taken) == 4)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_no_more_than_so_many_are_sent_at_once(
    core: Core, webhooks: Webhooks, receiver: Receiver
) -> None:
    answered = asyncio.Event()

    async def decide(_: Received) -> Reply:
        await answered.wait()
        return Reply()

    receiver.decide = decide
    for _ in range(AT_ONCE + 5):
        await start(core)
    await webhooks.read_log()
    delivering = asyncio.create_task(webhooks.deliver_due())
    await eventually(lambda: receiver.at_once == AT_ONCE)
    answered.set()
    await delivering
    assert len(receiver.taken) == AT_ONCE + 5
    assert receiver.most_at_once == AT_ONCE


# What is lost on the way


async def test_what_a_sidecar_was_sending_when_it_died_is_sent_again_the_same(
    core: Core, webhooks: Webhooks, sender: WebhookSender, receiver: Receiver, clock: Clock
) -> None:
    session_id = await start(core)
    await revoke_session(core, session_id, by="backend")

    async def answer_nobody(_: Received) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    receiver.decide = answer_nobody
    await webhooks.read_log()
    dying = asyncio.create_task(webhooks.deliver_due())
    await eventually(lambda: len(receiver.received) == 1)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    receiver.decide = refuse_of()
    another = webhooks_of(core, sender)
    clock.advance(CLAIMED_FOR - 0.5)
    await run(another)
    assert len(receiver.received) == 1
    clock.advance(0.5)
    await run(another)
    first, again, last = receiver.received
    assert (again.id, again.body) == (first.id, first.body)
    assert (last.told, last.id != first.id) == ((session_id, REVOKED), True)


class ForgetfulStore:
    """A store that fails to store what became of a delivery, once."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.has_failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def finish_delivery(self, delivery: Delivery) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise StoreUnavailable("the disk is full")
        await self._store.finish_delivery(delivery)


async def test_what_was_taken_and_not_stored_as_that_is_sent_again_the_same(
    core: Core, sender: WebhookSender, receiver: Receiver, clock: Clock
) -> None:
    forgetful: Any = ForgetfulStore(core.store)
    webhooks = webhooks_of(replace(core, store=forgetful), sender)
    await webhooks.begin()
    await start(core)
    await run(webhooks)
    clock.advance(CLAIMED_FOR)
    await run(webhooks)
    first, again = receiver.taken
    assert (again.id, again.body) == (first.id, first.body)
    assert await has_nothing_left(core, webhooks)


async def test_a_fault_of_our_own_is_a_failed_attempt(
    core: Core, receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    async def fail_once(_: Delivery) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise RuntimeError("a bug")

    webhooks = Webhooks(core, fail_once, partial(webhook_payload, issuer=core.issuer))
    await webhooks.begin()
    await start(core)
    await run(webhooks)
    clock.advance(5)
    await run(webhooks)
    assert attempts == 2
    assert "the sidecar failed: RuntimeError" in caplog.text


@pytest.mark.usefixtures("_hurried")
async def test_a_store_that_is_away_for_a_while_is_waited_for(
    core: Core, webhooks: Webhooks, receiver: Receiver
) -> None:
    class AbsentStore(ForgetfulStore):
        async def load_position(self, reader: str) -> int:
            if not self.has_failed:
                self.has_failed = True
                raise StoreUnavailable("away")
            position: int = await self._store.load_position(reader)
            return position

    absent: Any = AbsentStore(core.store)
    waiting = Webhooks(
        replace(core, store=absent), webhooks._send, partial(webhook_payload, issuer=core.issuer)
    )
    await start(core)
    working = asyncio.create_task(waiting.keep_delivering())
    await eventually(lambda: len(receiver.taken) == 1)
    assert absent.has_failed
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


# Dead letters


async def test_what_fails_for_a_day_is_dead_and_can_be_replayed(
    core: Core, webhooks: Webhooks, receiver: Receiver, clock: Clock
) -> None:
    bad = await start(core)
    receiver.decide = refuse_of(bad)
    while clock.now < NOW + TRIED_FOR - 300:
        await run(webhooks)
        clock.advance(300)
    assert await core.store.list_dead_deliveries(0, 10) == ()
    clock.advance(300)
    await run(webhooks)
    (dead,) = await core.store.list_dead_deliveries(0, 10)
    assert dead.problem == "the receiver answers with status 500"
    assert dead.attempts == len(receiver.received) >= 24
    clock.advance(TRIED_FOR)
    await run(webhooks)
    assert len(receiver.received) == dead.attempts

    receiver.decide = refuse_of()
    assert await core.store.revive_deliveries(dead.cursor, clock()) == 1
    await run(webhooks)
    (taken,) = receiver.taken
    assert (taken.id, taken.body) == (receiver.received[0].id, receiver.received[0].body)


async def test_a_receiver_that_is_gone_is_not_asked_again(
    core: Core, webhooks: Webhooks, receiver: Receiver, clock: Clock
) -> None:
    bad = await start(core)
    await revoke_session(core, bad, by="backend")
    receiver.decide = refuse_of(bad, status=410)
    await run(webhooks)
    clock.advance(3600)
    await run(webhooks)
    assert [webhook.told for webhook in receiver.received] == [(bad, CREATED), (bad, REVOKED)]
    dead = await core.store.list_dead_deliveries(0, 10)
    assert [(d.type, d.attempts) for d in dead] == [(CREATED, 1), (REVOKED, 1)]


async def test_dead_letters_are_kept_for_thirty_days(
    core: Core, webhooks: Webhooks, receiver: Receiver, clock: Clock
) -> None:
    receiver.decide = refuse_of(await start(core), status=410)
    await run(webhooks)
    clock.advance(DEAD_KEPT_FOR)
    await run(webhooks)
    assert len(await core.store.list_dead_deliveries(0, 10)) == 1
    clock.advance(DEAD_DROPPED_EVERY)
    await run(webhooks)
    assert await core.store.list_dead_deliveries(0, 10) == ()


async def test_however_many_dead_letters_are_past_their_time_all_are_dropped(
    core: Core,
    receiver: Receiver,
    webhooks: Webhooks,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DEAD_DROPPED", 2)
    receiver.decide = refuse_of(*[await start(core) for _ in range(5)], status=410)
    await run(webhooks)
    assert len(await core.store.list_dead_deliveries(0, 10)) == 5
    clock.advance(DEAD_KEPT_FOR + DEAD_DROPPED_EVERY)
    await run(webhooks)
    assert await core.store.list_dead_deliveries(0, 10) == ()


# The sidecar


async def test_a_sidecar_without_a_url_reads_nothing(clock: Clock, tmp_path: Path) -> None:
    async with run_sidecar(clock, make_settings()) as sidecar:
        await sidecar.browser().sign_in()
        assert await sidecar.core.store.load_position(READER) == 0


@pytest.mark.usefixtures("_hurried")
async def test_no_request_waits_for_a_receiver(receiver: Receiver, clock: Clock) -> None:
    async def answer_nobody(_: Received) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    receiver.decide = answer_nobody
    settings = make_settings(
        INSTANCE="development", WEBHOOK_URL=receiver.url, WEBHOOK_SECRET=SECRET
    )
    async with run_sidecar(clock, settings) as sidecar:
        session_id = await sidecar.browser().sign_in()
        await eventually(lambda: receiver.at_once == 1)
        await sidecar.server.revoke(session_id)
        assert await sidecar.server.status(session_id) == "revoked"
    assert receiver.taken == []
