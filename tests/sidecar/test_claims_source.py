"""Claims in a cache: asked for once, kept through outages, forgotten when they have changed."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.service.claims_source import (
    LONGEST_FRESH_FOR,
    MAXIMUM_CLAIMS_BYTES,
    USABLE_FOR,
    CachedClaims,
    ClaimsUnavailable,
    ClaimsUnusable,
    FetchedClaims,
)
from tests.conftest import Clock
from tests.sidecar.test_http_claims import assert_nothing_is_told
from tests.support.processes import PATIENCE

ADA, BOB = UserId("ada"), UserId("bob")
SESSION, OTHER = SessionId("sess_1"), SessionId("sess_2")
CLAIMS = {"role": "org:classified", "features": ["search"]}
KEY = (ADA, SESSION, "org_1")


class FakeSource:
    """Answers with `outcome`, or raises it; `hold` keeps the answer back until it is set."""

    def __init__(self, outcome: dict[str, Any] | Exception | None = None) -> None:
        self.outcome = CLAIMS if outcome is None else outcome
        self.hold: asyncio.Event | None = None
        self.asked: list[tuple[UserId, SessionId, str | None]] = []
        self.arrived = asyncio.Event()
        self.meanwhile: Callable[[], None] = lambda: None

    async def fetch(
        self, user_id: UserId, session_id: SessionId, organization_id: str | None
    ) -> dict[str, Any]:
        self.asked.append((user_id, session_id, organization_id))
        outcome, hold = self.outcome, self.hold
        self.arrived.set()
        self.meanwhile()
        if hold is not None:
            await hold.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def down() -> ClaimsUnavailable:
    return ClaimsUnavailable("no answer")


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def cached(source: FakeSource, clock: Clock) -> CachedClaims:
    return CachedClaims(source, clock)


@pytest.fixture(autouse=True)
def _nothing_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    assert_nothing_is_told(caplog)


async def is_refused(cached: CachedClaims, *key: Any) -> bool:
    try:
        await cached.fetch(*(key or KEY))
    except ClaimsUnavailable as refusal:
        text = str(refusal)
    else:
        return False
    assert text == "the app gave none that can be used"
    return True


async def test_the_source_is_asked_what_the_cache_was_asked(source, cached) -> None:
    assert await cached.fetch(*KEY) == CLAIMS
    assert source.asked == [KEY]


@pytest.mark.parametrize(
    "other", [(BOB, SESSION, "org_1"), (ADA, OTHER, "org_1"), (ADA, SESSION, None)]
)
async def test_a_different_question_is_asked_on_its_own(source, cached, other) -> None:
    await cached.fetch(*KEY)
    source.outcome = {"role": "org:other"}
    assert await cached.fetch(*other) == {"role": "org:other"}
    assert await cached.fetch(*KEY) == CLAIMS
    assert source.asked == [KEY, other]


@pytest.mark.parametrize(("age", "fetches"), [(29.9, 1), (30, 2), (30.1, 2)])
async def test_claims_are_fresh_for_30_seconds(source, cached, clock, age, fetches) -> None:
    await cached.fetch(*KEY)
    clock.advance(age)
    await cached.fetch(*KEY)
    assert len(source.asked) == fetches


@pytest.mark.parametrize(
    ("said", "fresh_for"), [(-5, 0), (0, 0), (7, 7), (300, 300), (301, LONGEST_FRESH_FOR)]
)
async def test_the_source_says_how_long_they_are_within_bounds(
    source, cached, clock, said, fresh_for
) -> None:
    source.outcome = FetchedClaims(CLAIMS, said)
    await cached.fetch(*KEY)
    clock.advance(max(0, fresh_for - 0.5))
    await cached.fetch(*KEY)
    assert len(source.asked) == (1 if fresh_for else 2)
    clock.advance(0.5)
    await cached.fetch(*KEY)
    assert len(source.asked) == (2 if fresh_for else 3)


async def test_age_counts_from_the_question_and_not_from_the_answer(source, cached, clock) -> None:
    source.meanwhile = lambda: clock.advance(10)
    await cached.fetch(*KEY)
    clock.advance(20)
    await cached.fetch(*KEY)
    assert len(source.asked) == 2


async def test_what_a_caller_does_to_its_claims_changes_nobody_elses(cached) -> None:
    mine = await cached.fetch(*KEY)
    mine["features"].append("admin")
    mine["role"] = "org:owner"
    assert await cached.fetch(*KEY) == CLAIMS


async def test_no_claims_are_an_answer_like_any_other(source, cached) -> None:
    source.outcome = {}
    assert await cached.fetch(*KEY) == {}
    assert await cached.fetch(*KEY) == {}
    assert len(source.asked) == 1


async def test_fifty_callers_at_once_are_one_fetch(source, cached) -> None:
    found = await asyncio.gather(*(cached.fetch(*KEY) for _ in range(50)))
    assert found == [CLAIMS] * 50
    assert len(source.asked) == 1


async def test_fifty_callers_of_a_failing_source_are_one_fetch_and_one_log_line(
    source, cached, caplog
) -> None:
    source.outcome = down()
    refused = await asyncio.gather(*(is_refused(cached) for _ in range(50)))
    assert all(refused)
    assert len(source.asked) == 1
    assert [r.getMessage() for r in caplog.records if r.name == "edgepass.claims"] == [
        "claims not fetched: no answer"
    ]


async def test_callers_who_go_away_do_not_take_the_fetch_along(source, cached) -> None:
    source.hold = asyncio.Event()
    leader = asyncio.create_task(cached.fetch(*KEY))
    await source.arrived.wait()
    others = [asyncio.create_task(cached.fetch(*KEY)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in (leader, *others[::2]):
        task.cancel()
    await asyncio.wait([leader, *others[::2]])
    source.hold.set()
    assert await asyncio.gather(*others[1::2]) == [CLAIMS] * 25
    assert leader.cancelled()
    assert len(source.asked) == 1


async def test_a_fetch_that_everybody_left_still_lands(source, cached) -> None:
    source.hold = asyncio.Event()
    leader = asyncio.create_task(cached.fetch(*KEY))
    await source.arrived.wait()
    leader.cancel()
    await asyncio.wait([leader])
    source.hold.set()
    assert await cached.fetch(*KEY) == CLAIMS
    assert len(source.asked) == 1


@pytest.mark.parametrize(
    ("age", "usable"), [(USABLE_FOR - 1, True), (USABLE_FOR, False), (USABLE_FOR + 1, False)]
)
async def test_the_last_good_claims_serve_for_an_hour_of_outage(
    source, cached, clock, age, usable
) -> None:
    await cached.fetch(*KEY)
    source.outcome = down()
    clock.advance(age)
    if usable:
        assert await cached.fetch(*KEY) == CLAIMS
    else:
        assert await is_refused(cached)
    assert len(source.asked) == 2


async def test_claims_that_were_never_had_are_unavailable(source, cached, clock) -> None:
    await cached.fetch(*KEY)
    source.outcome = down()
    clock.advance(30)
    assert await cached.fetch(*KEY) == CLAIMS
    assert await is_refused(cached, ADA, OTHER, "org_1")
    assert await is_refused(cached, ADA, SESSION, "org_2")
    assert await is_refused(cached, BOB, SESSION, "org_1")


async def test_a_source_that_failed_is_left_alone_by_all_for_longer_and_longer(
    source, cached, clock
) -> None:
    source.outcome = down()
    for number, wait in enumerate((1, 2, 4, 8, 16, 30, 30, 30), start=1):
        assert await is_refused(cached, UserId(f"user_{number}"), SESSION, None)
        assert len(source.asked) == number
        clock.advance(wait - 0.1)
        assert await is_refused(cached, BOB, SESSION, None)
        assert len(source.asked) == number
        clock.advance(0.1)


async def test_in_a_back_off_the_last_good_claims_are_returned_unasked(
    source, cached, clock
) -> None:
    await cached.fetch(*KEY)
    source.outcome = down()
    clock.advance(30)
    assert await is_refused(cached, BOB, SESSION, None)
    assert await cached.fetch(*KEY) == CLAIMS
    assert len(source.asked) == 2


async def test_a_source_that_returns_is_believed_at_once(source, cached, clock, caplog) -> None:
    source.outcome = down()
    for wait in (1, 2, 4):
        assert await is_refused(cached)
        clock.advance(wait)
    source.outcome = {"role": "org:member"}
    assert await cached.fetch(*KEY) == {"role": "org:member"}
    assert "the claims source answers again" in caplog.text
    source.outcome = down()
    assert await is_refused(cached, BOB, SESSION, None)
    clock.advance(1)
    source.outcome = CLAIMS
    assert await cached.fetch(BOB, SESSION, None) == CLAIMS


async def test_calls_that_fail_together_count_once(source, cached, clock) -> None:
    source.outcome, source.hold = down(), asyncio.Event()
    waiting = [
        asyncio.create_task(is_refused(cached, UserId(f"user_{i}"), SESSION, None))
        for i in range(20)
    ]
    await source.arrived.wait()
    source.hold.set()
    assert all(await asyncio.gather(*waiting))
    assert len(source.asked) == 20
    clock.advance(1)
    source.outcome = CLAIMS
    assert await cached.fetch(*KEY) == CLAIMS


async def test_a_call_that_fails_while_others_are_answered_is_its_own_affair(
    source, cached
) -> None:
    source.outcome, source.hold = down(), asyncio.Event()
    slow = asyncio.create_task(is_refused(cached))
    await source.arrived.wait()
    held, source.outcome, source.hold = source.hold, CLAIMS, None
    assert await cached.fetch(BOB, SESSION, None) == CLAIMS
    held.set()
    assert await slow
    assert await cached.fetch(BOB, OTHER, None) == CLAIMS


async def test_an_answer_that_is_of_no_use_for_one_session_leaves_the_others_alone(
    source, cached, clock
) -> None:
    for _ in range(10):
        source.outcome = ClaimsUnusable("not JSON")
        assert await is_refused(cached)
        source.outcome = CLAIMS
        assert await cached.fetch(BOB, SESSION, None) == CLAIMS
        clock.advance(30)
    assert len(source.asked) == 20


async def test_any_other_error_of_a_source_is_an_outage_and_its_text_is_not_repeated(
    source, cached, clock, caplog
) -> None:
    source.outcome = KeyError("classified")
    assert await is_refused(cached)
    assert "the claims source raised KeyError" in caplog.text
    source.outcome = CLAIMS
    assert await is_refused(cached)
    clock.advance(1)
    assert await cached.fetch(*KEY) == CLAIMS


@pytest.mark.parametrize(
    ("size", "usable"),
    [
        (MAXIMUM_CLAIMS_BYTES - 1, True),
        (MAXIMUM_CLAIMS_BYTES, True),
        (MAXIMUM_CLAIMS_BYTES + 1, False),
    ],
)
async def test_claims_may_have_8_kb(source, cached, caplog, size: int, usable: bool) -> None:
    source.outcome = {"classified": "x" * (size - len('{"classified":""}'))}
    assert await is_refused(cached) is not usable
    lines = [record for record in caplog.records if record.name == "edgepass.claims"]
    assert [(line.getMessage(), line.user_id) for line in lines] == (
        []
        if usable
        else [("claims not fetched: the claims have 8193 bytes of JSON, and 8192 is the most", ADA)]
    )


@pytest.mark.parametrize(
    "value",
    [object(), b"x", "\ud800", 1 << 64, {1: 2}],
    ids=["an object", "bytes", "a surrogate", "65 bits", "a name that is a number"],
)
async def test_claims_that_are_not_json_are_unavailable(source, cached, value: object) -> None:
    source.outcome = {"x": value}
    assert await is_refused(cached)
    assert await is_refused(cached)
    assert len(source.asked) == 2, "it answered, so it is not left alone"


async def test_claims_that_grew_too_large_leave_the_last_good_ones_in_place(
    source, cached, clock
) -> None:
    await cached.fetch(*KEY)
    source.outcome = {"x": "x" * MAXIMUM_CLAIMS_BYTES}
    clock.advance(30)
    assert await cached.fetch(*KEY) == CLAIMS
    assert len(source.asked) == 2


async def test_after_a_change_of_the_user_the_app_is_asked_again(source, cached) -> None:
    organizations = ("org_1", "org_2", None)
    for organization in organizations:
        await cached.fetch(ADA, SESSION, organization, 1.0)
        await cached.fetch(BOB, SESSION, organization, 1.0)
    source.outcome = {"role": "org:member"}
    for organization in organizations:
        assert await cached.fetch(ADA, SESSION, organization, 2.0) == {"role": "org:member"}
        assert await cached.fetch(BOB, SESSION, organization, 1.0) == CLAIMS
    assert len(source.asked) == 9


async def test_what_was_said_before_a_change_is_not_used_in_an_outage_either(
    source, cached
) -> None:
    await cached.fetch(*KEY, 1.0)
    source.outcome = down()
    assert await is_refused(cached, *KEY, 2.0)


async def test_an_answer_that_was_asked_for_before_the_change_reaches_nobody_after_it(
    source, cached
) -> None:
    source.hold = asyncio.Event()
    early = asyncio.create_task(cached.fetch(*KEY, 1.0))
    await source.arrived.wait()
    held, source.outcome, source.hold = source.hold, {"role": "org:member"}, None
    assert await cached.fetch(*KEY, 2.0) == {"role": "org:member"}
    held.set()
    assert await early == CLAIMS
    assert await cached.fetch(*KEY, 2.0) == {"role": "org:member"}
    assert len(source.asked) == 2


async def test_the_least_recently_used_make_room(source, clock) -> None:
    cached = CachedClaims(source, clock, maximum=2)
    for user in (ADA, BOB, ADA, UserId("eve"), ADA):
        await cached.fetch(user, SESSION, None)
    assert [user for user, _, _ in source.asked] == [ADA, BOB, "eve"]
    await cached.fetch(BOB, SESSION, None)
    assert [user for user, _, _ in source.asked] == [ADA, BOB, "eve", BOB]


async def test_fifty_questions_at_once_are_answered_in_a_cache_for_one(source, clock) -> None:
    cached = CachedClaims(source, clock, maximum=1)
    keys = [(ADA, SessionId(f"sess_{i}"), None) for i in range(50)]
    assert await asyncio.gather(*(cached.fetch(*key) for key in keys)) == [CLAIMS] * 50
    assert len(cached._kept) == 1


@pytest.mark.parametrize("maximum", [0, -1])
def test_a_cache_without_room_is_a_mistake(source, clock, maximum: int) -> None:
    with pytest.raises(ValueError, match="room"):
        CachedClaims(source, clock, maximum=maximum)


async def test_close_leaves_no_task_behind_and_lets_the_waiting_go(source, cached) -> None:
    before = asyncio.all_tasks()
    source.hold = asyncio.Event()
    waiting = asyncio.create_task(is_refused(cached))
    await source.arrived.wait()
    await cached.close()
    async with asyncio.timeout(PATIENCE):
        assert await waiting
    assert asyncio.all_tasks() == before
