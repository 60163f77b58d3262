"""Server-sent events out of bytes: whole messages, whatever the pieces that they come in."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepass._event_stream import (
    MAXIMUM_MESSAGE_BYTES,
    Message,
    MessageParser,
    MessageTooLong,
)


def parse(*pieces: bytes) -> list[Message]:
    parser = MessageParser()
    return [message for piece in pieces for message in parser.parse(piece)]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (b"", []),
        (b"\n\n\n\n", []),
        (b"data: a", []),
        (b"data: a\n", []),
        (b"data: a\n\n", [Message("message", "", b"a")]),
        (b"data:a\n\n", [Message("message", "", b"a")]),
        (b"data:  a\n\n", [Message("message", "", b" a")]),
        (b"data:\n\n", [Message("message", "", b"")]),
        (b"data\n\n", [Message("message", "", b"")]),
        (b"data: a\ndata: b\n\n", [Message("message", "", b"a\nb")]),
        (b"event: session\nid: 7\ndata: {}\n\n", [Message("session", "7", b"{}")]),
        (b"data: a\r\nid: 1\r\n\r\n", [Message("message", "1", b"a")]),
        (b": a comment\n\n", []),
        (b":\n\ndata: a\n\n", [Message("message", "", b"a")]),
        (b"retry: 10\nunknown: x\ndata: a\n\n", [Message("message", "", b"a")]),
        (b"event: only a name\n\n", []),
        (b"data: a: b\n\n", [Message("message", "", b"a: b")]),
        (b"Data: a\n\n", []),
    ],
)
def test_what_a_stream_says(text: bytes, messages: list[Message]) -> None:
    assert parse(text) == messages


def test_an_id_stays_until_the_next_and_a_kind_does_not() -> None:
    text = b"event: a\nid: 1\ndata: x\n\ndata: y\n\nid: 2\n\ndata: z\n\nid:\ndata: w\n\n"
    assert [(m.kind, m.id) for m in parse(text)] == [
        ("a", "1"),
        ("message", "1"),
        ("message", "2"),
        ("message", ""),
    ]


def test_an_id_with_a_nul_is_none() -> None:
    assert parse(b"id: 1\ndata: x\n\nid: 2\x00\ndata: y\n\n")[1].id == "1"


@pytest.mark.parametrize("field", [b"event", b"id"])
def test_a_name_that_is_no_utf8_is_an_error(field: bytes) -> None:
    parser = MessageParser()
    with pytest.raises(UnicodeDecodeError):
        parser.parse(field + b": \xff\ndata: a\n\n")


def test_data_may_be_any_bytes() -> None:
    assert parse(b"data: \xff\x00\n\n") == [Message("message", "", b"\xff\x00")]


TEXT = (
    b"event: a\r\nid: 1\r\ndata: \xc3\xa9\r\n\r\n:\n\n"
    b"id: 2\ndata: b\ndata: c\n\nevent: d\ndata:\n\n"
)


@pytest.mark.parametrize("at", range(len(TEXT) + 1))
def test_a_cut_at_any_byte_changes_nothing(at: int) -> None:
    assert parse(TEXT[:at], TEXT[at:]) == parse(TEXT)


@given(st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_cuts_at_any_bytes_change_nothing(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(TEXT)]
    pieces = [TEXT[start:end] for start, end in pairwise(ends)]
    assert parse(*pieces) == parse(TEXT)


@pytest.mark.parametrize(("more", "is_refused"), [(-1, False), (0, False), (1, True)])
def test_an_unfinished_message_has_a_greatest_length(more: int, is_refused: bool) -> None:
    parser = MessageParser()
    text = b"data: ".ljust(MAXIMUM_MESSAGE_BYTES + more, b"x")
    parser.parse(text[:1000])
    if not is_refused:
        assert parser.parse(text[1000:]) == []
        return
    with pytest.raises(MessageTooLong):
        parser.parse(text[1000:])
