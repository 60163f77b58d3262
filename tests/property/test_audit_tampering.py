"""Whatever is done to an export of 10,000 events is found, and named by its cursor."""

import copy
import random
from collections.abc import Iterator
from functools import cache

import pytest

from edgepass_sidecar.audit.misplaced import Finding
from edgepass_sidecar.audit.verification import NotAnExport, Verification
from tests.property.tampering import BATCH, KINDS, Kind, Lines, Tampered, batch_of, blank
from tests.support.audit import make_event, make_lines, public_keys, verify_lines
from tests.support.standards import FULL

EVENTS = 10_000
TAMPERINGS = 1000 if FULL else 168
LATEST = EVENTS // 10 - 3 * BATCH // 10
PER_KIND = -(-TAMPERINGS // len(KINDS))


@cache
def export() -> Lines:
    return make_lines([make_event(number) for number in range(1, EVENTS)], batch=BATCH, erased=True)


@cache
def verified() -> tuple[Verification, list[Verification]]:
    """Verify the untouched export; return also what is known at the beginning of each batch."""
    keys = public_keys()
    verification, kept = Verification(keys), []
    for index, line in enumerate(export()):
        if index % (BATCH + 1) == 1:
            kept.append(copy.deepcopy(verification, {id(keys): keys}))
        assert list(verification.read(line)) == []
    return verification, kept


def verify_from(tampered: Tampered) -> Iterator[Finding]:
    """Verify the part of the lines that is not what it was, and all that follows."""
    batch = (tampered.begin - 1) // (BATCH + 1)
    begin, before = batch * (BATCH + 1) + 1, verified()[1][batch]
    assert tampered.lines[:begin] == export()[:begin]
    verification = copy.deepcopy(before, {id(before._keys): before._keys})
    for line in tampered.lines[begin:]:
        yield from verification.read(line)
    yield from verification.finish()


def _earliest(kind: Kind) -> int:
    # What is blank is judged at the end of the file: the long way there is for the long run.
    return LATEST - BATCH // 10 if kind is blank and not FULL else 0


def is_named(finding: Finding, tampered: Tampered) -> bool:
    # All that is missing at the end is one finding, which begins where it is missing from.
    is_narrow = finding.last - finding.first < BATCH or finding.first == tampered.first
    return is_narrow and finding.first <= tampered.last and finding.last >= tampered.first


def test_the_untouched_export_is_accepted() -> None:
    verification, _ = verified()
    assert list(verification.finish()) == []
    assert verification.events == EVENTS
    assert verification.end is not None
    assert (verification.end.first, verification.end.last) == (1, EVENTS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_tampering_is_found_and_named_by_cursor(kind: Kind) -> None:
    chance = random.Random(kind.__name__)
    for _ in range(PER_KIND):
        # Not one that is erased, nor the last ones, so that each kind has what it needs.
        cursor = 10 * chance.randrange(_earliest(kind), LATEST) + chance.randrange(2, 10)
        tampered = kind(export(), cursor, chance)
        first_of_all = batch_of(tampered.first)[0]
        named = None
        for finding in verify_from(tampered):
            assert finding.last >= first_of_all, "what is sound is accused"
            if is_named(finding, tampered):
                named = finding
                break
        assert named is not None, (kind.__name__, cursor)


def spoilt(line: int, chance: random.Random) -> Iterator[Lines]:
    """Yield small exports with one bit of the first or the last line turned."""
    lines = make_lines([make_event(number) for number in range(1, 20)], batch=5)
    for index in chance.sample(range(len(lines[line])), 60):
        altered = bytearray(lines[line])
        altered[index] ^= 1 << chance.randrange(7)
        tampered = list(lines)
        tampered[line] = bytes(altered)
        yield tampered


def test_of_the_last_line_no_bit_can_be_changed() -> None:
    for tampered in spoilt(-1, random.Random(1)):
        findings, _ = verify_lines(tampered)
        assert findings


def test_of_the_first_line_no_bit_can_be_changed() -> None:
    unread = 0
    for tampered in spoilt(0, random.Random(2)):
        try:
            findings, _ = verify_lines(tampered)
        except NotAnExport:
            unread += 1
        else:
            assert findings
    assert 0 < unread < 60
