"""An issuer that fails in any way costs no good key, and is left alone between attempts."""

import asyncio
import time

import pytest

from edgepass import KeySet
from edgepass._jwks_client import FETCH_TIMEOUT, JwksClient
from edgepass._key_set import MAXIMUM_DOCUMENT_BYTES
from tests.support.issuer import (
    Answer,
    jwks,
    key_set_answer,
    make_key,
    to_json,
)

KEY, OTHER = make_key(), make_key("RS256", "key-2")


async def warm(client: JwksClient) -> KeySet:
    keys = await client.find_keys()
    assert keys is not None
    return keys


HUGE = b" " * (MAXIMUM_DOCUMENT_BYTES + 1)
GOOD = to_json(jwks(OTHER))
USELESS = {
    "server error": Answer(status=500, body=GOOD),
    "not found": Answer(status=404, body=GOOD),
    "redirect": Answer(status=301, headers=(("Location", "/other.json"),), body=GOOD),
    "temporary redirect": Answer(status=307, headers=(("Location", "/other.json"),), body=GOOD),
    "partial": Answer(status=206, body=GOOD),
    "not modified, unasked": Answer(status=304),
    "no content": Answer(status=204),
    "dropped": Answer(drop=True),
    "html": Answer(body=b"<!doctype html><title>Sign in to the Wi-Fi</title>"),
    "garbage": Answer(raw=bytes(range(256)) * 64),
    "empty": Answer(body=b""),
    "no keys": Answer(body=b'{"keys":[]}'),
    "no list": Answer(body=b'{"keys":{}}'),
    "one bad key": Answer(body=to_json({"keys": [OTHER.jwk(use="enc")]})),
    "a key whose alg is a list": Answer(body=to_json({"keys": [OTHER.jwk(alg=["RS256"])]})),
    "one kid twice": Answer(body=to_json({"keys": [KEY.jwk(), OTHER.jwk(kid="key-1")]})),
    "too many keys": Answer(body=to_json({"keys": [OTHER.jwk()] * 65})),
    "huge": Answer(body=HUGE + GOOD),
    "huge, chunked": Answer(
        raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(HUGE) + HUGE
    ),
    "cut off": Answer(headers=(("Content-Length", str(len(GOOD) + 1)),), body=GOOD),
    "length too small": Answer(headers=(("Content-Length", str(len(GOOD) - 1)),), body=GOOD),
    "compressed": Answer(headers=(("Content-Encoding", "gzip"),), body=GOOD),
    "deep": Answer(body=b'{"keys":' + b"[" * 100_000),
    "twice the same name": Answer(body=b'{"keys":[],' + GOOD[1:]),
}


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
async def test_a_failed_fetch_leaves_the_last_good_keys_in_place(
    issuer, client, changes, answer
) -> None:
    keys = await warm(client)
    issuer.answer = answer
    assert await client.find_newer_keys(keys) is None
    assert issuer.fetches == 2
    assert await client.find_keys() is keys
    assert changes == ["changed"]


@pytest.mark.parametrize("answer", USELESS.values(), ids=USELESS)
async def test_an_issuer_that_never_had_keys_gives_none(issuer, client, answer) -> None:
    issuer.answer = answer
    assert await client.find_keys() is None
    issuer.answer = key_set_answer()
    assert "key-1" in await warm(client)


async def test_an_issuer_that_does_not_answer_is_waited_for_once(issuer, client) -> None:
    keys = await warm(client)
    issuer.answer = Answer(hold=asyncio.Event())
    # Half of what it would take to wait 20 times.
    async with asyncio.timeout(10 * FETCH_TIMEOUT):
        asking = [client.find_newer_keys(keys) for _ in range(20)]
        assert await asyncio.gather(*asking) == [None] * 20
    assert issuer.fetches == 2
    assert await client.find_keys() is keys


async def test_an_issuer_that_is_down_leaves_the_keys_in_place(issuer, client) -> None:
    keys = await warm(client)
    issuer.refuse_connections()
    assert await client.find_newer_keys(keys) is None
    assert await client.find_keys() is keys


async def test_not_modified_without_an_etag_confirms_nothing(issuer, client, keyring) -> None:
    keys = await warm(client)
    issuer.answer = Answer(status=304)
    assert await client.find_newer_keys(keys) is None
    assert keyring.due_in(time.monotonic()) <= 1
