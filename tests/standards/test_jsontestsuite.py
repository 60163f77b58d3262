"""JSONTestSuite's documents in a header and in a payload that are signed, alone and as a member."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgepass import Expectations, KeySet, TokenRefused, verify
from edgepass._json import parse_object
from edgepass._signatures import Backend
from tests.support.standards import count, declared_codes, vectors_folder
from tests.vectors.making.tools import ISSUER, NOW, OKP, PAYLOAD, claims

EXPECTED = Expectations(ISSUER, maximum_token_bytes=1_000_000)
ACCEPTED = "accepted"
MALFORMED = "token_malformed"
UNIQUE = "names are unique (RFC 7493 section 2.3)"
# What JSON allows and a session token must not hold.
REFUSED_ALL_THE_SAME = {
    "y_object_duplicated_key.json": UNIQUE,
    "y_object_duplicated_key_and_value.json": UNIQUE,
}


def header_alone(document: bytes) -> bytes:
    return OKP.sign(document)


def payload_alone(document: bytes) -> bytes:
    return OKP.sign(OKP.header(), document)


def header_member(document: bytes) -> bytes:
    return OKP.sign(OKP.header()[:-1] + b',"x":' + document + b"}")


def payload_member(document: bytes) -> bytes:
    return OKP.sign(OKP.header(), PAYLOAD[:-1] + b',"x":' + document + b"}")


Wrap = Callable[[bytes], bytes]
WRAPS: list[Wrap] = [header_alone, payload_alone, header_member, payload_member]
MEMBERS: list[Wrap] = [header_member, payload_member]


@pytest.fixture
def keys(backend: Backend) -> KeySet:
    return KeySet.from_jwks({"keys": [OKP.jwk()]}, backend=backend)


def documents(folder: str, prefix: str) -> list[Path]:
    return sorted((vectors_folder() / "jsontestsuite" / folder).glob(f"{prefix}*.json"))


def verdicts(
    backend: Backend, keys: KeySet, paths: list[Path], wraps: list[Wrap]
) -> Iterator[tuple[Path, Wrap, str]]:
    for path in paths:
        document = path.read_bytes()
        for wrap in wraps:
            count("JSONTestSuite, in signed tokens", backend.name, 1)
            try:
                verify(wrap(document), keys, EXPECTED, NOW)
            except TokenRefused as refusal:
                yield path, wrap, refusal.code
            else:
                yield path, wrap, ACCEPTED


def test_what_is_no_json_is_malformed_wherever_it_stands(backend: Backend, keys: KeySet) -> None:
    paths = documents("test_parsing", "n_")
    assert len(paths) == 188
    wrong = [
        (path.name, wrap.__name__, given)
        for path, wrap, given in verdicts(backend, keys, paths, WRAPS)
        if given != MALFORMED
    ]
    assert wrong == []


def test_what_is_json_is_accepted_as_a_member_unless_a_reason_is_written_down(
    backend: Backend, keys: KeySet
) -> None:
    paths = documents("test_parsing", "y_")
    assert len(paths) == 95
    wrong = [
        (path.name, wrap.__name__, given)
        for path, wrap, given in verdicts(backend, keys, paths, MEMBERS)
        if given != (MALFORMED if path.name in REFUSED_ALL_THE_SAME else ACCEPTED)
    ]
    assert wrong == []


def test_what_is_json_but_no_claims_is_refused_for_that(backend: Backend, keys: KeySet) -> None:
    paths = documents("test_parsing", "y_")
    for path, _, given in verdicts(backend, keys, paths, [payload_alone]):
        document = json.loads(path.read_text("utf-8"))
        strict = isinstance(document, dict) and path.name not in REFUSED_ALL_THE_SAME
        assert given == ("claim_missing" if strict else MALFORMED), path.name
    for path, _, given in verdicts(backend, keys, paths, [header_alone]):
        assert given == MALFORMED, path.name


def test_a_member_comes_out_as_the_standard_parser_reads_it() -> None:
    for path in documents("test_parsing", "y_"):
        if path.name not in REFUSED_ALL_THE_SAME:
            document = path.read_text("utf-8")
            parsed = parse_object(b'{"x":' + document.encode() + b"}")["x"]
            assert parsed == json.loads(document), path.name


@pytest.mark.parametrize(
    ("folder", "prefix", "total"), [("test_parsing", "i_", 35), ("test_transform", "", 22)]
)
def test_what_json_leaves_open_gets_a_declared_verdict(
    folder: str, prefix: str, total: int, backend: Backend, keys: KeySet
) -> None:
    paths = documents(folder, prefix)
    assert len(paths) == total
    for path, _, given in verdicts(backend, keys, paths, WRAPS):
        assert given in {ACCEPTED, *declared_codes()}, path.name


def test_no_document_is_an_exception_as_a_key_set(backend: Backend) -> None:
    for path in documents("test_parsing", ""):
        document = path.read_bytes()
        for wrapped in (document, b'{"keys":' + document + b"}", b'{"keys":[' + document + b"]}"):
            count("JSONTestSuite, as a key set", backend.name, 1)
            assert usable_keys(wrapped, backend) in (0, "key_set_refused"), path.name


def usable_keys(document: bytes, backend: Backend) -> int | str:
    try:
        return len(KeySet.from_jwks(document, backend=backend))
    except TokenRefused as refusal:
        return refusal.code


def test_the_payload_that_carries_the_documents_is_accepted_without_them(keys: KeySet) -> None:
    assert verify(OKP.mint(), keys, EXPECTED, NOW).payload == claims()
