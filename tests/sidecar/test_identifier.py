"""Identifiers: their shape, their bucket, their 128 random bits."""

import re
import secrets

import pytest

from edgepass_sidecar.identifier import (
    BUCKETS,
    bucket,
    client_id,
    is_user_id,
    random_text,
    session_id,
    ticket_id,
    user_id,
)


def test_each_kind_of_identifier_has_its_prefix_and_length() -> None:
    client = client_id(secrets.token_bytes(18))
    shapes = {
        client: r"client_[0-9A-Za-z]{25}",
        session_id(client, secrets.token_bytes(16)): r"sess_[0-9A-Za-z]{25}",
        user_id(secrets.token_bytes(16)): r"user_[0-9A-Za-z]{22}",
        ticket_id(secrets.token_bytes(16)): r"sit_[0-9A-Za-z]{22}",
    }
    for identifier, shape in shapes.items():
        assert re.fullmatch(shape, identifier)


@pytest.mark.parametrize("number", [0, 1, 61, 62, 3843, 3844, BUCKETS - 1])
def test_a_client_and_its_sessions_are_in_one_bucket(number: int) -> None:
    client = client_id(number.to_bytes(2) + bytes(16))
    assert bucket(client) == number
    assert bucket(session_id(client, b"\xff" * 16)) == number


@pytest.mark.parametrize("number", [BUCKETS, BUCKETS + 5, 0xFFFF])
def test_a_bucket_is_12_bits(number: int) -> None:
    assert bucket(client_id(number.to_bytes(2) + bytes(16))) == number % BUCKETS


def test_all_128_random_bits_are_in_the_text() -> None:
    texts = {random_text((1 << bit).to_bytes(16)) for bit in range(128)}
    assert len(texts | {random_text(bytes(16)), random_text(b"\xff" * 16)}) == 130


def test_the_order_of_random_bytes_is_the_order_of_texts() -> None:
    values = sorted(secrets.token_bytes(16) for _ in range(200))
    texts = [random_text(value) for value in values]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {22}


@pytest.mark.parametrize("text", ["1", "user_2a", "auth0|5f", "a@b.example", "x" * 128, "~-+:|"])
def test_an_app_may_use_its_own_user_ids(text: str) -> None:
    assert is_user_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 129,
        "a b",
        "a/b",
        "a\n",
        "\nA",
        "ä",
        "a\x00",
        "a%2f",
        "a?b",
        "a#b",
        "<a>",
        '"',
        "٣",
    ],
)
def test_a_user_id_that_could_be_mistaken_in_a_path_or_a_log_is_refused(text: str) -> None:
    assert not is_user_id(text)


@pytest.mark.parametrize("text", [".", ".."])
def test_a_user_id_that_a_path_would_resolve_away_is_refused(text: str) -> None:
    assert not is_user_id(text)
