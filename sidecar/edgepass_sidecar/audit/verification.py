"""Verifying an export with public keys alone: what was changed, removed, inserted, reordered.

What counts is signed: each checkpoint says from which link its events lead to which,
and the last line how far the whole of it goes.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

from edgepass_sidecar.audit.chain import USER_ERASED, Sealed, is_erasable, make_digest, make_link
from edgepass_sidecar.audit.checkpoint import CheckpointKeys, Statement, WrongCheckpoint
from edgepass_sidecar.audit.export import Closing, Header, WrongLine, parse_line, parse_ranges
from edgepass_sidecar.audit.misplaced import Finding, Stretch, find_misplaced

# Events between two checkpoints: far more than are sealed at once, and no burden.
MOST_OPEN = 100_000
_UNCLOSED = "no valid checkpoint closes this"


class NotAnExport(ValueError):
    """A file is nothing that can be verified; the text says why."""


class Verification:
    """Takes the lines of an export in their order, without their line ends.

    Without `keys` those in the first line are used: that shows damage, but not
    forgery, because a forger would put in keys of their own.
    """

    def __init__(self, keys: CheckpointKeys | None) -> None:
        self._keys = keys
        self._header: Header | None = None
        self._header_hash = b""
        self._first: int | None = None
        self._start: bytes | None = None
        self._link: bytes | None = None
        self._open: list[Sealed] = []
        self._read_to = 0
        self._refused_to = 0
        self._blank: list[int] = []
        self._accounted: list[tuple[int, int]] = []
        self._is_over = False
        self.events = 0
        self.closed_to = 0
        self.end: Statement | None = None

    def read(self, raw: bytes) -> Iterator[Finding]:
        """Say what is wrong so far. Raises `NotAnExport` where nothing can be verified."""
        if self._header is None:
            self._read_header(raw)
            return
        if self._is_over:
            yield self._here("there is a line after the last one")
            return
        try:
            line = parse_line(raw)
        except WrongLine as error:
            place = error.cursor or self._read_to + 1
            yield Finding(place, place, f"changed: the line {error}")
            return
        if isinstance(line, Sealed):
            yield from self._read_event(line)
        elif isinstance(line, Closing):
            yield from self._read_closing(line)
        else:
            yield self._here("another header was inserted")

    def finish(self) -> Iterator[Finding]:
        """Say what only shows at the end of the file."""
        if self._header is None:
            raise NotAnExport("it is empty")
        if not self._is_over:
            yield self._here("truncated: from here on something is missing")
            yield from self._judge_unclosed(self._open, None)
        elif self.end is not None and self.end.last <= self._read_to:
            # Where the end is missing, so is perhaps the erasure.
            yield from self._judge_blank()

    def _read_header(self, raw: bytes) -> None:
        try:
            line = parse_line(raw)
        except WrongLine as error:
            raise NotAnExport(f"its first line {error}") from None
        if not isinstance(line, Header):
            raise NotAnExport("its first line is no header of an export")
        if self._keys is None:
            try:
                self._keys = CheckpointKeys(line.keys)
            except ValueError as error:
                raise NotAnExport(f"the keys in its first line: {error}") from None
        self._header, self._header_hash = line, sha256(raw).digest()

    def _read_event(self, sealed: Sealed) -> Iterator[Finding]:
        if len(self._open) >= MOST_OPEN:
            raise NotAnExport(
                f"there is no checkpoint in the {MOST_OPEN:,} events before cursor {sealed.cursor}"
            )
        self._open.append(sealed)
        self._read_to = sealed.cursor
        self.events += 1
        event, seal, cursor = sealed.event, sealed.seal, sealed.cursor
        if seal.salt is not None and make_digest(event, seal.salt) != seal.digest:
            yield Finding(cursor, cursor, "changed: it is not what its digest was made of")
        if seal.salt is None:
            self._blank.append(cursor)
            if not is_erasable(event.type):
                yield Finding(cursor, cursor, "changed: an event of this type is never erased")
        elif event.type == USER_ERASED:
            try:
                ranges = parse_ranges(event.data)
            except WrongLine as error:
                yield Finding(cursor, cursor, f"changed: the erasure {error}")
                return
            # An erasure accounts for what came before it.
            self._accounted += [(first, last) for first, last in ranges if last < cursor]

    def _read_closing(self, closing: Closing) -> Iterator[Finding]:
        self._is_over = closing.is_end
        try:
            statement = self._read_statement(closing)
        except WrongCheckpoint as error:
            what = "the last line" if closing.is_end else "the checkpoint"
            yield self._refuse(f"{what} is not valid: {error}")
            if closing.is_end:
                yield from self._judge_unclosed(self._open, None)
            return
        if closing.is_end:
            yield from self._judge_end(statement)
        else:
            yield from self._judge_batch(statement)

    def _read_statement(self, closing: Closing) -> Statement:
        assert self._keys is not None, "the header comes first"
        assert self._header is not None, "the header comes first"
        statement = self._keys.read(closing.text)
        if statement.issuer != self._header.issuer:
            raise WrongCheckpoint("it is of another issuer than the export")
        if (statement.header is not None) is not closing.is_end:
            raise WrongCheckpoint("it was not signed for this place")
        return statement

    def _judge_batch(self, statement: Statement) -> Iterator[Finding]:
        first, last, position = statement.first, statement.last, self.closed_to
        if not position < first <= last:
            yield self._refuse(f"a checkpoint inserted, or reordered: it is over {first} to {last}")
            return
        events, self._open = self._open, []
        begin = next((i for i, e in enumerate(events) if e.cursor >= first), len(events))
        yield from self._judge_unclosed(events[:begin], statement)
        if self._first is None:
            self._first, self._start = first, statement.previous
        covered = events[begin:]
        stretch = Stretch(first, last, statement.previous, statement.link)
        if len(covered) == statement.count and stretch.is_of(covered):
            yield from _find_wrong_links(stretch.previous, covered)
        else:
            yield from find_misplaced(stretch, covered)
        self._link, self.closed_to, self._refused_to = statement.link, last, last

    def _judge_unclosed(
        self, events: Sequence[Sealed], statement: Statement | None
    ) -> Iterator[Finding]:
        """Judge events between the last checkpoint and the next, or that there are none."""
        position = self.closed_to
        unclosed = [sealed for sealed in events if sealed.cursor > position]
        for sealed in events:
            if sealed.cursor <= position:
                yield Finding(sealed.cursor, sealed.cursor, "inserted, or reordered")
        if unclosed:
            cursors = [sealed.cursor for sealed in unclosed]
            if self._first is None:
                self._first = cursors[0]
            yield Finding(min(cursors), max(cursors), _UNCLOSED)
        if statement is None or self._link is None:
            return
        stretch = Stretch(position + 1, statement.first - 1, self._link, statement.previous)
        if stretch.is_of(unclosed):
            return
        if stretch.first > stretch.last:
            yield Finding(statement.first, statement.last, "does not follow what is before it")
        else:
            yield from find_misplaced(stretch, unclosed)

    def _judge_end(self, end: Statement) -> Iterator[Finding]:
        self.end = end
        if end.header != self._header_hash:
            yield Finding(0, 0, "changed, or the last line is of another export")
        is_right = end.link == (self._link or end.previous) and not self._open
        yield from self._judge_unclosed(self._open, None)
        first = self._first if self._first is not None else end.last + 1
        if end.first < first:
            yield Finding(end.first, first - 1, "removed")
        if max(self.closed_to, self._read_to) < end.last:
            yield Finding(max(self.closed_to, self._read_to) + 1, end.last, "removed")
        elif not is_right or self._start not in (None, end.previous) or end.count != self.events:
            yield Finding(end.first, max(end.last, end.first), "not what the last line is over")

    def _judge_blank(self) -> Iterator[Finding]:
        ranges = sorted(self._accounted)
        reached, following = 0, 0
        for cursor in sorted(self._blank):
            while following < len(ranges) and ranges[following][0] <= cursor:
                reached = max(reached, ranges[following][1])
                following += 1
            if cursor > reached:
                yield Finding(cursor, cursor, "blanked, and no erasure says so")

    def _refuse(self, problem: str) -> Finding:
        # What an earlier one should have closed is not this one's.
        place = max(min(self._refused_to + 1, self._read_to), 1)
        self._refused_to = self._read_to
        return Finding(place, max(place, self._read_to), problem)

    def _here(self, problem: str) -> Finding:
        return Finding(self._read_to + 1, self._read_to + 1, problem)


def _find_wrong_links(link: bytes, events: Sequence[Sealed]) -> Iterator[Finding]:
    for sealed in events:
        link = make_link(link, sealed.cursor, sealed.event, sealed.seal.digest)
        if link != sealed.seal.link:
            yield Finding(sealed.cursor, sealed.cursor, "changed: its link is not the chain's")
