"""What each message of the feed does: by kind, for as long as it matters, in whatever order."""

from contextlib import suppress

import pytest

from edgepass import KeySet, SignedIn
from edgepass._asgi import Message as Sent
from edgepass._auth import Claims
from edgepass._connections import Connection, Connections, HttpConnection
from edgepass._errors import TokenRefused
from edgepass._event_stream import Message
from edgepass._feed import KEY_WITHDRAWN, LOG_LOST, Feed, FeedBroken
from edgepass._fixed_keys import FixedKeys
from edgepass._revocations import Revocations
from edgepass._signatures import STANDARD_LIBRARY
from tests.support.issuer import NOW, jwks, make_key, session_claims, to_json


class Keys:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def accept_keys(self, keys: KeySet) -> None:
        self.told.append(keys)

    def withdraw_key(self, key_id: str) -> bool:
        is_new = key_id not in self.told
        self.told.append(key_id)
        return is_new


class Edge:
    """A feed and all that it changes."""

    def __init__(self) -> None:
        self.revocations = Revocations()
        self.connections = Connections()
        self.keys = Keys()
        self.feed = Feed(
            self.revocations, self.connections, self.keys, leeway=5, longest_lifetime=300
        )

    def tell(self, kind: str, data: object = None, cursor: object = "", now: float = NOW) -> None:
        text = data if isinstance(data, bytes) else to_json({} if data is None else data)
        self.feed.apply(Message(kind, str(cursor), text), now)

    def greet(self, *, resumed: bool = False, lifetime: object = 60) -> None:
        self.tell("hello", {"token_lifetime": lifetime, "resumed": resumed})

    def code(self, session: str = "sess_1", user: str = "user_1", issued_at: float = NOW) -> str:
        claims = Claims(session_claims(issued_at, sid=session, sub=user, iat=issued_at))
        try:
            self.revocations.validate(claims)
        except TokenRefused as refused:
            return refused.code
        return ""

    def connect(self, **claims: object) -> Connection:
        """Begin a streaming response, which shows by `ended_by` what ended it."""

        async def nothing(_: Sent | None = None) -> Sent:
            return {}

        signed_in = SignedIn(Claims(session_claims(**claims)), 1)
        connection = HttpConnection(nothing, nothing, signed_in, self.connections)
        start = {"type": "http.response.start", "headers": []}
        for message in (start, {"type": "http.response.body", "more_body": True}):
            with suppress(StopIteration):  # as soon as it is awaited, it is sent
                connection.send(message).send(None)
        return connection


@pytest.fixture
def edge() -> Edge:
    return Edge()


def session(name: str = "sess_1", at: float = NOW, **more: object) -> dict[str, object]:
    return {"session_id": name, "user_id": "user_1", "at": at, **more}


async def test_a_session_is_refused_and_its_connections_end(edge: Edge) -> None:
    mine, other = edge.connect(sid="sess_1"), edge.connect(sid="sess_2")
    edge.tell("session", session(), 7)
    assert (edge.code(), edge.code("sess_2")) == ("session_revoked", "")
    assert (mine.ended_by, other.ended_by) == ("session_revoked", None)


async def test_all_sessions_of_a_client_end_at_once(edge: Edge) -> None:
    sessions = [
        {"session_id": "sess_1", "user_id": "user_1"},
        {"session_id": "sess_2", "user_id": "user_2", "tokens_until": NOW + 200},
    ]
    connection = edge.connect(sid="sess_2")
    edge.greet()
    edge.tell("client", {"client_id": "client_1", "sessions": sessions, "at": NOW}, 8)
    assert edge.code("sess_1") == edge.code("sess_2", "user_2") == "session_revoked"
    assert connection.ended_by == "session_revoked"
    edge.tell("heartbeat", now=NOW + 66)
    assert (edge.code("sess_1"), edge.code("sess_2", "user_2")) == ("", "session_revoked")


async def test_a_user_is_signed_out_with_what_began_before(edge: Edge) -> None:
    before, after = edge.connect(sid="sess_1", now=NOW), edge.connect(sid="sess_1", now=NOW + 1)
    stranger = edge.connect(sid="sess_9", sub="user_9", now=NOW)
    edge.tell("user", {"user_id": "user_1", "at": NOW + 0.5}, 9)
    assert edge.code(issued_at=NOW) == "session_revoked"
    assert edge.code(issued_at=NOW + 1) == ""
    ended = [each.ended_by for each in (before, after, stranger)]
    assert ended == ["session_revoked", None, None]


async def test_changed_claims_end_no_connection(edge: Edge) -> None:
    connection = edge.connect()
    edge.tell("claims", {"user_id": "user_1", "at": NOW}, 1)
    edge.tell("claims", {"session_id": "sess_2", "at": NOW}, 2)
    assert edge.code() == edge.code("sess_2", "user_2") == "claims_stale"
    assert connection.ended_by is None


