"""Keys over HTTP: fetched once for all, replaced by better ones only, kept through failures."""

import asyncio
import time

import pytest

from edgepass import KeySet
from edgepass._jwks_client import MAXIMUM_WAITING, JwksClient
from edgepass._keyring import USABLE_FOR, Keyring
from tests.support.issuer import (
    Answer,
    FakeIssuer,
    header_values,
    jwks,
    key_set_answer,
    make_key,
    to_json,
)

KEY, OTHER = make_key(), make_key("RS256", "key-2")
TURNS = 5  # of the event loop: what is free to go on has gone on, however slow the machine is


async def warm(client: JwksClient) -> KeySet:
    keys = await client.find_keys()
    assert keys is not None
    return keys


async def test_the_first_demand_fetches_and_the_next_does_not(issuer, client, changes) -> None:
    keys = await warm(client)
    assert "key-1" in keys
    assert await client.find_keys() is keys
    assert issuer.fetches == 1
    assert changes == ["changed"]


async def test_a_thousand_demands_at_once_are_one_fetch(issuer, client) -> None:
    issuer.answer = key_set_answer()
    found = await asyncio.gather(*(client.find_keys() for _ in range(1_000)))
    assert issuer.fetches == 1
    assert all(keys is found[0] and "key-1" in keys for keys in found)


async def test_a_leader_who_goes_away_does_not_take_the_fetch_along(issuer, client) -> None:
    hold = asyncio.Event()
    issuer.answer = Answer(body=to_json(jwks()), hold=hold)
    leader = asyncio.create_task(client.find_keys())
    await issuer.next_request()
    others = [asyncio.create_task(client.find_keys()) for _ in range(50)]
    await asyncio.sleep(0)
    leader.cancel()
    for other in others[::2]:
        other.cancel()
    await asyncio.wait([leader, *others[::2]])
    hold.set()
    assert all("key-1" in keys for keys in await asyncio.gather(*others[1::2]))
    assert leader.cancelled()
    assert issuer.fetches == 1


async def test_a_fetch_that_everybody_left_still_lands(issuer, client) -> None:
    hold = asyncio.Event()
    issuer.answer = Answer(body=to_json(jwks()), hold=hold)
    leader = asyncio.create_task(client.find_keys())
    await issuer.next_request()
    leader.cancel()
    await asyncio.wait([leader])
    hold.set()
    assert "key-1" in await warm(client)
    assert issuer.fetches == 1


async def test_a_bad_key_among_good_ones_is_only_left_out(issuer, client) -> None:
    issuer.answer = Answer(body=to_json({"keys": [KEY.jwk(n="AQAB"), 7, OTHER.jwk()]}))
    keys = await warm(client)
    assert (len(keys), "key-2" in keys) == (1, True)


async def test_newer_keys_are_found_and_the_change_is_told(issuer, client, changes) -> None:
    keys = await warm(client)
    issuer.answer = key_set_answer(KEY, OTHER)
    newer = await client.find_newer_keys(keys)
    assert newer is not None
    assert "key-2" in newer
    assert await client.find_keys() is newer
    assert changes == ["changed", "changed"]


async def test_the_same_keys_again_are_no_change(issuer, client, changes) -> None:
    keys = await warm(client)
    issuer.answer = Answer(body=to_json({"keys": [KEY.jwk(x5c=["MII"])]}))
    assert await client.find_newer_keys(keys) is None
    assert changes == ["changed"]


async def test_keys_that_somebody_else_just_fetched_cost_no_fetch(issuer, client) -> None:
    keys = await warm(client)
    issuer.answer = key_set_answer(KEY, OTHER)
    newer = await client.find_newer_keys(keys)
    assert await client.find_newer_keys(keys) is newer
    assert issuer.fetches == 2


async def test_a_thousand_demands_for_newer_keys_are_three_fetches(issuer, client) -> None:
    keys = await warm(client)
    for _ in range(1_000):
        assert await client.find_newer_keys(keys) is None
    assert issuer.fetches == 1 + 3


async def test_an_etag_is_sent_back_and_304_confirms_the_keys(issuer, client, changes) -> None:
    issuer.next_answers = [key_set_answer(ETag='W/"1"'), Answer(status=304)]
    keys = await warm(client)
    assert await client.find_newer_keys(keys) is None
    assert await client.find_keys() is keys
    sent = [list(header_values(request, "If-None-Match")) for request in issuer.requests]
    assert sent == [[], ['W/"1"']]
    assert changes == ["changed"]


async def test_an_etag_belongs_to_the_keys_it_came_with(issuer, client) -> None:
    issuer.next_answers = [
        key_set_answer(ETag='"1"'),
        Answer(status=500, headers=(("ETag", '"error page"'),)),
        key_set_answer(KEY, OTHER),
        key_set_answer(KEY, OTHER),
    ]
    keys = await warm(client)
    assert await client.find_newer_keys(keys) is None
    newer = await client.find_newer_keys(keys)
    assert await client.find_newer_keys(newer) is None
    sent = [list(header_values(request, "If-None-Match")) for request in issuer.requests]
    assert sent == [[], ['"1"'], ['"1"'], []]


