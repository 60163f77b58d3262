"""Ed25519 tables that widen while they are used: interleaved, abandoned, from threads."""

from threading import Thread

import pytest

from edgepass._signatures import _ed25519
from edgepass._signatures._multiples import STEP
from tests.standards import ed25519_reference as reference
from tests.standards.ed25519_cases import assert_right, some_key, widened
from tests.standards.ed25519_reference import BASE, IDENTITY, P
from tests.support.standards import FULL

pytestmark = pytest.mark.usefixtures("fresh_tables")


def test_verdicts_are_right_before_during_and_after_widening() -> None:
    key, cases = some_key(1)
    assert_right(key, cases)
    for _ in key.widen():
        assert_right(key, cases[:2])
    assert_right(key, cases)
    assert key._multiples.table.width == _ed25519._KEY_WIDTH
    assert _ed25519._B.table.width == _ed25519._B_WIDTH


def test_an_abandoned_widening_leaves_verdicts_right_and_is_continued() -> None:
    (other, _), (key, cases) = some_key(2), some_key(3)
    whole = sum(1 for _ in other._multiples.widen())
    for _ in range(whole // 7):
        steps = key.widen()
        for _ in range(7):
            next(steps)
        steps.close()
        assert_right(key, cases[:2])
    assert sum(1 for _ in key._multiples.widen()) == whole % 7
    assert_right(key, cases)


def test_keys_that_widen_at_once_build_the_base_points_table_once() -> None:
    steps_of_key = sum(1 for _ in some_key(4)[0]._multiples.widen())
    alone = _ed25519._multiples(_ed25519._BX, _ed25519._BY, _ed25519._B_WIDTH)
    alone.load()
    steps_of_base = sum(1 for _ in alone.widen())
    (one, cases_of_one), (two, cases_of_two) = some_key(5), some_key(6)
    running, count = [one.widen(), two.widen()], 0
    while running:
        for steps in list(running):
            if next(steps, running) is running:
                running.remove(steps)
            else:
                count += 1
    assert count == 2 * steps_of_key + steps_of_base
    assert_right(one, cases_of_one)
    assert_right(two, cases_of_two)
    assert list(one.widen()) == []


def test_threads_may_widen_and_verify_one_key_at_once() -> None:
    (key, cases), failures = some_key(7), []

    def work() -> None:
        for step, _ in enumerate(key.widen()):
            if FULL or step % 4 == 0:
                failures.extend(
                    case for case, expected in cases[:2] if key.verify(*case) is not expected
                )

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_right(key, cases)
    assert key._multiples._growing == []


def test_every_entry_of_the_wide_tables_is_the_multiple_it_stands_for() -> None:
    key, _ = some_key(8)
    widened(key)
    point = reference.find_point(int.from_bytes(key._encoded, "little") % 2**255)
    assert point
    sign = key._encoded[31] >> 7
    point = point if point[0] % 2 == sign else reference.negative(point)
    for table, of in (
        (key._multiples.table, reference.negative(point)),
        (_ed25519._B.table, BASE),
    ):
        for i, row in list(enumerate(table.rows))[:: 1 if FULL else 13]:
            first, point = reference.powers_of_two(of)[table.width * i], IDENTITY
            for entry in row:
                x, y = point
                twist = 2 * reference.D * x * y % P
                assert _ed25519._unpack(entry) == ((y + x) % P, (y - x) % P, twist)
                point = reference.plus(point, first)


def test_a_step_makes_few_entries() -> None:
    key, _ = some_key(9)
    before = 0
    for _ in key._multiples.widen():
        after = sum(map(len, key._multiples._growing))
        assert after - before <= STEP or before == 0
        before = after
