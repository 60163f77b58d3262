"""Secret keys of the backend API: recognised by hash, made once, revoked for good."""

import pytest

from edgepass_sidecar.secret_key import KeyScope, hash_secret_key, is_one_of
from edgepass_sidecar.service.secret_keys import (
    REREAD_EVERY,
    SecretKeys,
    create_secret_key,
    revoke_secret_key,
)
from edgepass_sidecar.stores.memory import MemoryStore
from tests.conftest import Clock
from tests.support.sidecar import SECRET_KEY, Server, make_settings, run_sidecar

HASHES = [hash_secret_key(f"key {i}") for i in range(3)]


@pytest.mark.parametrize("number", range(3))
def test_any_of_the_keys_is_recognised(number: int) -> None:
    assert is_one_of(f"key {number}", HASHES)


@pytest.mark.parametrize("text", ["", "key 3", "key 1 ", "KEY 1", "kéy 1", "key 1\x00"])
def test_another_text_is_not(text: str) -> None:
    assert not is_one_of(text, HASHES)


def test_without_keys_nothing_is_recognised() -> None:
    assert not is_one_of("", [])


@pytest.mark.parametrize(("production", "prefix"), [(True, "sk_live_"), (False, "sk_test_")])
async def test_a_made_key_has_256_random_bits_and_says_what_it_is_for(
    clock: Clock, production: bool, prefix: str
) -> None:
    store = MemoryStore()
    made = [await create_secret_key(store, production=production, clock=clock) for _ in range(100)]
    texts = {text for _, text in made}
    assert len(texts) == 100
    assert all(len(bytes.fromhex(text.removeprefix(prefix))) == 32 for text in texts)
    assert len({key.id for key, _ in made}) == 100


async def test_what_is_stored_of_a_key_does_not_contain_it(clock: Clock) -> None:
    store = MemoryStore()
    key, text = await create_secret_key(store, production=True, clock=clock)
    (stored,) = await store.load_secret_keys()
    events = await store.list_events(0, 10)
    assert stored == key
    assert key.hint == text[-4:]
    assert text.removeprefix("sk_live_")[:-4] not in repr(stored) + repr(events)
    assert [event.type for _, event in events] == ["secret_key.created"]


async def test_keys_of_the_settings_and_of_the_store_are_both_recognised(clock: Clock) -> None:
    store = MemoryStore()
    _, text = await create_secret_key(store, production=True, clock=clock)
    keys = SecretKeys({KeyScope.BACKEND: [SECRET_KEY]}, store, clock)
    assert [await keys.recognises(known, KeyScope.BACKEND) for known in (SECRET_KEY, text)] == [
        True,
        True,
    ]
    assert not await keys.recognises(text[:-1], KeyScope.BACKEND)


async def test_the_store_is_not_read_for_every_call(clock: Clock) -> None:
    store = MemoryStore()
    keys = SecretKeys({}, store, clock)
    assert not await keys.recognises("x", KeyScope.BACKEND)
    _, text = await create_secret_key(store, production=True, clock=clock)
    assert not await keys.recognises(text, KeyScope.BACKEND)


async def test_a_revoked_key_is_not_recognised(clock: Clock) -> None:
    store = MemoryStore()
    key, text = await create_secret_key(store, production=True, clock=clock)
    assert await revoke_secret_key(store, key.id, clock)
    assert not await SecretKeys({}, store, clock).recognises(text, KeyScope.BACKEND)
    assert not await revoke_secret_key(store, key.id, clock)
    assert [event.type for _, event in await store.list_events(1, 10)] == ["secret_key.revoked"]


@pytest.mark.parametrize(
    ("seconds", "status"), [(REREAD_EVERY - 0.1, 200), (REREAD_EVERY, 401), (REREAD_EVERY + 1, 401)]
)
async def test_a_running_sidecar_forgets_a_revoked_key_when_it_reads_again(
    clock: Clock, seconds: float, status: int
) -> None:
    async with run_sidecar(clock, make_settings()) as sidecar:
        store = sidecar.core.store
        key, text = await create_secret_key(store, production=True, clock=clock)
        server = Server(sidecar.http, text)
        assert (await server.get("/v1/sessions")).status_code == 200
        await revoke_secret_key(store, key.id, clock)
        clock.advance(seconds)
        assert (await server.get("/v1/sessions")).status_code == status


@pytest.mark.parametrize("scope", KeyScope)
async def test_a_key_opens_what_it_was_made_for_and_nothing_else(
    clock: Clock, scope: KeyScope
) -> None:
    store = MemoryStore()
    key, text = await create_secret_key(store, production=True, clock=clock, scope=scope)
    keys = SecretKeys({scope: [SECRET_KEY]}, store, clock)
    assert key.scope is scope
    for known in (text, SECRET_KEY):
        assert [other for other in KeyScope if await keys.recognises(known, other)] == [scope]


async def test_an_edge_key_can_be_told_from_a_secret_key(clock: Clock) -> None:
    _, text = await create_secret_key(
        MemoryStore(), production=False, clock=clock, scope=KeyScope.EDGE
    )
    assert text.startswith("ek_test_")
