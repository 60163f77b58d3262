"""The event log through the backend API: by user, session, client, type, time and cursor."""

from typing import Any

import pytest

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.service.sealer import seal_everything
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import Server, Sidecar, error_code, make_user, succeeded

MILLISECONDS = NOW * 1000


async def write(sidecar: Sidecar, *members: dict[str, Any]) -> list[int]:
    """Write one event for each of `members` and return their cursors."""
    store = sidecar.core.store
    before = await store.newest_cursor()
    events = tuple(Event(**({"type": "test.happened", "at": float(NOW)} | m)) for m in members)
    assert await store.insert_user(make_user(f"w{before}"), events)
    return list(range(before + 1, before + 1 + len(events)))


async def cursors(server: Server, **query: Any) -> list[int]:
    return [event["cursor"] for event in succeeded(await server.get("/v1/events", **query))["data"]]


async def test_an_event_is_told_with_all_that_it_has(
    any_sidecar: Sidecar,
) -> None:
    (cursor,) = await write(
        any_sidecar,
        {
            "type": "session.created",
            "at": NOW + 0.25,
            "user_id": UserId("user_1"),
            "session_id": SessionId("sess_1"),
            "client_id": ClientId("client_1"),
            "actor_id": "user_2",
            "ip_address": "203.0.113.9",
            "user_agent": "Firefox",
            "data": {"by": "backend"},
        },
    )
    answer = succeeded(await any_sidecar.server.get("/v1/events", limit=1))
    assert answer == {
        "data": [
            {
                "object": "event",
                "cursor": cursor,
                "type": "session.created",
                "timestamp": MILLISECONDS + 250,
                "user_id": "user_1",
                "session_id": "sess_1",
                "client_id": "client_1",
                "actor_id": "user_2",
                "ip_address": "203.0.113.9",
                "user_agent": "Firefox",
                "data": {"by": "backend"},
            }
        ],
        "has_more": True,
    }


async def test_what_an_event_does_not_have_is_null(sidecar: Sidecar, server: Server) -> None:
    await write(sidecar, {})
    (event,) = succeeded(await server.get("/v1/events", limit=1))["data"]
    assert {name for name, value in event.items() if value is None} == {
        "user_id", "session_id", "client_id", "actor_id", "ip_address", "user_agent",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["user_id", "session_id", "client_id"])
async def test_events_are_found_by_whom_they_are_of(any_sidecar: Sidecar, name: str) -> None:
    found, _, _ = await write(any_sidecar, {name: "a"}, {name: "b"}, {})
    assert await cursors(any_sidecar.server, **{name: "a"}) == [found]
    assert await cursors(any_sidecar.server, **{name: "c"}) == []


async def test_events_are_found_by_one_type_or_several(any_sidecar: Sidecar) -> None:
    one, two, _ = await write(any_sidecar, {"type": "a.a"}, {"type": "b.b"}, {"type": "c.c"})
    assert await cursors(any_sidecar.server, type="a.a") == [one]
    assert await cursors(any_sidecar.server, type=["a.a", "b.b"]) == [two, one]


async def test_since_is_inclusive_and_until_exclusive(any_sidecar: Sidecar) -> None:
    times = [{"at": NOW + 100.0}, {"at": NOW + 100.5}, {"at": NOW + 101.0}]
    first, second, third = await write(any_sidecar, *times)
    server, at = any_sidecar.server, MILLISECONDS + 100_500
    assert await cursors(server, since=at) == [third, second]
    assert await cursors(server, since=at + 1) == [third]
    assert await cursors(server, since=at - 500, until=at) == [first]
    assert await cursors(server, since=at - 500, until=at + 1) == [second, first]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_in_either_order_hold_each_event_once(any_sidecar: Sidecar, order: str) -> None:
    written = await write(any_sidecar, *({"user_id": UserId("a")} for _ in range(7)))
    pages, query = [], {"user_id": "a", "order": order, "limit": 3}
    while True:
        answer = succeeded(await any_sidecar.server.get("/v1/events", **query))
        pages.append([event["cursor"] for event in answer["data"]])
        if not answer["has_more"]:
            break
        query["after"] = pages[-1][-1]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [cursor for page in pages for cursor in page] == (
        written if order == "asc" else written[::-1]
    )


async def test_newest_first_ten_of_them_is_what_is_told_unasked(
    sidecar: Sidecar, server: Server
) -> None:
    written = await write(sidecar, *({} for _ in range(12)))
    assert await cursors(server) == written[:1:-1]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 501},
        {"after": -1},
        {"after": "x"},
        {"since": 1.5},
        {"until": -1},
        {"order": "up"},
        {"type": ""},
        {"type": ["a"] * 51},
        {"user_id": ["a", "b"]},
    ],
    ids=str,
)
async def test_a_query_that_cannot_be_meant_is_refused(
    server: Server, query: dict[str, Any]
) -> None:
    answer = await server.get("/v1/events", **query)
    assert answer.status_code == 422
    assert error_code(answer).startswith("form_param")


async def test_only_a_secret_key_reads_the_log(sidecar: Sidecar, clock: Clock) -> None:
    answer = await Server(sidecar.http, "sk_test_wrong").get("/v1/events")
    assert (answer.status_code, error_code(answer)) == (401, "clerk_key_invalid")


async def test_what_was_erased_has_its_type_and_time_left(sidecar: Sidecar) -> None:
    (cursor,) = await write(sidecar, {"user_id": UserId("user_1"), "ip_address": "::1"})
    core = sidecar.core
    assert await core.store.begin_erasure(UserId("user_1"), NOW)
    await seal_everything(core)
    assert await core.store.erase_events(UserId("user_1"), cursor, 10, NOW) == 1
    data = succeeded(await sidecar.server.get("/v1/events", limit=2))["data"]
    assert data[0]["data"] == {"erased": [[cursor, cursor]]}
    assert data[1]["type"] == "test.happened"
    assert (data[1]["user_id"], data[1]["ip_address"]) == (None, None)
