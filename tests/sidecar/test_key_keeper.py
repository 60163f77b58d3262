"""The signing keys of a running sidecar: made at start, rotated, revoked, never without one."""

import json

import pytest

from edgepass_sidecar.key_material import WrongMasterKey
from edgepass_sidecar.service.key_keeper import KeyKeeper, NoActiveKey
from edgepass_sidecar.signing_keys import HURRIED_PUBLISHED_FOR, PUBLISHED_FOR
from edgepass_sidecar.stores.memory import MemoryStore
from tests.conftest import Clock
from tests.support.sidecar import MASTER_KEY


class Keepers:
    """Sidecars on one store that start one after another."""

    def __init__(self, clock: Clock) -> None:
        self.store = MemoryStore()
        self.clock = clock

    async def start(self, algorithm: str = "EdDSA", master_key: bytes = MASTER_KEY) -> KeyKeeper:
        keeper = KeyKeeper(self.store, master_key, algorithm, self.clock)
        await keeper.open()
        await keeper.adopt_algorithm()
        return keeper


@pytest.fixture
def keepers(clock: Clock) -> Keepers:
    return Keepers(clock)


def _published(keeper: KeyKeeper, now: float) -> list[str]:
    return [key["kid"] for key in json.loads(keeper.key_set(now)[0])["keys"]]


async def test_the_first_key_signs_at_once(keepers: Keepers, clock: Clock) -> None:
    keeper = await keepers.start()
    assert _published(keeper, clock()) == [keeper.signer(clock()).key_id]


async def test_a_restart_makes_no_further_key(keepers: Keepers) -> None:
    first = await keepers.start()
    assert (await keepers.start()).list_keys() == first.list_keys()


async def test_before_its_keys_are_loaded_a_keeper_has_none(clock: Clock) -> None:
    keeper = KeyKeeper(MemoryStore(), MASTER_KEY, "EdDSA", clock)
    with pytest.raises(NoActiveKey):
        keeper.signer(clock())


async def test_a_store_sealed_under_another_master_key_does_not_open(keepers: Keepers) -> None:
    await keepers.start()
    with pytest.raises(WrongMasterKey):
        await keepers.start(master_key=bytes(32))


async def test_a_rotated_key_is_published_before_it_signs(keepers: Keepers, clock: Clock) -> None:
    keeper = await keepers.start()
    first = keeper.signer(clock()).key_id
    second = (await keeper.rotate(PUBLISHED_FOR)).key_id
    assert _published(keeper, clock()) == [first, second]
    signing = [
        keeper.signer(clock() + seconds).key_id
        for seconds in (0, PUBLISHED_FOR - 1, PUBLISHED_FOR, PUBLISHED_FOR + 1)
    ]
    assert signing == [first, first, second, second]


async def test_another_sidecar_publishes_a_rotated_key_once_it_reloads(
    keepers: Keepers, clock: Clock
) -> None:
    one, other = await keepers.start(), await keepers.start()
    rotated = await one.rotate(HURRIED_PUBLISHED_FOR)
    await other.reload()
    assert rotated.key_id in _published(other, clock())


async def test_two_sidecars_that_rotate_both_keep_each_other_s_key(
    keepers: Keepers, clock: Clock
) -> None:
    one, other = await keepers.start(), await keepers.start()
    made = {(await keeper.rotate(PUBLISHED_FOR)).key_id for keeper in (one, other)}
    await one.reload()
    assert made < set(_published(one, clock()))


async def test_the_entity_tag_changes_with_the_key_set(keepers: Keepers, clock: Clock) -> None:
    keeper = await keepers.start()
    body, tag = keeper.key_set(clock())
    assert keeper.key_set(clock() + 1) == (body, tag)
    await keeper.rotate(PUBLISHED_FOR)
    assert keeper.key_set(clock())[1] != tag


async def test_when_the_signing_key_is_revoked_another_signs_at_once(
    keepers: Keepers, clock: Clock
) -> None:
    keeper = await keepers.start()
    first = keeper.signer(clock()).key_id
    assert await keeper.revoke(first)
    assert keeper.signer(clock()).key_id != first
    assert first not in _published(keeper, clock())
    events = [event.type for _, event in await keepers.store.list_events(0, 10)]
    assert events == ["key.published", "key.revoked", "key.published"]


async def test_a_key_is_revoked_once(keepers: Keepers, clock: Clock) -> None:
    keeper = await keepers.start()
    first = keeper.signer(clock()).key_id
    assert await keeper.revoke(first)
    assert not await keeper.revoke(first)
    assert not await keeper.revoke("key_x")


async def test_when_the_upcoming_key_is_revoked_there_is_a_key_to_sign_with_at_all_times(
    keepers: Keepers, clock: Clock
) -> None:
    keeper = await keepers.start()
    upcoming = await keeper.rotate(PUBLISHED_FOR)
    await keeper.revoke(upcoming.key_id)
    for seconds in (0, PUBLISHED_FOR - 1, PUBLISHED_FOR, PUBLISHED_FOR + 1):
        assert keeper.signer(clock() + seconds).key_id != upcoming.key_id


async def test_a_newly_chosen_algorithm_is_published_before_it_signs(
    keepers: Keepers, clock: Clock
) -> None:
    await keepers.start("EdDSA")
    keeper = await keepers.start("ES256")
    signing = [
        keeper.signer(clock() + seconds).algorithm
        for seconds in (0, PUBLISHED_FOR - 1, PUBLISHED_FOR)
    ]
    assert signing == ["EdDSA", "EdDSA", "ES256"]


async def test_a_choice_of_algorithm_that_was_taken_back_is_not_signed_with(
    keepers: Keepers, clock: Clock
) -> None:
    await keepers.start("EdDSA")
    await keepers.start("ES256")
    keeper = await keepers.start("EdDSA")
    assert keeper.signer(clock() + 2 * PUBLISHED_FOR).algorithm == "EdDSA"