@pytest.mark.parametrize("etag", ['"caf\xe9"', "", "x" * 10_000])
async def test_no_etag_can_keep_the_next_fetch_from_working(issuer, client, etag: str) -> None:
    issuer.answer = key_set_answer(ETag=etag)
    keys = await warm(client)
    issuer.answer = key_set_answer(KEY, OTHER)
    newer = await client.find_newer_keys(keys)
    assert newer is not None
    assert "key-2" in newer


@pytest.mark.parametrize(
    ("cache_control", "shortest", "longest"),
    [
        ("max-age=100", 50, 90),
        ("public, max-age=100, stale-if-error=86400", 50, 90),
        ("Public,MAX-AGE=100", 50, 90),
        ('max-age="100"', 50, 90),
        ("max-age=0", 5, 9),
        ("max-age=999999999999", 1800, 3240),
        ("s-maxage=100", 150, 270),
        ("max-age=-5", 150, 270),
        ("max-age=abc", 150, 270),
        ("", 150, 270),
    ],
)
async def test_the_issuer_says_how_long_keys_are_fresh_within_bounds(
    issuer, client, keyring, cache_control, shortest, longest
) -> None:
    issuer.answer = key_set_answer(Cache_Control=cache_control)
    await warm(client)
    assert shortest <= keyring.due_in(keyring._fetched_moment) <= longest


async def test_keys_that_are_due_are_fetched_without_a_request(issuer, client, keyring) -> None:
    keyring.replace(KeySet.from_jwks(jwks(OTHER)), time.monotonic() - 300, 300, 0.0)
    client.start()
    client.start()
    await issuer.next_request()
    assert issuer.fetches == 1


async def test_due_keys_answer_at_once_while_they_are_fetched(issuer, client, keyring) -> None:
    keys = KeySet.from_jwks(jwks(OTHER))
    keyring.replace(keys, time.monotonic() - 300, 300, 0.0)
    issuer.answer = Answer(hold=asyncio.Event())
    client.start()
    await issuer.next_request()
    assert await client.find_keys() is keys


async def test_keys_just_under_24_hours_old_are_used(issuer, client, keyring) -> None:
    keyring.replace(KeySet.from_jwks(jwks(OTHER)), time.monotonic() - USABLE_FOR + 60, 300, 0.0)
    issuer.refuse_connections()
    assert "key-2" in await warm(client)


async def test_keys_24_hours_old_are_not_used(issuer, client, keyring) -> None:
    keyring.replace(KeySet.from_jwks(jwks(OTHER)), time.monotonic() - USABLE_FOR, 300, 0.0)
    issuer.answer = Answer(status=500)
    assert await client.find_keys() is None
    issuer.answer = key_set_answer()
    assert "key-1" in await warm(client)


async def test_an_issuer_that_recovers_is_found_in_the_background(issuer, client) -> None:
    issuer.next_answers = [Answer(status=503)]
    assert await client.find_keys() is None
    await issuer.next_request()
    await issuer.next_request()
    assert "key-1" in await warm(client)
    assert issuer.fetches == 2


async def test_the_line_of_those_who_wait_has_an_end(issuer, client) -> None:
    issuer.answer = Answer(hold=asyncio.Event())
    client._waiting = MAXIMUM_WAITING
    assert await client.find_keys() is None
    assert client._flight is not None, "it waited until the fetch was over"


async def test_stop_leaves_no_task_behind_and_lets_the_waiting_go(issuer, client) -> None:
    before = asyncio.all_tasks()
    issuer.answer = Answer(hold=asyncio.Event())
    waiting = asyncio.create_task(client.find_keys())
    await issuer.next_request()
    await client.stop()
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert waiting.done()
    assert await waiting is None
    left = asyncio.all_tasks() - before - issuer._tasks
    assert not left


def test_keys_are_found_in_a_second_event_loop() -> None:
    async def answered(client: JwksClient) -> bool:
        return await client.find_keys() is not None

    async def first() -> JwksClient:
        async with FakeIssuer() as issuer:
            client = JwksClient(issuer.url, Keyring(), lambda: None)
            issuer.answer = Answer(status=500)
            assert not await answered(client)
            return client

    async def second(client: JwksClient) -> None:
        async with FakeIssuer() as issuer:
            client._endpoint = JwksClient(issuer.url, Keyring(), lambda: None)._endpoint
            assert await answered(client)
            await client.stop()

    client = asyncio.run(first())
    asyncio.run(second(client))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://auth.example.com/jwks.json", ""])
def test_a_url_that_cannot_be_used_fails_at_once(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the class
        JwksClient(url, Keyring(), lambda: None)
