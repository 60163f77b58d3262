"""Activity in batches: the latest counts, what cannot be written goes on waiting."""

from collections.abc import Sequence

import pytest

from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.touches import MAXIMUM_BATCH, Touches
from edgepass_sidecar.store import StoreUnavailable, Touch

SESSION = SessionId("sess_1")


class Recorder:
    """A store that remembers the batches it was given, or is out of order."""

    def __init__(self) -> None:
        self.batches: list[list[Touch]] = []
        self.broken = False
        self.meanwhile: Touch | None = None
        self.touches = Touches(self)

    async def touch(self, touches: Sequence[Touch]) -> None:
        if self.broken:
            raise StoreUnavailable("out of order")
        self.batches.append(list(touches))
        if self.meanwhile is not None:
            self.touches.add(self.meanwhile.session_id, self.meanwhile.at)
            self.meanwhile = None


async def test_of_several_touches_of_one_session_the_latest_is_written_once() -> None:
    store = Recorder()
    for at in (5.0, 9.0, 7.0):
        store.touches.add(SESSION, at)
    await store.touches.write()
    await store.touches.write()
    assert store.batches == [[Touch(SESSION, 9.0)]]


async def test_what_cannot_be_written_goes_on_waiting() -> None:
    store = Recorder()
    store.touches.add(SESSION, 5.0)
    store.broken = True
    with pytest.raises(StoreUnavailable):
        await store.touches.write()
    store.broken = False
    await store.touches.write()
    assert store.batches == [[Touch(SESSION, 5.0)]]


async def test_a_touch_that_comes_during_a_write_is_written_too() -> None:
    store = Recorder()
    store.meanwhile = Touch(SESSION, 6.0)
    store.touches.add(SESSION, 5.0)
    await store.touches.write()
    assert store.batches == [[Touch(SESSION, 5.0)], [Touch(SESSION, 6.0)]]


@pytest.mark.parametrize(
    ("number", "sizes"),
    [
        (MAXIMUM_BATCH - 1, [MAXIMUM_BATCH - 1]),
        (MAXIMUM_BATCH, [MAXIMUM_BATCH]),
        (MAXIMUM_BATCH + 1, [MAXIMUM_BATCH, 1]),
    ],
)
async def test_a_batch_is_bounded(number: int, sizes: list[int]) -> None:
    store = Recorder()
    for i in range(number):
        store.touches.add(SessionId(f"sess_{i}"), 5.0)
    await store.touches.write()
    assert [len(batch) for batch in store.batches] == sizes
