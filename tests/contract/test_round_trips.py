"""What every store promises of what it is given: it comes back as it was."""

from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.session import POLICY_TERMS, Terms
from edgepass_sidecar.store import Commit, SessionQuery, SessionStore
from tests.contract.making import store_client
from tests.support.issuer import NOW
from tests.support.sidecar import CLIENT, make_client, make_session, make_ticket, make_user

# Members as apps push them: no ASCII, NUL, deep, empty, and numbers at their ends.
MEMBERS: dict[str, Any] = {
    "naïve ключ 鍵 🔑": "Füchse\n\t\x00'\";--",
    "": {"nested": [[], {}, [None, True, False, "", 0, -0.5, 1e300]]},
    "numbers": [2**63 - 1, -(2**63), 2**53 + 1],
    "deep": {"a": {"b": {"c": {"d": [{"e": {}}]}}}},
}
ACTOR = {"sub": "user_support", "name": "Ünder Stützung", "nested": {"sub": "user_2"}}
ACTIVITY = Activity(
    ip_address="2001:db8::1",
    user_agent="Füchs/1\n\x00 🦊",
    browser_name="Firefox",
    browser_version="144.0",
    device_type="Macintosh",
    is_mobile=True,
    city="Zürich",
    country="Côte d'Ivoire",
)


@pytest.mark.parametrize(
    "settled",
    [
        {"actor": ACTOR},
        {"tasks": ("choose-organization", "reset-password", "a")},
        {"tasks": ()},
        {"claims": MEMBERS},
        {"claims": {}},
        {"data": MEMBERS},
        {"data": {}},
        {"claims": {"": ""}, "data": {"none": None, "false": False, "zero": 0}},
        {"organization_id": "org_ünïcode"},
        {"second_factor_at": NOW + 0.25},
        {"inactivity_timeout": 300.5},
        {"activity": ACTIVITY},
        {"activity": Activity()},
        {"activity": Activity(is_mobile=True)},
        {"activity": Activity(city="Zürich")},
        {
            "activity": ACTIVITY,
            "actor": ACTOR,
            "tasks": ("b", "a"),
            "claims": MEMBERS,
            "data": MEMBERS,
            "organization_id": "org_1",
            "second_factor_at": NOW + 1.0,
        },
    ],
    ids=lambda settled: ",".join(settled),
)
async def test_a_session_comes_back_with_all_that_was_settled_for_it(
    store: SessionStore, settled: dict[str, Any]
) -> None:
    session = make_session("1", **settled)
    await store_client(store, make_client(session))
    loaded = await store.load_client(CLIENT)
    assert loaded is not None
    assert loaded.sessions == (session,)
    assert await store.find_session(session.id) == session
    assert (await store.list_sessions(SessionQuery(), NOW)).items == (session,)


async def test_what_was_settled_is_replaced_and_emptied_by_a_later_commit(
    store: SessionStore,
) -> None:
    session = make_session(
        "1",
        claims=MEMBERS,
        data=MEMBERS,
        tasks=("a",),
        organization_id="org_1",
        second_factor_at=NOW + 1.0,
        activity=ACTIVITY,
    )
    client = make_client(session)
    await store_client(store, client)
    bare = make_session("1")
    assert await store.commit(Commit(client=make_client(bare, version=1)))
    assert await store.find_session(session.id) == bare


@pytest.mark.parametrize(
    "terms",
    [
        POLICY_TERMS,
        Terms(maximum_lifetime=300.0),
        Terms(inactivity_timeout=300.5),
        Terms(actor=ACTOR),
        Terms(tasks=("b", "a")),
        Terms(claims=MEMBERS),
        Terms(data=MEMBERS),
        Terms(
            maximum_lifetime=301.25,
            inactivity_timeout=300.0,
            actor=ACTOR,
            tasks=("a",),
            claims={"x": []},
            data={"y": {}},
        ),
    ],
    ids=["none", "lifetime", "timeout", "actor", "tasks", "claims", "data", "all"],
)
async def test_a_ticket_comes_back_with_its_terms(store: SessionStore, terms: Terms) -> None:
    ticket = make_ticket(terms=terms)
    await store.insert_ticket(ticket, ())
    assert await store.load_ticket(ticket.id) == ticket
    accepted = ticket.accept(SessionId("sess_1"), NOW + 1.5)
    await store.insert_user(make_user(), ())
    assert await store.commit(Commit(client=make_client(), accepted=accepted))
    assert await store.load_ticket(ticket.id) == accepted


