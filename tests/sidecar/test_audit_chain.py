"""The chain over events and its checkpoints: what they hold, and who takes them for what."""

import json
import random
import string
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from edgepass import Expectations, KeySet, TokenRefused, verify
from edgepass_sidecar.audit.chain import (
    GENESIS,
    SALT_BYTES,
    erase,
    erasure_event,
    is_erasable,
    make_digest,
    ranges_of,
    seal_events,
)
from edgepass_sidecar.audit.checkpoint import (
    TYPE,
    CheckpointKeys,
    Statement,
    WrongCheckpoint,
    sign_statement,
)
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.session_token import encode_token
from tests.support.audit import make_event, public_keys, signing_pair
from tests.support.issuer import NOW

STATEMENT = Statement(
    issuer="https://auth.example.com",
    first=1,
    last=3,
    previous=GENESIS,
    link=sha256(b"link").digest(),
    count=3,
    at=NOW + 0.5,
)


def test_the_chain_is_what_the_documentation_says() -> None:
    # Word for word as in docs/audit.md, with the standard library alone.
    event = Event(
        type="session.ended", at=1800000000.25, user_id=UserId("user_1"), data={"by": "user"}
    )
    (sealed,) = seal_events(GENESIS, [(7, event)], random.Random(1).randbytes)
    salt = random.Random(1).randbytes(16)
    personal = (
        '{"actor_id":null,"client_id":null,"data":{"by":"user"},"ip_address":"",'
        '"session_id":null,"user_agent":"","user_id":"user_1"}'
    )
    digest = sha256(salt + personal.encode()).hexdigest()
    public = f'{{"at":1800000000.25,"cursor":7,"digest":"{digest}","type":"session.ended"}}'
    assert sealed.seal.salt == salt
    assert sealed.seal.digest.hex() == digest
    assert sealed.seal.link == sha256(bytes(32) + public.encode()).digest()


def test_each_event_has_a_salt_of_its_own() -> None:
    event = make_event(1)
    sealed = seal_events(GENESIS, [(1, event), (2, event)], random.Random(1).randbytes)
    salts = {each.seal.salt for each in sealed}
    assert len(salts) == len({each.seal.digest for each in sealed}) == 2
    assert {len(salt or b"") for salt in salts} == {SALT_BYTES}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "x"},
        {"session_id": None},
        {"user_id": "x"},
        {"actor_id": "x"},
        {"ip_address": ""},
        {"user_agent": ""},
        {"data": {"by": "x"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_digest_depends_on_each_part_that_is_personal(changes: dict[str, Any]) -> None:
    event = make_event(1)
    assert make_digest(replace(event, **changes), bytes(16)) != make_digest(event, bytes(16))


def test_an_erased_event_keeps_its_type_and_time_and_nothing_else() -> None:
    event = make_event(1)
    assert erase(event) == Event(type=event.type, at=event.at)


def test_an_erasure_names_cursors_in_ranges_and_nobody() -> None:
    event = erasure_event([5, 1, 2, 9, 3], 10.0)
    assert event == Event(type="user.erased", at=10.0, data={"erased": [[1, 3], [5, 5], [9, 9]]})
    assert ranges_of([]) == []


@pytest.mark.parametrize(
    ("kind", "can_be"),
    [
        ("session.created", True),
        ("client.theft", True),
        ("user.banned", True),
        ("ticket.used", True),
        ("key.published", False),
        ("key.revoked", False),
        ("secret_key.created", False),
        ("template.updated", False),
        ("user.erased", False),
    ],
)
def test_what_administrators_do_is_never_erased(kind: str, can_be: bool) -> None:
    assert is_erasable(kind) is can_be


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_checkpoint_says_what_was_signed(algorithm: str) -> None:
    signer, jwk = signing_pair("checkpoint", algorithm)
    keys = CheckpointKeys({"keys": [jwk]})
    for statement in (STATEMENT, replace(STATEMENT, header=sha256(b"header").digest())):
        assert keys.read(sign_statement(statement, signer)) == statement


def test_no_edge_takes_a_checkpoint_for_a_session_token() -> None:
    signer, jwk = signing_pair("own", "EdDSA")
    keys, expected = KeySet.from_jwks({"keys": [jwk]}), Expectations(issuer=STATEMENT.issuer)
    with pytest.raises(TokenRefused) as refused:
        verify(sign_statement(STATEMENT, signer), keys, expected, now=NOW)
    assert refused.value.code == "token_type_mismatch"


def test_a_session_token_is_no_checkpoint() -> None:
    signer, _ = signing_pair("own")
    token = encode_token({"iss": STATEMENT.issuer, "iat": NOW}, signer)
    with pytest.raises(WrongCheckpoint, match="header"):
        public_keys().read(token)


def signed(payload: object, header: dict[str, Any] | None = None) -> str:
    signer, _ = signing_pair("own")
    header = {"alg": signer.algorithm, "kid": signer.key_id, "typ": TYPE} | (header or {})
    parts = [json.dumps(part).encode() for part in (header, payload)]
    message = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return (message + b"." + urlsafe_b64encode(signer.sign(message)).rstrip(b"=")).decode()


PAYLOAD = {
    "iss": "x",
    "first": 1,
    "last": 1,
    "previous": "0" * 64,
    "link": "0" * 64,
    "count": 1,
    "at": 1,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None},
        {"first": "1"},
        {"first": True},
        {"last": -1},
        {"count": 1.0},
        {"at": "1"},
        {"link": "0" * 63},
        {"link": "A" * 64},
        {"previous": " " * 64},
        {"header": None},
        {"more": 1},
    ],
    ids=str,
)
def test_a_statement_of_another_form_is_refused_although_it_is_signed(
    changes: dict[str, Any],
) -> None:
    assert public_keys().read(signed(PAYLOAD)).count == 1
    with pytest.raises(WrongCheckpoint):
        public_keys().read(signed(PAYLOAD | changes))


