"""The harness computes what it says, on a clock of ours."""

from dataclasses import replace
from itertools import count

import pytest

from bench.harness import (
    CALLS_CHECKED,
    CHUNK,
    AnswerWrong,
    Contestant,
    Plan,
    Ratio,
    measure,
    percentile,
)
from bench.machine import UsageMeter
from tests.bench.known import Clock, contestant, measured


def test_quiet_net_and_ratio_are_those_of_known_contestants() -> None:
    clock = Clock()
    rows = measured(
        contestant("bare", clock, 100),
        contestant("one", clock, 1_100, against=("two",)),
        contestant("two", clock, 2_100),
        clock=clock,
    ).rows
    assert [(row.name, row.quiet_ns, row.net_ns) for row in rows] == [
        ("bare", 100, 0),
        ("one", 1_100, 1_000),
        ("two", 2_100, 2_000),
    ]
    assert rows[1].ratios == (Ratio(to="two", quiet=0.5, typical=0.5),)


def test_a_batch_takes_about_as_long_as_planned() -> None:
    clock = Clock()
    rows = measured(contestant("bare", clock, 100), contestant("one", clock, 9_000), clock=clock)
    assert [row.batch for row in rows.rows] == [1_000, 11]


def test_percentiles_are_over_single_calls() -> None:
    clock = Clock()
    slow_at_times = [1_000] * 985 + [5_000] * 10 + [9_000] * 5
    row = measured(
        contestant("bare", clock, *slow_at_times),
        clock=clock,
        plan=Plan(rounds=500, batch_ns=500_000, samples=200),
    ).rows[0]
    assert row.n == 500 * 200
    assert (row.p50_ns, row.p99_ns, row.p999_ns, row.max_ns) == (1_000, 5_000, 9_000, 9_000)


def test_the_reading_of_the_clock_is_taken_off_single_calls() -> None:
    clock = Clock()
    reading = count(0, 40)
    row = measure(
        [contestant("bare", clock, 1_000)],
        Plan(rounds=5, batch_ns=100_000),
        benchmark="known",
        title="Known",
        clock=lambda: clock.now + next(reading),
    ).rows[0]
    assert row.p50_ns == row.max_ns == 1_000


@pytest.mark.parametrize(
    ("rounds", "samples", "p99", "p999"),
    [
        (9, 11, None, None),
        (10, 10, 1_000, None),
        (101, 1, 1_000, None),
        (9, 111, 1_000, None),
        (10, 100, 1_000, 1_000),
        (7, 143, 1_000, 1_000),
    ],
)
def test_a_percentile_of_too_few_samples_is_absent(
    rounds: int, samples: int, p99: int | None, p999: int | None
) -> None:
    clock = Clock()
    plan = Plan(rounds=rounds, batch_ns=200_000, samples=samples)
    row = measured(contestant("bare", clock, 1_000), clock=clock, plan=plan).rows[0]
    assert (row.n, row.p99_ns, row.p999_ns) == (rounds * samples, p99, p999)


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 10), (0.5, 20), (0.51, 30), (0.99, 40), (1.0, 40)]
)
def test_a_percentile_is_the_nearest_rank(share: float, value: int) -> None:
    assert percentile([10, 20, 30, 40], share) == value


def test_every_round_times_everyone_and_in_another_order() -> None:
    clock, order = Clock(), []

    def noted(name: str) -> Contestant:
        one = contestant(name, clock, 60_000)
        return replace(one, call=lambda argument: order.append(name) or one.call(argument))

    names = [str(number) for number in range(6)]
    # One call a batch is timed and sampled at once, so a round is one call each.
    plan = Plan(rounds=10, batch_ns=60_000)
    result = measured(*map(noted, names), clock=clock, plan=plan)
    last_checks = len(names) * CALLS_CHECKED
    timed = order[-last_checks - plan.rounds * len(names) : -last_checks]
    rounds = {tuple(timed[start : start + 6]) for start in range(0, len(timed), 6)}
    assert all(sorted(one) == names for one in rounds)
    assert len(rounds) > 5
    assert {len(row.rounds_ns) for row in result.rows} == {plan.rounds}


def test_arguments_are_asked_for_in_chunks() -> None:
    clock, sizes = Clock(), set()

    def arguments(number: int) -> list[str]:
        sizes.add(number)
        return ["bare"] * number

    measured(replace(contestant("bare", clock, 10), arguments=arguments), clock=clock)
    assert max(sizes) == CHUNK


def test_a_wrong_answer_is_never_timed() -> None:
    clock = Clock()
    wrong = replace(contestant("wrong", clock, 10), expected="right")
    with pytest.raises(AnswerWrong, match="wrong: answered 'wrong' instead of 'right'"):
        measured(contestant("bare", clock, 10), wrong, clock=clock)
    assert clock.now <= 4 * 10


def test_a_wrong_answer_to_a_further_argument_is_found() -> None:
    clock = Clock()
    one = replace(contestant("bare", clock, 10), also=((lambda number: ["bad"] * number, "ok"),))
    with pytest.raises(AnswerWrong, match="'bad' instead of 'ok'"):
        measured(one, clock=clock)


def test_an_answer_that_changes_during_the_run_is_found() -> None:
    clock = Clock()

    def call(argument: str) -> str:
        clock.work(1_000)
        return argument if clock.now < 500_000 else "token_expired"

    with pytest.raises(AnswerWrong, match="token_expired"):
        measured(replace(contestant("bare", clock, 10), call=call), clock=clock)


def test_names_have_to_be_those_of_one_row_each() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="one name"):
        measured(contestant("bare", clock, 1), contestant("bare", clock, 1), clock=clock)
    with pytest.raises(ValueError, match="not there"):
        measured(contestant("bare", clock, 1, against=("gone",)), clock=clock)


def test_usage_counts_our_own_work() -> None:
    meter = UsageMeter()
    sum(range(2_000_000))
    usage = meter.read()
    assert 0 < usage.own <= usage.elapsed * 1.5