@pytest.mark.parametrize("is_due", [True, False])
async def test_a_client_comes_back_with_whether_its_rotation_is_due(
    store: SessionStore, is_due: bool
) -> None:
    client = make_client(rotation_due=is_due)
    await store.commit(Commit(client=client))
    assert await store.load_client(CLIENT) == replace(client, version=1)
    assert await store.commit(Commit(client=replace(client, version=1, rotation_due=not is_due)))
    changed = await store.load_client(CLIENT)
    assert changed is not None
    assert changed.rotation_due is not is_due


@pytest.mark.parametrize(
    ("first", "then"), [(None, "sess_1"), ("sess_1", None), ("sess_1", "sess_gone")]
)
async def test_a_client_comes_back_with_the_session_that_came_with_its_rotation(
    store: SessionStore, first: SessionId | None, then: SessionId | None
) -> None:
    client = make_client(make_session("1"), rotated_for=first)
    await store_client(store, client)
    assert await store.load_client(CLIENT) == replace(client, version=1)
    rotated = replace(client, version=1, rotated_at=NOW + 1.0, rotated_for=then)
    assert await store.commit(Commit(client=rotated))
    assert await store.load_client(CLIENT) == replace(rotated, version=2)


async def test_a_user_comes_back_with_its_marks_and_what_its_app_pushed(
    store: SessionStore,
) -> None:
    user = make_user(
        "1",
        external_id="ключ",
        email_address="ada@example.com",
        last_name="Løvelace\n🦊",
        public_metadata=MEMBERS,
        unsafe_metadata=MEMBERS,
        claims=MEMBERS,
        is_banned=True,
        not_before=NOW + 0.125,
    )
    assert await store.insert_user(user, ())
    assert await store.load_users([user.id]) == {user.id: user}
    bare = make_user("1", updated_at=NOW + 1.0)
    assert await store.update_user(bare, user.updated_at, ())
    assert await store.load_users([user.id]) == {user.id: bare}


async def test_an_event_comes_back_as_it_was_appended(store: SessionStore) -> None:
    events = (
        Event(type="bare", at=NOW + 0.25),
        Event(
            type="session.created",
            at=float(NOW),
            client_id=ClientId("client_1"),
            session_id=SessionId("sess_1"),
            user_id=UserId("user_1"),
            actor_id="user_support",
            ip_address="2001:db8::1",
            user_agent="Füchs/1\n\x00 🦊",
            data=MEMBERS,
        ),
    )
    await store.commit(Commit(client=make_client(), events=events))
    assert await store.list_events(0, 10) == ((1, events[0]), (2, events[1]))


async def test_sessions_come_with_their_user_as_it_is_now(store: SessionStore) -> None:
    first, second = make_session("1"), make_session("2", user_id="user_2")
    await store_client(store, make_client(first, second))
    changed = make_user(
        "1", first_name="Ada", is_banned=True, not_before=NOW + 9.0, updated_at=NOW + 1.0
    )
    assert await store.update_user(changed, first.user.updated_at, ())
    expected = replace(first, user=changed)
    loaded = await store.load_client(CLIENT)
    assert loaded is not None
    assert loaded.sessions == (expected, second)
    assert await store.find_session(first.id) == expected
    page = await store.list_sessions(SessionQuery(user_id=UserId("user_1")), NOW)
    assert page.items == (expected,)


async def test_a_commit_stores_no_user(store: SessionStore) -> None:
    session = make_session("1")
    await store_client(store, make_client(session))
    present = make_user("1", username="present", updated_at=NOW + 1.0)
    await store.update_user(present, session.user.updated_at, ())
    stale = replace(session, user=make_user("1", username="stale", is_banned=True))
    assert await store.commit(Commit(client=make_client(stale, version=1)))
    assert await store.load_users([present.id]) == {present.id: present}
    assert await store.find_session(session.id) == replace(session, user=present)