async def test_a_withdrawn_key_ends_every_connection(edge: Edge) -> None:
    connections = [edge.connect(sid="sess_1"), edge.connect(sid="sess_2", sub="user_2")]
    edge.tell("key", {"key_id": "key-1"}, 3)
    assert edge.keys.told == ["key-1"]
    assert {each.ended_by for each in connections} == {KEY_WITHDRAWN}
    later = edge.connect(sid="sess_3")
    edge.tell("key", {"key_id": "key-1"}, 3)
    assert later.ended_by is None


@pytest.mark.parametrize(("seconds", "ended_by"), [(61, LOG_LOST), (60, None), (0, None)])
async def test_a_first_snapshot_ends_what_may_have_ended_before_all_it_tells(
    edge: Edge, seconds: float, ended_by: str | None
) -> None:
    connection = edge.connect(now=NOW - seconds)
    edge.greet()
    assert connection.ended_by == ended_by


async def test_the_longest_token_lifetime_that_was_heard_counts(edge: Edge) -> None:
    for lifetime in (120, 30):
        edge.greet(resumed=True, lifetime=lifetime)
    edge.tell("session", {"session_id": "sess_1", "user_id": "user_1", "at": NOW}, 1)
    edge.tell("heartbeat", cursor=2, now=NOW + 124)
    assert edge.code() == "session_revoked"


async def test_an_event_that_names_nobody_any_more_ends_every_connection(edge: Edge) -> None:
    connection = edge.connect()
    edge.tell("erased", {}, 3)
    assert (connection.ended_by, len(edge.revocations)) == (LOG_LOST, 0)


def test_the_newest_key_set_is_the_one_that_holds(edge: Edge) -> None:
    older, newer = KeySet.from_jwks(jwks()), KeySet.from_jwks(jwks(make_key("ES256", "key-3")))
    edge.feed.accept_keys(newer, "9")
    edge.feed.accept_keys(older, "8")
    edge.feed.accept_keys(newer, "9")
    assert edge.keys.told == [newer, newer]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1" * 20, "\u0661"])
def test_a_key_set_needs_a_cursor(edge: Edge, cursor: str) -> None:
    with pytest.raises(FeedBroken, match="keys"):
        edge.feed.accept_keys(KeySet([]), cursor)
    assert edge.keys.told == []


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("session", session(at=NOW - 65)),
        ("user", {"user_id": "user_1", "at": NOW - 65}),
        ("claims", {"user_id": "user_1", "at": NOW - 65}),
    ],
)
async def test_what_no_living_token_can_run_into_is_not_held(edge: Edge, kind, data) -> None:
    edge.greet()
    old = edge.connect(now=NOW - 70)
    edge.tell(kind, data, 1)
    assert len(edge.revocations) == 0
    edge.tell(kind, {**data, "at": NOW - 64.9}, 1)
    assert len(edge.revocations) == 1
    # A connection outlives its token, and so does what ends it.
    assert old.ended_by == (None if kind == "claims" else "session_revoked")


@pytest.mark.parametrize(
    ("lifetime", "tokens_until", "held_for"),
    [
        (60, None, 65),
        (60, 0, 65),
        (60, 200, 205),
        (60, 30, 65),
        (60, 10_000, 305),
        (10_000, None, 305),
        (None, None, 305),
        (0.5, None, 5.5),
    ],
)
def test_an_entry_lives_as_long_as_a_token_and_the_leeway(
    edge: Edge, lifetime, tokens_until, held_for
) -> None:
    if lifetime is not None:
        edge.greet(lifetime=lifetime)
    more = {} if tokens_until is None else {"tokens_until": NOW + tokens_until}
    edge.tell("session", session(**more), 1)
    edge.tell("heartbeat", cursor=2, now=NOW + held_for - 0.2)
    assert len(edge.revocations) == 1
    edge.tell("heartbeat", cursor=2, now=NOW + held_for)
    assert len(edge.revocations) == 0


def test_only_what_says_that_all_was_sent_moves_the_cursor(edge: Edge) -> None:
    edge.greet()
    edge.tell("session", session(), 7)
    edge.tell("of the future", cursor=8)
    assert edge.feed.cursor is None
    edge.tell("caught_up", cursor=7)
    edge.tell("session", session("sess_2"), 9)
    assert edge.feed.cursor == 7
    edge.tell("heartbeat", cursor=9)
    edge.tell("heartbeat", cursor=8)
    edge.tell("heartbeat")
    assert edge.feed.cursor == 9


