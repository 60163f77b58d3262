"""A clock that is set while the sidecar runs: caches age by a timer that nobody sets."""

import pytest

from edgepass_sidecar.secret_key import KeyScope
from edgepass_sidecar.service.core import SHARED_FOR, SharedTokens
from edgepass_sidecar.service.secret_keys import (
    REREAD_EVERY,
    SecretKeys,
    create_secret_key,
    revoke_secret_key,
)
from edgepass_sidecar.stores.memory import MemoryStore
from tests.conftest import Clock

HOUR = 3600.0


@pytest.fixture
def timer() -> Clock:
    return Clock(now=1000.0)


@pytest.fixture
async def recognised(timer: Clock, clock: Clock) -> tuple[SecretKeys, str]:
    store = MemoryStore()
    key, text = await create_secret_key(store, production=True, clock=clock)
    keys = SecretKeys({}, store, timer)
    assert await keys.recognises(text, KeyScope.BACKEND)
    clock.advance(-HOUR)
    await revoke_secret_key(store, key.id, clock)
    return keys, text


async def test_a_revoked_key_is_forgotten_though_the_clock_was_set_back(
    recognised: tuple[SecretKeys, str], timer: Clock
) -> None:
    keys, text = recognised
    timer.advance(REREAD_EVERY)
    assert not await keys.recognises(text, KeyScope.BACKEND)


@pytest.mark.parametrize(("passed", "shared"), [(0, True), (SHARED_FOR - 0.1, True), (2, False)])
def test_a_token_is_shared_for_2_seconds_of_the_timer(
    timer: Clock, clock: Clock, passed: float, shared: bool
) -> None:
    tokens = SharedTokens(timer)
    tokens.keep(("sess_1",), "token", clock())
    timer.advance(passed)
    assert (tokens.find(("sess_1",), clock()) == "token") is shared


@pytest.mark.parametrize("step", [-HOUR, -0.1, SHARED_FOR, HOUR])
def test_a_token_whose_times_the_clock_has_left_is_not_shared(
    timer: Clock, clock: Clock, step: float
) -> None:
    tokens = SharedTokens(timer)
    tokens.keep(("sess_1",), "token", clock())
    clock.advance(step)
    assert tokens.find(("sess_1",), clock()) is None
