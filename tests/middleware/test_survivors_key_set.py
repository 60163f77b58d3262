"""What a key set remembers and widens, and that it says why it left a member out."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from edgepass import KeySet
from edgepass._jwk import VerificationKey
from tests.support.issuer import ABSENT, NOW, base64url, jwks, make_key

KEY = make_key()


@dataclass
class CountedKey:
    """A signature key that verifies nothing and counts how often it was widened."""

    widened: int = 0

    def verify(self, signature: bytes, message: bytes) -> bool:
        return False

    def widen(self) -> Iterator[None]:
        self.widened += 1
        yield


def counted_keys(count: int) -> tuple[KeySet, list[CountedKey]]:
    counted = [CountedKey() for _ in range(count)]
    algorithms = frozenset(("ES256",))
    keys = (VerificationKey(str(n), algorithms, (n,), key) for n, key in enumerate(counted))
    return KeySet(keys), counted


def test_the_first_eight_keys_are_widened_and_no_other() -> None:
    keys, counted = counted_keys(12)
    assert len(list(keys.widen())) == 8
    assert [key.widened for key in counted] == [1] * 8 + [0] * 4


def test_a_member_that_is_left_out_is_named_with_the_reason() -> None:
    keys = KeySet.from_jwks({"keys": [KEY.jwk(), KEY.jwk(kid="k-2", use="enc"), 1]})
    assert keys.left_out == (
        "key 'k-2': its use is not sig",
        "a member of keys is not an object",
    )


def test_a_header_that_is_remembered_is_not_parsed_again() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    resolved = keys.resolve(base64url(KEY.header()))
    segment = base64url(b"no header that could be parsed")
    keys.remember(segment, resolved)
    assert keys.recall(segment) == resolved


@pytest.mark.parametrize("oiat", [1, NOW])
def test_nothing_is_recalled_before_it_is_remembered(oiat: int) -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    segment = base64url(KEY.header(oiat=oiat))
    assert keys.recall(segment) is None
    resolved = keys.resolve(segment)
    assert keys.recall(segment) is None
    keys.remember(segment, resolved)
    assert keys.recall(segment) == resolved
    assert resolved[2] == oiat


def test_a_header_of_another_second_is_recalled_with_its_own_time() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    one, other = (base64url(KEY.header(oiat=NOW + second)) for second in (0, 1))
    keys.remember(one, keys.resolve(one))
    recalled = keys.recall(other)
    assert recalled == keys.resolve(other)
    assert recalled[2] == NOW + 1


def test_a_header_of_no_certain_shape_is_not_remembered() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    segment = base64url(KEY.header(oiat=NOW, x={"oiat": NOW}))
    keys.remember(segment, keys.resolve(segment))
    assert keys.recall(segment) is None
    assert not keys._headers


@pytest.mark.parametrize("oiat", [ABSENT, NOW])
def test_64_shapes_of_headers_are_remembered_and_never_more(oiat: object) -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    most = 0
    for number in range(200):
        segment = base64url(KEY.header(n=number, oiat=oiat))
        keys.remember(segment, keys.resolve(segment))
        assert keys.recall(segment) == keys.resolve(segment)
        most = max(most, len(keys._headers))
    assert most == 64


def test_a_thousand_seconds_of_one_key_are_one_shape() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    for second in range(1_000):
        segment = base64url(KEY.header(oiat=NOW + second))
        keys.remember(segment, keys.resolve(segment))
    assert len(keys._headers) == 1


def test_a_set_without_a_key_recalls_none_of_its_headers_and_keeps_the_rest() -> None:
    keys = KeySet.from_jwks({"keys": [KEY.jwk(), KEY.jwk(kid="key-2"), 1]})
    segment = base64url(KEY.header(oiat=NOW))
    keys.remember(segment, keys.resolve(segment))
    rest = keys.without({"key-1"})
    assert rest.recall(segment) is None
    assert ("key-1" in rest, "key-2" in rest) == (False, True)
    assert rest.left_out == keys.left_out == ("a member of keys is not an object",)
