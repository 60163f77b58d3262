"""ES256 tables that widen while they are used: interleaved, abandoned, from threads."""

from threading import Thread

import pytest

from edgepass._signatures import _p256
from edgepass._signatures._multiples import STEP
from tests.standards import p256_reference as reference
from tests.standards.p256_cases import assert_right, load, some_cases, widened
from tests.support.standards import FULL

pytestmark = pytest.mark.usefixtures("fresh_tables")


def test_verdicts_are_right_before_during_and_after_widening() -> None:
    key, cases = load(reference.times_g(31337)), some_cases(31337, 2)
    assert_right(key, cases)
    for step, _ in enumerate(key.widen()):
        if FULL or step % 4 == 0:
            assert_right(key, cases)
    assert_right(key, some_cases(31337, 50))
    assert key._multiples.table.width == _p256._KEY_WIDTH
    assert _p256._G.table.width == _p256._G_WIDTH


def test_an_abandoned_widening_leaves_verdicts_right_and_is_continued() -> None:
    key, cases = load(reference.times_g(555)), some_cases(555, 10)
    whole = sum(1 for _ in load(reference.times_g(556))._multiples.widen())
    for _ in range(whole // 7):
        steps = key.widen()
        for _ in range(7):
            next(steps)
        steps.close()
        assert_right(key, cases[:2])
    assert sum(1 for _ in key._multiples.widen()) == whole % 7
    assert_right(key, cases)


def test_keys_that_widen_at_once_build_the_generators_table_once() -> None:
    steps_of_key = sum(1 for _ in load(reference.times_g(1000))._multiples.widen())
    alone = _p256._multiples(_p256._GX, _p256._GY, _p256._G_WIDTH)
    alone.load()
    steps_of_generator = sum(1 for _ in alone.widen())
    one, two = load(reference.times_g(1001)), load(reference.times_g(1002))
    running, count = [one.widen(), two.widen()], 0
    while running:
        for steps in list(running):
            if next(steps, running) is running:
                running.remove(steps)
            else:
                count += 1
    assert count == 2 * steps_of_key + steps_of_generator
    assert_right(one, some_cases(1001, 20))
    assert_right(two, some_cases(1002, 20))
    assert list(widened(one).widen()) == []


def test_threads_may_widen_and_verify_one_key_at_once() -> None:
    key, cases, failures = load(reference.times_g(77)), some_cases(77, 2), []

    def work() -> None:
        for step, _ in enumerate(key.widen()):
            if FULL or step % 4 == 0:
                failures.extend(
                    case for case, expected in cases if key.verify(*case) is not expected
                )

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_right(key, some_cases(77, 20))
    assert key._multiples._growing == []


def test_every_entry_of_the_wide_tables_is_the_multiple_it_stands_for() -> None:
    key = widened(load(reference.times_g(9)))
    for table, private in ((key._multiples.table, 9), (_p256._G.table, 1)):
        rows = table.rows if FULL else table.rows[::13]
        for i, row in zip(range(0, len(table.rows), 1 if FULL else 13), rows, strict=True):
            assert row[0] == 0
            first = reference.times_g(private << table.width * i)
            point: reference.Point = None
            for entry in row[1:]:
                point = reference.plus(point, first)
                assert point == (entry & (2**256 - 1), entry >> 256)


def test_a_step_makes_few_entries() -> None:
    key = load(reference.times_g(3))
    before = 0
    for _ in key._multiples.widen():
        after = sum(map(len, key._multiples._growing))
        assert after - before <= STEP or before == 0
        before = after
