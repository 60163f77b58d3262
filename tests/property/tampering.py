"""Every way to tamper with an export, each with the cursor that has to be named for it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from edgepass_sidecar.audit.canonical import canonical
from edgepass_sidecar.audit.chain import Sealed, make_digest, make_link
from edgepass_sidecar.audit.checkpoint import Statement, sign_statement
from edgepass_sidecar.audit.export import Closing, closing_line, event_line, parse_line
from tests.support.audit import public_keys, signing_pair

BATCH = 200
Lines = list[bytes]


@dataclass(frozen=True)
class Tampered:
    """The lines from `begin` on, and where something has to be found: `first` to `last`."""

    lines: Lines
    begin: int
    first: int
    last: int


def place(cursor: int) -> int:
    """Return the index of the line of an event; there is one checkpoint for each batch."""
    return cursor + (cursor - 1) // BATCH


def batch_of(cursor: int) -> tuple[int, int]:
    first = (cursor - 1) // BATCH * BATCH + 1
    return first, first + BATCH - 1


def event_at(lines: Lines, cursor: int) -> Sealed:
    line = parse_line(lines[place(cursor)])
    assert isinstance(line, Sealed)
    return line


def at(lines: Lines, cursor: int, tampered: Lines) -> Tampered:
    return Tampered(tampered, place(cursor), cursor, cursor)


def replaced(lines: Lines, cursor: int, line: bytes) -> Tampered:
    index = place(cursor)
    assert line != lines[index]
    return Tampered([*lines[:index], line, *lines[index + 1 :]], index, cursor, cursor)


def changed(lines: Lines, cursor: int, changes: dict[str, Any]) -> Tampered:
    return replaced(lines, cursor, canonical(orjson.loads(lines[place(cursor)]) | changes))


def change_user(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    return changed(lines, cursor, {"user_id": "user_other", "session_id": None})


def change_address(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    return changed(lines, cursor, {"ip_address": "198.51.100.7"})


def change_data(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    return changed(lines, cursor, {"data": {"by": chance.choice(["nobody", 1, 1.5, None, ["x"]])}})


def change_type(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    return changed(lines, cursor, {"type": "session.touched"})


def change_time(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    time = event_at(lines, cursor).event.at
    return changed(lines, cursor, {"at": time + chance.choice([-1, 0.125])})


def change_cursor(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    return changed(lines, cursor, {"cursor": cursor + chance.choice([-1, 3, 100_000])})


def change_hash(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    name = chance.choice(["link", "digest", "salt"])
    text = getattr(event_at(lines, cursor).seal, name).hex()
    digit = chance.randrange(len(text))
    other = "0" if text[digit] != "0" else "1"
    return changed(lines, cursor, {name: text[:digit] + other + text[digit + 1 :]})


def spell_otherwise(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    return replaced(lines, cursor, lines[place(cursor)].replace(b",", b", ", 1))


def say_twice(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    line = lines[place(cursor)].replace(b'"type":', b'"type":"a","type":', 1)
    return replaced(lines, cursor, line)


def damage(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    line = bytearray(lines[place(cursor)])
    line[chance.randrange(len(line))] ^= 1 << chance.randrange(7)
    return replaced(lines, cursor, bytes(line))


def rechain(lines: Lines, cursor: int, through: int) -> Lines:
    """Change an event, and make all links up to the cursor `through` anew."""
    tampered, link = list(lines), event_at(lines, cursor - 1).seal.link if cursor > 1 else bytes(32)
    for number in range(cursor, through + 1):
        sealed = event_at(lines, number)
        event, digest = sealed.event, sealed.seal.digest
        if number == cursor and sealed.seal.salt is not None:
            event = replace(event, user_agent="another")
            digest = make_digest(event, sealed.seal.salt)
        link = make_link(link, number, event, digest)
        seal = replace(sealed.seal, digest=digest, link=link)
        tampered[place(number)] = event_line(Sealed(cursor=number, event=event, seal=seal))
    return tampered


def rechain_the_batch(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    first, last = batch_of(cursor)
    return Tampered(rechain(lines, cursor, last), place(cursor), first, last)


def rechain_the_rest(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    first, last = batch_of(cursor)
    return Tampered(rechain(lines, cursor, last + BATCH), place(cursor), first, last)


def drop(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    index = place(cursor)
    return at(lines, cursor, [*lines[:index], *lines[index + 1 :]])


def drop_several(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    last = min(cursor + chance.randrange(1, 30), batch_of(cursor)[1])
    tampered = [*lines[: place(cursor)], *lines[place(last) + 1 :]]
    return Tampered(tampered, place(cursor), cursor, last)


def drop_a_batch(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    first, last = batch_of(cursor)
    tampered = [*lines[: place(first)], *lines[place(last) + 2 :]]
    return Tampered(tampered, place(first), first, last)


def insert(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    """Put in an event that carries the cursor of the next, and a link of its own or the next's."""
    sealed = event_at(lines, cursor)
    event = replace(sealed.event, type="session.created", user_id=None)
    digest = make_digest(event, bytes(16))
    link = make_link(sealed.seal.link, cursor, event, digest)
    seal = replace(sealed.seal, salt=bytes(16), digest=digest, link=link)
    line = event_line(replace(sealed, event=event, seal=seal))
    index = place(cursor) + chance.randrange(2)
    return at(lines, cursor, [*lines[:index], line, *lines[index:]])


