"""Where a chain was broken, told by the links that its events carry.

Nobody signed those links, so they prove nothing; but whoever changed an event and
left the rest alone is betrayed by them. Where all were made anew, the cursors and the
signed ends of the stretch are all there is to go by.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgepass_sidecar.audit.chain import Sealed, make_link

# Links that an event may follow, where those before it are not what they were.
_REMEMBERED = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the events from cursor `first` to `last`; 0 is the export's header."""

    first: int
    last: int
    problem: str

    def __str__(self) -> str:
        if not self.first:
            return f"header: {self.problem}"
        if self.first == self.last:
            return f"cursor {self.first}: {self.problem}"
        return f"cursors {self.first} to {self.last}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the chain: cursors `first` to `last` lead from `previous` to `link`."""

    first: int
    last: int
    previous: bytes
    link: bytes

    def is_of(self, events: Sequence[Sealed]) -> bool:
        return chain(self.previous, events) == self.link


def chain(link: bytes, events: Sequence[Sealed]) -> bytes:
    """Return the link that `events` lead to from `link`, whatever links they carry."""
    for sealed in events:
        link = _follow(link, sealed)
    return link


def find_misplaced(stretch: Stretch, events: Sequence[Sealed]) -> Iterator[Finding]:
    """Say what is wrong with `events`, which are not those of the stretch. Never says nothing."""
    links, position, is_found = [stretch.previous], stretch.first - 1, False
    cursors = {sealed.cursor for sealed in events}
    for sealed in events:
        follows = any(_follow(link, sealed) == sealed.seal.link for link in links)
        if not follows or sealed.cursor != position + 1:
            is_found = True
            yield _name(sealed, stretch, position, cursors)
        # One that was put in is followed by what follows the one before it; one whose
        # link was changed by what follows its true link.
        truths = [] if follows else [_follow(link, sealed) for link in links[:2]]
        links = [sealed.seal.link, *truths, *links][:_REMEMBERED]
        if position < sealed.cursor <= stretch.last:
            position = sealed.cursor
    if position < stretch.last:
        yield Finding(position + 1, stretch.last, "removed")
    elif not is_found:
        yield Finding(stretch.first, stretch.last, "changed, and the links between made anew")


def _follow(link: bytes, sealed: Sealed) -> bytes:
    return make_link(link, sealed.cursor, sealed.event, sealed.seal.digest)


def _name(sealed: Sealed, stretch: Stretch, position: int, cursors: set[int]) -> Finding:
    cursor = sealed.cursor
    if not stretch.first <= cursor <= stretch.last:
        place = min(position + 1, stretch.last)
        return Finding(place, place, f"changed, or before it a line inserted with cursor {cursor}")
    if cursor <= position:
        return Finding(cursor, cursor, "inserted, or reordered")
    if cursor == position + 1:
        return Finding(cursor, cursor, "changed, or another inserted in its place")
    is_elsewhere = any(position < other < cursor for other in cursors)
    problem = "reordered" if is_elsewhere else "removed"
    return Finding(position + 1, cursor - 1, problem)
