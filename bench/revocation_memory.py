"""What an edge hears of revocations, message by message, and the memory that it then takes."""

import json
import multiprocessing
import os
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgepass import KeySet
from edgepass._connections import Connections
from edgepass._event_stream import MessageParser
from edgepass._feed import Feed
from edgepass._fixed_keys import FixedKeys
from edgepass._revocations import Revocations

LEEWAY, LONGEST_LIFETIME = 5, 300
KEPT_FOR = LEEWAY + LONGEST_LIFETIME  # until the sidecar has said how long its tokens live
_FIRST = 1_000  # messages, after which what their kind needs once is there

Apply = Callable[[tuple[bytes, float]], int]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes for each entry: what Python allocated for it, and what the process grew by."""

    allocated: float
    resident: float


def applying_to(revocations: Revocations) -> Apply:
    """Return what takes a message and its time, and says how many entries are kept then."""
    keys = FixedKeys(KeySet.from_jwks({"keys": []}), lambda: None)
    feed = Feed(revocations, Connections(), keys, leeway=LEEWAY, longest_lifetime=LONGEST_LIFETIME)
    parser = MessageParser()

    def apply(coming: tuple[bytes, float]) -> int:
        text, now = coming
        for message in parser.parse(text):
            feed.apply(message, now)
        return len(revocations)

    return apply


def message(number: int, at: float) -> bytes:
    """Spell a message as the sidecar does."""
    data = {"session_id": session_id(number), "user_id": f"user_{number}", "at": at}
    text = json.dumps(data, separators=(",", ":"))
    return f"event: session\nid: {number}\ndata: {text}\n\n".encode("ascii")


def session_id(number: int) -> str:
    return f"sess_2bKq9Ns4UeG8cXy1t{number:010d}"


def measure_memory(entries: int) -> Memory:
    """Keep so many entries in fresh processes: one that is traced takes more than it would."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        allocated, resident = (
            pool.apply(measured, (entries,)) for measured in (_allocated_by, _resident_of)
        )
    return Memory(allocated / entries, resident / entries)


def _allocated_by(entries: int) -> int:
    apply = applying_to(Revocations())
    tracemalloc.start()
    _keep(apply, 0, entries)
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return allocated


def _resident_of(entries: int) -> int:
    apply = applying_to(Revocations())
    _keep(apply, 0, _FIRST)
    before = _resident_bytes()
    _keep(apply, _FIRST, _FIRST + entries)
    return _resident_bytes() - before


def _keep(apply: Apply, first: int, last: int) -> None:
    now = time.time()
    for number in range(first, last):
        kept = apply((message(number, now), now))
        if kept != number + 1:
            raise RuntimeError(f"{kept} entries are kept, not {number + 1}")


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
