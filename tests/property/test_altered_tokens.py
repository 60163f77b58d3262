"""Any altered token is refused, with a declared code, whichever backend verifies it."""

from itertools import permutations

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepass import Expectations, KeySet, TokenRefused, verify
from edgepass._signatures import STANDARD_LIBRARY, find_cryptography
from tests.support.issuer import ISSUER, NOW, base64url, jwks, make_key, mint
from tests.support.standards import FULL

NATIVE = find_cryptography()
assert NATIVE is not None
KEYS = [make_key(), make_key("ES256", "ec-1"), make_key("EdDSA", "okp-1")]
DOCUMENT = jwks(*KEYS)
NATIVE_SET = KeySet.from_jwks(DOCUMENT, backend=NATIVE)
STANDARD_SET = KeySet.from_jwks(DOCUMENT, backend=STANDARD_LIBRARY)
EXPECTED = Expectations(ISSUER)
TOKENS = [mint(key) for key in KEYS]
PUBLIC_KEYS = {key.key_id: key.private.public_key() for key in KEYS}
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\x00\xff{"
BYTES = st.sampled_from(ALPHABET) | st.integers(0, 255)


def subclasses(kind: type[TokenRefused]) -> set[type[TokenRefused]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


DECLARED = {kind.code for kind in subclasses(TokenRefused) - {TokenRefused}}


def verdict(token: bytes, keys: KeySet) -> str:
    try:
        verify(token, keys, EXPECTED, NOW)
    except TokenRefused as refusal:
        return refusal.code
    return "accepted"


def refused_alike(token: bytes) -> None:
    native, standard = verdict(token, NATIVE_SET), verdict(token, STANDARD_SET)
    assert native in DECLARED
    assert standard == native


@st.composite
def places(draw: st.DrawFn) -> tuple[bytes, int]:
    token = draw(st.sampled_from(TOKENS))
    return token, draw(st.integers(0, len(token) - 1))


@pytest.mark.parametrize("token", TOKENS)
def test_the_tokens_are_accepted_as_they_are(token: bytes) -> None:
    assert verdict(token, NATIVE_SET) == "accepted"
    assert verdict(token, STANDARD_SET) == "accepted"


@given(places(), BYTES)
@settings(max_examples=600 if FULL else 200)
def test_a_token_with_one_byte_changed_is_refused(place: tuple[bytes, int], byte: int) -> None:
    token, at = place
    if token[at] != byte:
        refused_alike(token[:at] + bytes([byte]) + token[at + 1 :])


@given(places(), st.integers(0, 7))
@settings(max_examples=300 if FULL else 100)
def test_a_token_with_one_bit_changed_is_refused(place: tuple[bytes, int], bit: int) -> None:
    token, at = place
    refused_alike(token[:at] + bytes([token[at] ^ (1 << bit)]) + token[at + 1 :])


@given(places())
@settings(max_examples=300 if FULL else 100)
def test_a_token_with_one_byte_deleted_is_refused(place: tuple[bytes, int]) -> None:
    token, at = place
    refused_alike(token[:at] + token[at + 1 :])


@given(places(), BYTES)
@settings(max_examples=300 if FULL else 100)
def test_a_token_with_one_byte_inserted_is_refused(place: tuple[bytes, int], byte: int) -> None:
    token, at = place
    refused_alike(token[:at] + bytes([byte]) + token[at:])
    refused_alike(token + bytes([byte]))


@given(places(), st.integers(1, 40))
def test_a_token_cut_anywhere_is_refused(place: tuple[bytes, int], length: int) -> None:
    token, at = place
    refused_alike(token[:at])
    if at:
        refused_alike(token[at:])
    refused_alike(token[:at] + token[at + length :])


@pytest.mark.parametrize("token", TOKENS)
def test_segments_in_another_order_or_number_are_refused(token: bytes) -> None:
    segments = token.split(b".")
    for count in (0, 1, 2, 3, 4):
        for order in permutations([*segments, b""], count):
            if list(order) != segments:
                refused_alike(b".".join(order))
    refused_alike(b".".join([*segments, *segments]))


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_segment_of_another_valid_token_is_refused(at: int) -> None:
    others = [mint(key, sub="user_2") for key in KEYS] + [mint(now=NOW + 1)]
    for token in TOKENS:
        for other in others:
            segments, stranger = token.split(b"."), other.split(b".")
            if segments[at] != stranger[at]:
                segments[at] = stranger[at]
                refused_alike(b".".join(segments))


@given(st.sampled_from(TOKENS), st.sampled_from(KEYS), st.binary(max_size=80))
def test_another_signature_is_refused(token: bytes, key, signature: bytes) -> None:
    stem = token.rpartition(b".")[0]
    refused_alike(stem + b"." + base64url(signature))
    foreign = make_key(key.algorithm, "a stranger")
    refused_alike(stem + b"." + base64url(foreign.signature(stem)))


@given(st.binary(max_size=300) | st.text(alphabet="eyJ.-_Aa0", max_size=60).map(str.encode))
def test_garbage_is_refused(token: bytes) -> None:
    refused_alike(token)


JSON_BYTES = st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b"null", b'{"alg":1}', b"{"])


@given(st.sampled_from(KEYS), JSON_BYTES)
def test_a_header_without_its_members_is_refused_under_a_true_signature(key, header: bytes) -> None:
    refused_alike(key.sign(header, b"{}"))


@given(st.sampled_from(KEYS), JSON_BYTES)
def test_a_payload_without_claims_is_refused_under_a_true_signature(key, payload: bytes) -> None:
    refused_alike(key.sign(key.header(), payload))


@given(places(), BYTES, st.sampled_from(["change", "insert", "delete"]))
@settings(max_examples=400 if FULL else 130)
def test_what_pyjwt_still_takes_of_it_are_the_claims_that_were_signed(
    place: tuple[bytes, int], byte: int, how: str
) -> None:
    # PyJWT takes some second spellings that we refuse; never other claims.
    token, at = place
    put = b"" if how == "delete" else bytes([byte])
    altered = token[:at] + put + token[at + (how != "insert") :]
    header = jwt.get_unverified_header(token)
    key = PUBLIC_KEYS[header["kid"]]
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        claims = jwt.decode(altered, key, [header["alg"]], options=options)
    except (jwt.PyJWTError, UnicodeDecodeError, ValueError):
        return
    assert claims == jwt.decode(token, key, [header["alg"]], options=options)
