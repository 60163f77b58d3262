"""Sidecars that share a store share its signing keys, whoever comes first."""

import asyncio
from pathlib import Path

import pytest

from edgepass_sidecar.key_material import WrongMasterKey
from edgepass_sidecar.service.key_keeper import KeyKeeper, NoActiveKey
from edgepass_sidecar.signing_keys import HURRIED_PUBLISHED_FOR, PUBLISHED_FOR, RETIRED_FOR
from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.stores.memory import MemoryStore
from edgepass_sidecar.stores.sqlite import SqliteStore

MASTER_KEY = bytes(range(32))


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def keeper(store: SessionStore, clock: Clock, algorithm: str = "ES256") -> KeyKeeper:
    return KeyKeeper(store, MASTER_KEY, algorithm, clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_two_that_open_an_empty_store_at_once_have_one_key(
    tmp_path: Path, clock: Clock
) -> None:
    stores = [SqliteStore(tmp_path / "edgepass.db") for _ in range(4)]
    for store in stores:
        await store.open()
    keepers = [keeper(store, clock) for store in stores]

    await asyncio.gather(*(each.open() for each in keepers))

    assert {each.signer(clock.now).key_id for each in keepers} == {keepers[0].list_keys()[0].key_id}
    assert all(len(each.list_keys()) == 1 for each in keepers)
    for store in stores:
        await store.close()


async def test_a_rotated_key_is_published_before_it_signs(clock: Clock) -> None:
    mine = keeper(MemoryStore(), clock)
    await mine.open()
    first = mine.signer(clock.now).key_id

    second = (await mine.rotate(PUBLISHED_FOR)).key_id

    assert second.encode() in mine.key_set(clock.now)[0]
    clock.now += PUBLISHED_FOR - 1
    assert mine.signer(clock.now).key_id == first
    clock.now += 1
    assert mine.signer(clock.now).key_id == second
    assert first.encode() in mine.key_set(clock.now)[0]
    clock.now += RETIRED_FOR
    assert first.encode() not in mine.key_set(clock.now)[0]


async def test_another_sidecar_publishes_a_hurried_key_before_anyone_signs_with_it(
    clock: Clock,
) -> None:
    store = MemoryStore()
    mine, other = keeper(store, clock), keeper(store, clock)
    await mine.open()
    await other.open()

    hurried = await mine.rotate(HURRIED_PUBLISHED_FOR)
    await other.reload()

    assert hurried.key_id.encode() in other.key_set(clock.now)[0]
    assert mine.signer(clock.now).key_id != hurried.key_id


async def test_revoking_the_key_that_signs_puts_another_in_its_place_at_once(clock: Clock) -> None:
    mine = keeper(MemoryStore(), clock)
    await mine.open()
    revoked = mine.signer(clock.now).key_id

    assert await mine.revoke(revoked)

    assert mine.signer(clock.now).key_id != revoked
    assert revoked.encode() not in mine.key_set(clock.now)[0]
    assert not await mine.revoke(revoked), "a second time there is nothing to revoke"


async def test_another_algorithm_takes_over_like_any_rotation(clock: Clock) -> None:
    store = MemoryStore()
    await keeper(store, clock, "ES256").open()
    switched = keeper(store, clock, "EdDSA")
    await switched.open()
    assert len(switched.list_keys()) == 1, "opening it alone changes nothing"

    await switched.adopt_algorithm()

    assert switched.signer(clock.now).algorithm == "ES256"
    assert switched.signer(clock.now + PUBLISHED_FOR).algorithm == "EdDSA"


async def test_a_wrong_master_key_is_found_out_at_the_start(clock: Clock) -> None:
    store = MemoryStore()
    await keeper(store, clock).open()

    with pytest.raises(WrongMasterKey, match="EDGEPASS_MASTER_KEY"):
        await KeyKeeper(store, bytes(32), "ES256", clock).open()


async def test_with_no_key_opened_nothing_can_be_signed(clock: Clock) -> None:
    with pytest.raises(NoActiveKey, match="edgepass keys rotate"):
        keeper(MemoryStore(), clock).signer(clock.now)