def test_it_is_caught_up_from_the_message_that_says_so_to_the_loss(edge: Edge) -> None:
    edge.greet()
    edge.tell("session", session(), 7)
    assert not edge.feed.is_caught_up
    edge.tell("caught_up", cursor=7)
    assert edge.feed.is_caught_up
    edge.feed.lose()
    edge.tell("heartbeat", cursor=8)
    assert not edge.feed.is_caught_up


async def test_a_first_snapshot_ends_nothing_by_itself(edge: Edge) -> None:
    connection = edge.connect()
    edge.greet(resumed=False)
    assert connection.ended_by is None


async def test_a_log_that_cannot_be_resumed_ends_what_is_under_way(edge: Edge) -> None:
    connection = edge.connect()
    edge.tell("caught_up", cursor=7)
    edge.feed.accept_keys(KeySet([]), "7")
    edge.greet(resumed=True)
    assert (connection.ended_by, edge.feed.cursor) == (None, 7)
    edge.greet(resumed=False)
    assert (connection.ended_by, edge.feed.cursor) == (LOG_LOST, None)
    edge.feed.accept_keys(KeySet([]), "1")
    edge.tell("caught_up", cursor=1)
    assert (len(edge.keys.told), edge.feed.cursor) == (2, 1)


@pytest.mark.parametrize("kind", ["of the future", "message", "heartbeat", ""])
def test_a_kind_that_is_not_known_changes_nothing(edge: Edge, kind: str) -> None:
    edge.tell(kind, b"not even JSON" if kind != "heartbeat" else b"{}")
    assert (len(edge.revocations), edge.feed.cursor, edge.feed.is_caught_up) == (0, None, False)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("hello", {}),
        ("hello", {"token_lifetime": "60", "resumed": True}),
        ("hello", {"token_lifetime": True, "resumed": True}),
        ("hello", {"token_lifetime": 0, "resumed": True}),
        ("hello", {"token_lifetime": -1, "resumed": True}),
        ("hello", b'{"token_lifetime": NaN, "resumed": true}'),
        ("session", {}),
        ("session", b""),
        ("session", b"[]"),
        ("session", b"{"),
        ("session", b"\xff"),
        ("session", session(name="")),
        ("session", {**session(), "session_id": 7}),
        ("session", {**session(), "user_id": None}),
        ("session", {**session(), "at": "now"}),
        ("session", {**session(), "at": None}),
        ("session", {**session(), "tokens_until": "later"}),
        ("client", {}),
        ("client", {"sessions": {}, "at": NOW}),
        ("client", {"sessions": ["sess_1"], "at": NOW}),
        ("client", {"sessions": [7], "at": NOW}),
        ("client", {"sessions": [{"session_id": "sess_1"}], "at": NOW}),
        ("user", {"at": NOW}),
        ("user", {"user_id": "user_1"}),
        ("claims", {"at": NOW}),
        ("claims", {"user_id": "user_1"}),
        ("key", {}),
        ("key", {"key_id": ""}),
    ],
)
def test_a_message_that_no_sidecar_sends_breaks_the_feed(edge: Edge, kind: str, data) -> None:
    with pytest.raises(FeedBroken, match=kind):
        edge.tell(kind, data, 5)
    assert (len(edge.revocations), edge.feed.cursor) == (0, None)


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "1" * 20, " 1", "\u0661"])
def test_a_cursor_that_is_none_breaks_the_feed(edge: Edge, cursor: str) -> None:
    with pytest.raises(FeedBroken):
        edge.tell("heartbeat", cursor=cursor)


def test_an_error_repeats_nothing_but_the_start_of_a_kind(edge: Edge) -> None:
    edge.feed._rules["s" * 500] = edge.feed._session
    with pytest.raises(FeedBroken) as broken:
        edge.tell("s" * 500, {"session_id": "sess_secret"})
    assert len(str(broken.value)) < 100


def test_fixed_keys_take_nothing_new_and_lose_what_is_withdrawn() -> None:
    changes: list[str] = []
    key = make_key("ES256", "key-3")
    # Without `cryptography`, which is where keys are made ready at the start.
    known = KeySet.from_jwks(jwks(make_key(), key), backend=STANDARD_LIBRARY)
    keys = FixedKeys(known, lambda: changes.append("changed"))
    keys.start()
    keys.accept_keys(KeySet([]))
    assert (len(keys.held_keys()), changes) == (2, [])
    keys.withdraw_key("key-3")
    assert (len(keys.held_keys()), changes) == (1, ["changed"])
    assert "key-3" not in keys.held_keys()


async def test_fixed_keys_are_found_and_there_are_no_newer() -> None:
    keys = FixedKeys(KeySet.from_jwks(jwks()), lambda: None)
    assert await keys.find_keys() is keys.held_keys()
    assert await keys.find_newer_keys(keys.held_keys()) is None
    await keys.stop()
