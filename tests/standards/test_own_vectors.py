"""Every file of tests/vectors gets the verdict that it names, from both backends."""

import base64
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from edgepass import Claims, Expectations, KeySet, TokenRefused, verify
from edgepass._signatures import STANDARD_LIBRARY, Backend, find_cryptography
from tests.support.standards import count, declared_codes
from tests.vectors.generate import committed, files
from tests.vectors.making.tools import ISSUER, ROOT

PATHS = sorted(path for path in committed() if path.parent.name != "keys")
FEWEST = 250
ALLOWED = {
    *("name", "comment", "now", "code", "claims", "expectations", "keys", "keys_text"),
    *("keys_base64", "token", "token_base64", "token_repeated"),
}


@cache
def shared_keys(name: str, backend_name: str) -> KeySet:
    backends = {found.name: found for found in (STANDARD_LIBRARY, find_cryptography()) if found}
    document = json.loads((ROOT / "keys" / f"{name}.json").read_text("ascii"))
    return KeySet.from_jwks(document, backend=backends[backend_name])


def keys_of(vector: dict[str, Any], backend: Backend) -> KeySet:
    if "keys_text" in vector:
        return KeySet.from_jwks(vector["keys_text"].encode("ascii"), backend=backend)
    if "keys_base64" in vector:
        return KeySet.from_jwks(base64.b64decode(vector["keys_base64"]), backend=backend)
    if isinstance(vector["keys"], str):
        return shared_keys(vector["keys"], backend.name)
    return KeySet.from_jwks(vector["keys"], backend=backend)


def spellings_of(vector: dict[str, Any]) -> list[str | bytes]:
    """Return the token as text and as bytes, as far as it can be both."""
    if "token_base64" in vector:
        return [base64.b64decode(vector["token_base64"])]
    if "token_repeated" in vector:
        repeated = vector["token_repeated"]
        token = repeated["text"] * repeated["times"]
    else:
        token = vector["token"]
    return [token, token.encode("ascii")] if token.isascii() else [token]


def verdicts(vector: dict[str, Any], backend: Backend) -> Iterator[str | Claims]:
    """Yield what `verify` says of each spelling of the token: claims, or a refusal's code."""
    expected = Expectations(**{"issuer": ISSUER, **vector.get("expectations", {})})
    try:
        keys = keys_of(vector, backend)
    except TokenRefused as refusal:
        yield refusal.code
        return
    for token in spellings_of(vector):
        try:
            yield verify(token, keys, expected, vector["now"])
        except TokenRefused as refusal:
            yield refusal.code


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_vector_gets_the_verdict_that_it_names(path: Path, backend: Backend) -> None:
    vector = json.loads(path.read_text("ascii"))
    count("our own vectors, one file each", backend.name, 1)
    for given in verdicts(vector, backend):
        if "code" in vector:
            assert given == vector["code"]
        else:
            assert isinstance(given, Claims)
            assert given.payload == vector["claims"]


def test_whatever_the_keys_and_the_clock_no_vector_raises_anything_but_a_refusal(
    backend: Backend,
) -> None:
    codes = declared_codes()
    for path in PATHS:
        vector = json.loads(path.read_text("ascii"))
        elsewhere = {**vector, "keys": "without-alg-and-use", "now": math.nan}
        elsewhere = {name: value for name, value in elsewhere.items() if name[:5] != "keys_"}
        assert codes.issuperset(verdicts(elsewhere, backend))


def test_a_vector_says_where_it_comes_from_and_what_is_expected() -> None:
    codes = declared_codes()
    for path in PATHS:
        vector = json.loads(path.read_text("ascii"))
        assert vector["name"] == f"{path.parent.name}/{path.stem}"
        assert vector["comment"]
        assert vector.keys() <= ALLOWED
        assert ("code" in vector) != ("claims" in vector)
        assert vector.get("code") is None or vector["code"] in codes


def test_there_are_at_least_250_vectors_and_most_of_them_are_refused() -> None:
    vectors = [json.loads(path.read_text("ascii")) for path in PATHS]
    assert len(vectors) >= FEWEST
    assert sum("code" in vector for vector in vectors) >= FEWEST
    assert sum("claims" in vector for vector in vectors) >= FEWEST // 5


def test_every_code_that_a_token_or_a_key_set_can_get_has_a_vector() -> None:
    codes = {json.loads(path.read_text("ascii")).get("code") for path in PATHS}
    # These are about requests, sessions and fetches, which no token decides.
    elsewhere = {
        *("credential_refused", "authorization_repeated", "authorization_malformed"),
        *("cookie_repeated", "cookie_too_large", "session_pending", "keys_unavailable"),
        # These come from the revocation feed, not from the token.
        *("session_revoked", "claims_stale", "session_mismatch", "revocations_stale"),
    }
    assert declared_codes() - elsewhere == codes - {None}


def test_the_generator_makes_exactly_the_files_that_are_committed() -> None:
    made = files()
    assert {str(path.relative_to(ROOT)) for path in committed()} == set(made)
    differing = [name for name, text in made.items() if (ROOT / name).read_text("ascii") != text]
    assert differing == []


def test_the_private_keys_say_that_they_are_thrown_away() -> None:
    for path in (ROOT / "keys").glob("*.throw-away.json"):
        assert json.loads(path.read_text("ascii"))["comment"].startswith("THROW-AWAY TEST KEY.")
