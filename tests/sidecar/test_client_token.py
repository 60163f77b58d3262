"""The client token: one spelling, no accidental text, and the grace of its predecessor."""

from dataclasses import replace

import pytest

from edgepass_sidecar.client import rotate_token
from edgepass_sidecar.client_token import ClientToken, Recognition, find_client_token, recognise
from tests.support.issuer import NOW
from tests.support.sidecar import CLIENT, make_client

TOKEN = ClientToken(CLIENT, bytes(range(32)))
NEXT = ClientToken(CLIENT, b"n" * 32)
TEXT = TOKEN.reveal()


def test_a_revealed_token_is_found_again() -> None:
    assert find_client_token(TEXT) == TOKEN


def test_a_token_is_cookie_safe_text_of_its_client_and_256_secret_bits() -> None:
    client, _, secret = TEXT.partition(".")
    assert client == CLIENT
    assert bytes.fromhex(secret) == TOKEN.secret
    assert set(TEXT) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        TEXT + "\n",
        " " + TEXT,
        TEXT + "0",
        TEXT[:-1],
        TEXT.upper(),
        TEXT[:-1] + "F",
        TEXT[:-1] + "٣",
        TEXT.replace(".", ".."),
        TEXT.replace("client_", "Client_"),
        TEXT.replace("client_", "sess_"),
        TEXT[1:],
        f'"{TEXT}"',
        f"{TEXT}\x00",
    ],
)
def test_only_the_one_spelling_of_a_token_is_one(text: str) -> None:
    assert find_client_token(text) is None


def test_a_token_shows_its_client_and_never_its_secret() -> None:
    assert CLIENT in repr(TOKEN)
    assert TOKEN.secret.hex() not in repr(TOKEN)
    assert repr(TOKEN.secret) not in repr(TOKEN)


@pytest.mark.parametrize("write", [str, "{}".format, "%s".__mod__])
def test_a_token_is_not_written_by_accident(write) -> None:
    with pytest.raises(TypeError, match="reveal"):
        write(TOKEN)


def test_what_is_stored_of_a_token_is_a_hash() -> None:
    assert len(TOKEN.hash()) == 32
    assert TOKEN.secret not in TOKEN.hash()
    assert TOKEN.hash() != NEXT.hash()


def test_the_current_token_is_recognised_at_any_time() -> None:
    client = make_client(token_hash=TOKEN.hash())
    assert recognise(client, TOKEN, NOW + 1e9) is Recognition.CURRENT


def test_another_token_of_the_same_client_is_unknown() -> None:
    client = make_client(token_hash=TOKEN.hash())
    assert recognise(client, NEXT, NOW) is Recognition.UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "recognition"),
    [
        (0, Recognition.PREVIOUS),
        (9.9, Recognition.PREVIOUS),
        (10, Recognition.STOLEN),
        (10.1, Recognition.STOLEN),
    ],
)
def test_the_previous_token_answers_for_its_grace_and_is_theft_after_it(
    seconds: float, recognition: Recognition
) -> None:
    client, _ = rotate_token(make_client(token_hash=TOKEN.hash()), NEXT.hash(), now=NOW)
    assert recognise(client, TOKEN, NOW + seconds) is recognition
    assert recognise(client, NEXT, NOW + seconds) is Recognition.CURRENT


def test_a_token_before_the_previous_one_is_unknown() -> None:
    client = make_client(token_hash=TOKEN.hash())
    for secret in (NEXT.secret, b"m" * 32):
        successor = replace(NEXT, secret=secret)
        client, _ = rotate_token(client, successor.hash(), now=NOW)
    assert recognise(client, TOKEN, NOW) is Recognition.UNKNOWN
