"""A token that was verified saves the next one of its key and second the parsing of a header."""

from edgepass import Expectations, KeySet, verify
from tests.support.issuer import ISSUER, NOW, jwks, make_key, mint


def test_the_header_of_a_verified_token_is_remembered_with_its_algorithm_and_key() -> None:
    keys = KeySet.from_jwks(jwks(make_key()))
    token = mint()
    verify(token, keys, Expectations(ISSUER), NOW)
    (segment,) = keys._headers
    assert segment == token.partition(b".")[0]
    header, key = keys.resolve(segment)
    assert (header.algorithm, key.key_id) == ("RS256", "key-1")