@pytest.mark.parametrize(
    "header",
    [{"typ": "JWT"}, {"crit": ["x"]}, {"alg": "none"}, {"alg": "HS256"}, {"kid": 1}, {"kid": "x"}],
    ids=str,
)
def test_a_header_of_another_form_is_refused(header: dict[str, Any]) -> None:
    with pytest.raises(WrongCheckpoint):
        public_keys().read(signed(PAYLOAD, header))


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "é.é.é", "[].[].[]", "x" * 9000, "W10.W10.W10"]
)
def test_a_text_that_is_no_jws_is_refused(text: str) -> None:
    with pytest.raises(WrongCheckpoint):
        public_keys().read(text)


def test_a_signature_has_one_spelling() -> None:
    text = sign_statement(STATEMENT, signing_pair("own")[0])
    last = text[-1]
    # 64 bytes are 85 digits and a third: the last digit has four bits that say nothing.
    for other in string.ascii_letters + string.digits + "-_":
        if other != last:
            with pytest.raises(WrongCheckpoint):
                public_keys().read(text[:-1] + other)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"keys": {}},
        {"keys": [1]},
        {"keys": [{"kty": "RSA"}]},
        {"keys": [{"kid": "k", "kty": "oct", "k": "AAAA", "alg": "HS256"}]},
        {"keys": [{"kid": "k", "kty": "oct", "k": "AAAA", "alg": "RS256"}]},
        {"keys": [{"kid": "k", "kty": "RSA", "n": "AQAB", "e": 1, "alg": "RS256"}]},
        {"keys": [{"kid": "k", "kty": "EC", "crv": "P-256", "x": "A", "y": "A", "alg": "ES256"}]},
        {"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA"}]},
        {"keys": [{"kid": "k", "kty": ["RSA"], "alg": "RS256"}]},
    ],
    ids=str,
)
def test_a_key_set_that_cannot_be_read_is_a_value_error(document: object) -> None:
    with pytest.raises(ValueError, match=r"in it|JWK Set"):
        CheckpointKeys(document)
