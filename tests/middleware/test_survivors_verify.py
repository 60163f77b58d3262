"""A token that was verified saves the next one of its key the parsing of a header."""

import pytest

from edgepass import Expectations, KeySet, _key_set, verify
from tests.support.issuer import ISSUER, NOW, jwks, make_key, mint, session_claims, to_json


def test_the_header_of_a_verified_token_is_remembered_with_its_algorithm_and_key() -> None:
    keys = KeySet.from_jwks(jwks(make_key()))
    token = mint()
    verify(token, keys, Expectations(ISSUER), NOW)
    (segment,) = keys._headers
    assert segment == token.partition(b".")[0]
    algorithm, key, _ = keys.recall(segment)
    assert (algorithm, key.key_id) == ("RS256", "key-1")


def test_what_is_recalled_of_a_header_is_all_but_its_time() -> None:
    issuer = make_key()
    keys = KeySet.from_jwks(jwks(issuer))
    for second in (0, 1, 7):
        header = issuer.header(oiat=NOW - second)
        token = issuer.sign(header, to_json(session_claims()))
        claims = verify(token, keys, Expectations(ISSUER), NOW)
        assert claims.originally_issued_at == NOW - second
        assert len(keys._headers) == 1


def test_the_header_of_another_second_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = make_key()
    keys = KeySet.from_jwks(jwks(issuer))
    tokens = [
        issuer.sign(issuer.header(oiat=NOW - second), to_json(session_claims()))
        for second in (0, 1)
    ]
    verify(tokens[0], keys, Expectations(ISSUER), NOW)
    parsed: list[bytes] = []
    monkeypatch.setattr(_key_set, "parse_header", parsed.append)
    assert verify(tokens[1], keys, Expectations(ISSUER), NOW).originally_issued_at == NOW - 1
    assert parsed == []
