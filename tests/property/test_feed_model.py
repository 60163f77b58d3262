"""Whatever becomes of the feed on its way, an edge refuses what the log says it should."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edgepass._auth import Claims
from edgepass._connections import Connections
from edgepass._errors import TokenRefused
from edgepass._event_stream import MessageParser
from edgepass._feed import Feed
from edgepass._fixed_keys import FixedKeys
from edgepass._key_set import KeySet
from edgepass._revocations import Revocations
from tests.support.feed import event, hello
from tests.support.issuer import NOW, session_claims
from tests.support.standards import FULL

LIFETIME, LEEWAY = 60, 5
SESSIONS = {"sess_1": "user_1", "sess_2": "user_1", "sess_3": "user_2", "sess_4": "user_3"}
USERS = sorted(set(SESSIONS.values()))


@dataclass(frozen=True)
class Entry:
    """One event of the log, and what edges are told of it."""

    cursor: int
    kind: str
    name: str
    at: float
    lives_for: float = LIFETIME

    @property
    def until(self) -> float:
        return self.at + self.lives_for + LEEWAY

    def message(self) -> bytes:
        data: dict[str, Any] = {"at": self.at}
        if self.kind in ("session", "client"):
            member = {"session_id": self.name, "user_id": SESSIONS[self.name]}
            if self.lives_for > LIFETIME:
                member["tokens_until"] = self.at + self.lives_for
            data |= {"sessions": [member]} if self.kind == "client" else member
        elif self.kind == "claims" and self.name in SESSIONS:
            data["session_id"] = self.name
        elif self.kind in ("user", "claims"):
            data["user_id"] = self.name
        return event(self.kind, data, self.cursor)

    def code(self, claims: Claims) -> str:
        """Say what this entry alone makes of a token."""
        if self.kind in ("session", "client"):
            return "session_revoked" if claims.session_id == self.name else ""
        if self.kind == "user":
            is_hit = claims.user_id == self.name and claims.issued_at <= self.at
            return "session_revoked" if is_hit else ""
        is_hit = self.name in (claims.session_id, claims.user_id)
        is_old = claims.originally_issued_at <= self.at
        return "claims_stale" if self.kind == "claims" and is_hit and is_old else ""


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    """Draw a log whose times mostly grow; other things that happen take cursors too."""
    entries, cursor, at = [], 0, float(NOW)
    for _ in range(draw(st.integers(1, 25))):
        cursor += draw(st.integers(1, 3))
        at += draw(st.sampled_from([0, 0.25, 1, 7, 30, -0.5]))
        kind = draw(st.sampled_from(["session", "session", "client", "user", "claims", "other"]))
        names = {"user": USERS, "claims": [*SESSIONS, *USERS]}.get(kind, list(SESSIONS))
        lives_for = draw(st.sampled_from([LIFETIME, LIFETIME, 200]))
        takes_long = kind in ("session", "client")
        entries.append(
            Entry(
                cursor,
                kind,
                draw(st.sampled_from(names)),
                at,
                lives_for if takes_long else LIFETIME,
            )
        )
    return entries


@dataclass
class Edge:
    """An edge, and the bytes of connections that it has had."""

    maximum: int
    revocations: Revocations = field(init=False)
    feed: Feed = field(init=False)

    def __post_init__(self) -> None:
        self.revocations = Revocations(self.maximum)
        keys = FixedKeys(KeySet([]), lambda: None)
        self.feed = Feed(self.revocations, Connections(), keys, leeway=LEEWAY, longest_lifetime=300)

    def hear(self, text: bytes, now: float) -> None:
        for message in MessageParser().parse(text):
            self.feed.apply(message, now)

    def code(self, claims: Claims) -> str:
        try:
            self.revocations.validate(claims)
        except TokenRefused as refused:
            return refused.code
        return ""


def told(entries: list[Entry], resumed: bool) -> list[bytes]:
    """Return what a sidecar sends at a connection, in pieces that may change their places."""
    return [hello(resumed, LIFETIME), *(entry.message() for entry in entries)]


def deliver(data: st.DataObject, edge: Edge, log: list[Entry], pruned: int) -> float:
    """Send `log` over several connections, each with faults of its own; return the time at the end.

    The edge hears of an event when it has happened or later; 10 minutes may pass
    without it, and the log may have lost its first `pruned` events meanwhile.
    """
    draw, now, late = data.draw, float(NOW), list[bytes]()
    for _ in range(draw(st.integers(1, 4), label="connections")):
        written = log[: draw(st.integers(0, len(log)), label="written")]
        now = max([now, *(entry.at for entry in written)])
        now += draw(st.sampled_from([0.0, 0.5, 20.0, 600.0]), label="absence")
        connect(data, edge, written, now, pruned=pruned, late=late, is_cut=True)
    now = max([now, *(entry.at for entry in log)])
    connect(data, edge, log, now, pruned=pruned, late=late, is_cut=False)
    for message in late:
        edge.hear(message, now)
    return now


def connect(
    data: st.DataObject,
    edge: Edge,
    written: list[Entry],
    now: float,
    *,
    pruned: int,
    late: list[bytes],
    is_cut: bool,
) -> None:
    draw, cursor = data.draw, edge.feed.cursor
    newest = written[-1].cursor if written else 0
    # Only what no living token can run into is ever pruned.
    alive = (entry.cursor for entry in written if entry.until > now)
    pruned = min(pruned, newest, next(alive, newest + 1) - 1)
    kept = [entry for entry in written if entry.cursor > pruned]
    resumed = cursor is not None and pruned <= cursor <= newest
    missed = [entry for entry in kept if entry.cursor > cursor] if resumed else kept
    if not resumed:
        # A snapshot: the sidecar leaves out what no token can run into.
        missed = [entry for entry in missed if entry.until + 55 > now]
    first, *messages = told(missed, resumed)
    messages = draw(st.permutations(messages), label="reordered")
    messages += draw(st.lists(st.sampled_from(messages), max_size=4)) if messages else []
    messages += draw(st.lists(st.sampled_from(late), max_size=4)) if late else []
    late.extend(messages[:3])
    text = first + b"".join(messages) + event("caught_up", {}, newest)
    if is_cut:
        text = text[: draw(st.integers(0, len(text)), label="cut")]
    edge.hear(text, now)
    edge.feed.lose()


def tokens(log: list[Entry], now: float) -> list[Claims]:
    """Return the tokens that may be alive at `now`, around every time that matters."""
    moments = {float(NOW), *(entry.at + step for entry in log for step in (-1, 0, 1))}
    issued = sorted(at for at in moments if now - LIFETIME - LEEWAY < at <= now + LEEWAY)
    return [
        Claims(session_claims(at, sid=session, sub=user, iat=at), gathered)
        for session, user in SESSIONS.items()
        for at in issued
        for gathered in (None, at - 8)
    ]


def verdict(log: list[Entry], claims: Claims, now: float) -> str:
    """Say what the log alone makes of a token."""
    alive = [entry for entry in log if entry.until > now]
    codes = {entry.code(claims) for entry in alive}
    return next((code for code in ("session_revoked", "claims_stale") if code in codes), "")


def is_minted_in_time(log: list[Entry], claims: Claims) -> bool:
    """Whether a sidecar could have minted it: not for a session that was over by then."""
    ends = [e.at for e in log if e.kind in ("session", "client") and e.name == claims.session_id]
    return all(claims.issued_at <= end for end in ends)


def times(data: st.DataObject, log: list[Entry], now: float) -> list[float]:
    ends = sorted({entry.until + step for entry in log for step in (-0.5, 0.0, 0.5)})
    return sorted({now, *data.draw(st.lists(st.sampled_from(ends), max_size=3), label="later")})


MANY = settings(max_examples=1_000 if FULL else 40)


@MANY
@given(st.data(), logs())
def test_the_edge_says_of_every_token_what_the_log_says(
    data: st.DataObject, log: list[Entry]
) -> None:
    edge = Edge(1_000)
    now = deliver(data, edge, log, pruned=0)
    for at in times(data, log, now):
        if at < now:
            continue
        edge.feed.apply(MessageParser().parse(event("heartbeat"))[0], at)
        for claims in tokens(log, at):
            assert is_right(edge.code(claims), log, claims, at)


def is_right(code: str, log: list[Entry], claims: Claims, now: float) -> bool:
    expected = verdict(log, claims, now)
    if code == expected:
        return True
    # An entry may be held for a little longer, where it speaks of what it always spoke of.
    return expected == "" and code == verdict_of_all(log, claims)


def verdict_of_all(log: list[Entry], claims: Claims) -> str:
    codes = {entry.code(claims) for entry in log}
    return next((code for code in ("session_revoked", "claims_stale") if code in codes), "")


@MANY
@given(st.data(), logs(), st.integers(0, 2), st.integers(0, 20))
def test_with_hardly_any_room_nothing_is_accepted_that_the_log_refuses(
    data: st.DataObject, log: list[Entry], maximum: int, pruned: int
) -> None:
    edge = Edge(maximum)
    now = deliver(data, edge, log, pruned=pruned)
    latest = max(entry.at for entry in log)
    for at in times(data, log, now):
        if at < now:
            continue
        edge.feed.apply(MessageParser().parse(event("heartbeat"))[0], at)
        assert len(edge.revocations) <= 3 * maximum
        for claims in tokens(log, at):
            if not is_minted_in_time(log, claims):
                continue
            code = edge.code(claims)
            if verdict(log, claims, at):
                assert code
            elif code and not verdict_of_all(log, claims):
                assert min(claims.issued_at, claims.originally_issued_at) <= latest
