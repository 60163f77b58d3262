"""What is doubted, on both sides of each bound."""

from dataclasses import replace

import pytest

from bench.doubts import (
    BusyMachine,
    Displaced,
    Doubt,
    FewRounds,
    NetWithinNoise,
    NoisyRows,
    Traced,
    UnsteadyRatio,
    find_doubts,
)
from bench.harness import Ratio
from bench.machine import Usage
from tests.bench.known import BARE, QUIET, STEADY, known, row


def test_a_quiet_measurement_is_not_doubted() -> None:
    assert find_doubts(known(BARE, row("one", *STEADY))) == ()


@pytest.mark.parametrize(
    ("usage", "doubt"),
    [
        (replace(QUIET, others=1.01), BusyMachine(0.101)),
        (replace(QUIET, own=9.4), Displaced(0.9400000000000001)),
        (replace(QUIET, traced=True), Traced()),
    ],
)
def test_what_else_the_processor_did_is_doubted(usage: Usage, doubt: Doubt) -> None:
    found = find_doubts(known(BARE, usage=usage))
    assert [type(one) for one in found] == [type(doubt)]
    assert str(found[0]) == str(doubt)


@pytest.mark.parametrize(
    "usage",
    [replace(QUIET, others=1.0), replace(QUIET, own=9.5), replace(QUIET, others=None)],
)
def test_what_else_the_processor_did_may_be_little_or_unknown(usage: Usage) -> None:
    assert find_doubts(known(BARE, usage=usage)) == ()


def test_few_rounds_are_doubted() -> None:
    assert find_doubts(known(row("bare", *STEADY[:20], net=0.0))) == ()
    assert find_doubts(known(row("bare", *STEADY[:19], net=0.0))) == (FewRounds(19),)


def test_rounds_far_above_the_best_are_doubted() -> None:
    steady = row("steady", 1_000.0, *(1_150.0,) * 30)
    noisy = row("noisy", 1_000.0, *(1_500.0,) * 30)
    assert find_doubts(known(BARE, steady, noisy)) == (NoisyRows(("noisy",), "noisy", 0.5),)


def test_a_net_time_below_the_noise_of_the_bare_row_is_doubted() -> None:
    bare = row("bare", 1_000.0, *(1_100.0,) * 30, net=0.0)
    below, above = row("below", *STEADY, net=-100.0), row("above", *STEADY, net=101.0)
    assert find_doubts(known(bare, below, above)) == (NetWithinNoise(("below",), 100.0),)


def test_a_ratio_that_rounds_do_not_bear_out_is_doubted() -> None:
    steady = row("steady", *STEADY, ratios=(Ratio(to="bare", quiet=0.5, typical=0.54),))
    moving = row("moving", *STEADY, ratios=(Ratio(to="bare", quiet=0.5, typical=0.56),))
    assert find_doubts(known(BARE, steady, moving)) == (UnsteadyRatio("moving", "bare", 0.5, 0.56),)