def duplicate(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    index = place(cursor)
    return at(lines, cursor, [*lines[: index + 1], *lines[index:]])


def repeat_later(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    """Put a true event in once more, up to two batches later."""
    later = cursor + chance.randrange(2, 2 * BATCH)
    index = place(later)
    tampered = [*lines[:index], lines[place(cursor)], *lines[index:]]
    first, last = batch_of(later)
    return Tampered(tampered, place(first), min(cursor, first), last)


def swap(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    tampered, index = list(lines), place(cursor)
    other = place(cursor + 1)
    tampered[index], tampered[other] = tampered[other], tampered[index]
    return at(lines, cursor, tampered)


def move(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    index = place(cursor)
    without = [*lines[:index], *lines[index + 1 :]]
    target = place(cursor + chance.randrange(2, 2 * BATCH))
    tampered = [*without[:target], lines[index], *without[target:]]
    return at(lines, cursor, tampered)


def blank(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    """Take away the personal part, as an erasure does, without one."""
    members = orjson.loads(lines[place(cursor)])
    kept = {name: members[name] for name in ("at", "cursor", "digest", "link", "type")}
    return replaced(lines, cursor, canonical(kept | {"erased": True}))


def truncate(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    index = place(cursor)
    return at(lines, cursor, lines[:index])


def truncate_and_close(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    """Cut at a checkpoint, and keep the last line."""
    first, last = batch_of(cursor)
    return Tampered([*lines[: place(first)], lines[-1]], place(first), first, last)


def checkpoint(lines: Lines, cursor: int, line: bytes | None) -> Tampered:
    first, last = batch_of(cursor)
    index = place(last) + 1
    tampered = [*lines[:index], *([] if line is None else [line]), *lines[index + 1 :]]
    return Tampered(tampered, index, first, last)


def statement_of(lines: Lines, cursor: int) -> tuple[str, Statement]:
    line = parse_line(lines[place(batch_of(cursor)[1]) + 1])
    assert isinstance(line, Closing)
    return line.text, public_keys().read(line.text)


def alter_a_checkpoint(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    text, _ = statement_of(lines, cursor)
    index = chance.choice([i for i, c in enumerate(text) if c != "."])
    other = chance.choice([c for c in "ABab01-_" if c != text[index]])
    altered = text[:index] + other + text[index + 1 :]
    return checkpoint(lines, cursor, closing_line(Closing(altered, is_end=False)))


def drop_a_checkpoint(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    return checkpoint(lines, cursor, None)


def sign_with_another_key(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    _, statement = statement_of(lines, cursor)
    text = sign_statement(statement, signing_pair("another")[0])
    return checkpoint(lines, cursor, closing_line(Closing(text, is_end=False)))


def take_another_checkpoint(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    """Put the checkpoint of another batch, which is truly signed, in the place of this one's."""
    other = cursor + chance.choice([-1, 1]) * BATCH
    if not 0 < other < len(lines) - len(lines) // BATCH - 2:
        other = 2 * BATCH if cursor <= BATCH else 1
    text, _ = statement_of(lines, other)
    return checkpoint(lines, cursor, closing_line(Closing(text, is_end=False)))


def repeat_a_checkpoint(lines: Lines, cursor: int, chance: random.Random) -> Tampered:
    first, last = batch_of(cursor)
    index = place(last) + 1
    tampered = [*lines[: index + 1], *lines[index:]]
    return Tampered(tampered, index, first, last)


Kind = Callable[[Lines, int, random.Random], Tampered]
KINDS: list[Kind] = [
    change_user,
    change_address,
    change_data,
    change_type,
    change_time,
    change_cursor,
    change_hash,
    spell_otherwise,
    say_twice,
    damage,
    rechain_the_batch,
    rechain_the_rest,
    drop,
    drop_several,
    drop_a_batch,
    insert,
    duplicate,
    repeat_later,
    swap,
    move,
    blank,
    truncate,
    truncate_and_close,
    alter_a_checkpoint,
    drop_a_checkpoint,
    sign_with_another_key,
    take_another_checkpoint,
    repeat_a_checkpoint,
]
