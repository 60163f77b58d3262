"""What is kept of a request for a device list, what is not, and what reading it costs."""

import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.requests import Request

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.api.activities import ActivityReader
from edgepass_sidecar.locations import Locations
from tests.support.mmdb import write_database

TRUSTED = (ip_network("10.0.0.0/8"),)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
BRAVE = {
    "user-agent": CHROME,
    "sec-ch-ua": '"Not/A)Brand";v="8", "Chromium";v="126", "Brave";v="126"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
}


@pytest.fixture
def locations(tmp_path: Path) -> Iterator[Locations]:
    london = {"city": {"names": {"en": "London"}}, "country": {"names": {"en": "United Kingdom"}}}
    opened = Locations.open(write_database(tmp_path / "places.mmdb", {"81.2.69.0/24": london}))
    yield opened
    opened.close()


def _request(peer: str | None, headers: dict[str, str]) -> Request:
    fields = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    client = None if peer is None else (peer, 50_000)
    return Request({"type": "http", "method": "GET", "headers": fields, "client": client})


def test_an_activity_says_from_where_and_with_what_a_request_came(locations: Locations) -> None:
    reader = ActivityReader(trusted=TRUSTED, locations=locations, captures=True)
    request = _request(
        "10.0.0.1", {"user-agent": SAFARI, "x-forwarded-for": "6.6.6.6, 81.2.69.142"}
    )

    assert reader.read(request) == Activity(
        ip_address="81.2.69.142",
        user_agent=SAFARI,
        browser_name="Safari",
        browser_version="17.5",
        device_type="iPhone",
        is_mobile=True,
        city="London",
        country="United Kingdom",
    )


def test_without_locations_nobody_is_anywhere() -> None:
    reader = ActivityReader(trusted=(), locations=None, captures=True)

    assert reader.read(_request("81.2.69.142", BRAVE)) == Activity(
        ip_address="81.2.69.142",
        user_agent=CHROME,
        browser_name="Brave",
        browser_version="126",
        device_type="Linux",
    )


def test_unless_it_captures_nothing_is_kept(locations: Locations) -> None:
    reader = ActivityReader(trusted=TRUSTED, locations=locations, captures=False)

    assert reader.read(_request("81.2.69.142", BRAVE)) == Activity()


@pytest.mark.parametrize("peer", [None, "", "unix", "testclient"])
def test_a_request_that_says_nothing_is_an_empty_activity(
    locations: Locations, peer: str | None
) -> None:
    reader = ActivityReader(trusted=TRUSTED, locations=locations, captures=True)

    assert reader.read(_request(peer, {})) == Activity()


def test_a_stranger_cannot_choose_an_address_or_a_place(locations: Locations) -> None:
    reader = ActivityReader(trusted=TRUSTED, locations=locations, captures=True)
    activity = reader.read(_request("8.8.8.8", {"x-forwarded-for": "81.2.69.142"}))

    assert (activity.ip_address, activity.city, activity.country) == ("8.8.8.8", None, None)


def test_a_user_agent_is_kept_as_it_was_sent_to_512_characters() -> None:
    reader = ActivityReader(trusted=(), locations=None, captures=True)

    assert reader.read(_request("8.8.8.8", {"user-agent": "x" * 600})).user_agent == "x" * 512


def _seconds_to_read(reader: ActivityReader, requests: list[Request]) -> float:
    started = time.thread_time()
    activities = [reader.read(request) for request in requests]
    elapsed = time.thread_time() - started
    assert {activity.city for activity in activities} == {"London"}
    return elapsed / len(requests)


def test_reading_a_known_user_agent_again_is_cheap_enough_for_every_refresh(
    locations: Locations,
) -> None:
    reader = ActivityReader(trusted=TRUSTED, locations=locations, captures=True)
    headers = {f"x-filler-{number}": "y" * 40 for number in range(12)}
    headers |= BRAVE | {"x-forwarded-for": "81.2.69.142"}
    known, unknown = [], []
    for turn in range(5):
        agents = [f"{CHROME} {turn}.{number}" for number in range(100)]
        others = [_request("10.0.0.1", headers | {"user-agent": agent}) for agent in agents]
        unknown.append(_seconds_to_read(reader, others))
        known.append(_seconds_to_read(reader, [_request("10.0.0.1", headers) for _ in agents]))

    # 22 µs, where an unknown one takes four times as long; a coverage tracer costs 100 more.
    assert min(known) < 500e-6
    assert min(known) < 0.7 * min(unknown)
