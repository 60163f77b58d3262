"""What a key set remembers and widens, and that it says why it left a member out."""

from collections.abc import Iterator
from dataclasses import dataclass

from edgepass import KeySet
from edgepass._jwk import VerificationKey
from edgepass._jws import Header
from tests.support.issuer import base64url, jwks, make_key

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
    segment = base64url(KEY.header())
    header, key = keys.resolve(segment)
    keys.remember(b"no header that could be parsed", header, key)
    assert keys.resolve(b"no header that could be parsed") == (header, key)


def test_a_header_that_is_remembered_keeps_its_first_answer() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    first, second = counted_keys(2)[0]._keys.values()
    keys.remember(b"segment", Header("key-1", "ES256"), first)
    keys.remember(b"segment", Header("key-1", "ES256"), second)
    assert keys.resolve(b"segment") == (Header("key-1", "ES256"), first)


def test_64_headers_are_remembered_and_never_more() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    header, key = keys.resolve(base64url(KEY.header()))
    most = 0
    for number in range(200):
        keys.remember(b"%d" % number, header, key)
        most = max(most, len(keys._headers))
    assert most == 64
