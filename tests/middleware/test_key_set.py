"""A JWK Set as a value: usable members stay, the rest is left out with a reason."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepass import Expectations, KeySet, TokenRefused, verify
from edgepass._errors import KeySetRefused, UnknownKey
from edgepass._key_set import MAXIMUM_DOCUMENT_BYTES, MAXIMUM_KEYS
from edgepass._signatures import STANDARD_LIBRARY, Backend
from tests.support.issuer import ABSENT, ISSUER, NOW, base64url, jwks, make_key, mint, to_json
from tests.support.standards import FULL

KEY, OTHER = make_key(), make_key("RS256", "key-2")


def test_a_document_is_read_from_bytes_or_from_a_mapping(backend: Backend) -> None:
    document = jwks(KEY, OTHER)
    from_bytes = KeySet.from_jwks(to_json(document), backend=backend)
    assert from_bytes == KeySet.from_jwks(document, backend=backend)
    assert len(from_bytes) == 2
    assert "key-1" in from_bytes
    assert "key-3" not in from_bytes


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not json",
        b"<html></html>",
        b"[]",
        b"null",
        b"{}",
        b'{"keys":null}',
        b'{"keys":{}}',
        b'{"keys":"[]"}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[NaN]}',
        b'\xef\xbb\xbf{"keys":[]}',
        b'{"keys":' + b"[" * 100_000,
        {},
        {"keys": None},
        {"keys": ()},
        {"Keys": []},
        [],
        None,
        "{}",
    ],
)
def test_what_is_no_jwk_set_is_refused(document) -> None:
    with pytest.raises(KeySetRefused):
        KeySet.from_jwks(document)


def test_an_empty_set_is_a_value_that_verifies_nothing() -> None:
    keys = KeySet.from_jwks(b'{"keys":[]}')
    assert len(keys) == 0
    with pytest.raises(UnknownKey):
        verify(mint(), keys, Expectations(ISSUER), NOW)


@pytest.mark.parametrize(
    "member",
    [
        None,
        1,
        "key",
        [],
        {},
        {"kty": "oct", "kid": "o", "k": "AAAA"},
        KEY.jwk(kid=ABSENT),
        KEY.jwk(kid="weak", n="AQAB"),
        KEY.jwk(kid="other use", use="enc"),
        KEY.jwk(kid="alg is a list", alg=["RS256"]),
        KEY.jwk(kid="alg is an object", alg={}),
        KEY.jwk(kid="kty is a list", kty=["RSA"]),
        KEY.jwk(kid="crv is an object", kty="EC", crv={}),
        KEY.jwk(kid="n is an object", n={}),
    ],
)
def test_one_bad_member_does_not_cost_the_good_ones(
    backend: Backend, member: dict[str, object]
) -> None:
    document = to_json({"keys": [member, KEY.jwk()]})
    keys = KeySet.from_jwks(document, backend=backend)
    assert "key-1" in keys
    assert len(keys) == len(keys.left_out) == 1


def test_members_that_share_a_kid_are_all_left_out() -> None:
    members = [KEY.jwk(), OTHER.jwk(kid="key-1"), KEY.jwk(), OTHER.jwk()]
    keys = KeySet.from_jwks({"keys": members})
    assert "key-1" not in keys
    assert "key-2" in keys
    assert any("key-1" in reason for reason in keys.left_out)


@pytest.mark.parametrize("count", [MAXIMUM_KEYS - 1, MAXIMUM_KEYS])
def test_as_many_keys_as_allowed_are_read(count: int) -> None:
    members = [KEY.jwk(kid=f"key-{number}") for number in range(count)]
    assert len(KeySet.from_jwks({"keys": members}, backend=STANDARD_LIBRARY)) == count


def test_one_key_more_is_refused() -> None:
    members = [KEY.jwk(kid=f"key-{number}") for number in range(MAXIMUM_KEYS + 1)]
    with pytest.raises(KeySetRefused):
        KeySet.from_jwks({"keys": members})


@pytest.mark.parametrize("size", [MAXIMUM_DOCUMENT_BYTES - 1, MAXIMUM_DOCUMENT_BYTES])
def test_a_document_as_large_as_allowed_is_read(size: int) -> None:
    assert len(KeySet.from_jwks(to_json(jwks()).ljust(size), backend=STANDARD_LIBRARY)) == 1


def test_a_document_one_byte_larger_is_refused() -> None:
    document = to_json(jwks()).ljust(MAXIMUM_DOCUMENT_BYTES + 1)
    with pytest.raises(KeySetRefused):
        KeySet.from_jwks(document)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (jwks(KEY, OTHER), jwks(OTHER, KEY), True),
        (jwks(KEY), {"keys": [KEY.jwk(x5c=["MII"])]}, True),
        (jwks(KEY), {"keys": [KEY.jwk(), None]}, True),
        (jwks(KEY), jwks(KEY, OTHER), False),
        (jwks(KEY), jwks(OTHER), False),
        (jwks(KEY), {"keys": [KEY.jwk(kid="other")]}, False),
        (jwks(KEY), {"keys": [OTHER.jwk(kid="key-1")]}, False),
    ],
)
def test_sets_are_equal_when_they_verify_the_same(left, right, equal: bool) -> None:
    assert (KeySet.from_jwks(left) == KeySet.from_jwks(right)) is equal


def test_a_narrower_alg_makes_another_set() -> None:
    key = make_key("EdDSA")
    wide, narrow = {"keys": [key.jwk(alg=ABSENT)]}, {"keys": [key.jwk()]}
    assert KeySet.from_jwks(wide) != KeySet.from_jwks(narrow)


def test_a_set_equals_nothing_else_and_shows_only_key_ids() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    assert keys != {"key-1": KEY}
    assert repr(keys) == "KeySet(['key-1'])"


def test_resolve_finds_the_key_that_a_header_names() -> None:
    segment = base64url(KEY.header(oiat=NOW))
    algorithm, key, originally_issued_at = KeySet.from_jwks(jwks(KEY)).resolve(segment)
    assert (algorithm, key.key_id, originally_issued_at) == ("RS256", "key-1", NOW)


@pytest.mark.parametrize("kid", ["key-2", "KEY-1", "key-1 ", "key-1\x00", "../key-1", "%6bey-1"])
def test_resolve_compares_the_kid_exactly(kid: str) -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    with pytest.raises(UnknownKey):
        keys.resolve(base64url(KEY.header(kid=kid)))


def test_a_token_refused_leaves_no_trace_in_the_set() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    forged = mint()[:-8] + b"AAAAAAAA"
    with pytest.raises(TokenRefused):
        verify(forged, keys, Expectations(ISSUER), NOW)
    assert not keys._headers


def test_remembered_headers_are_bounded_and_forgetting_changes_no_answer() -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    for number in range(200):
        segment = base64url(KEY.header(n=number))
        keys.remember(segment, keys.resolve(segment))
    assert len(keys._headers) <= 64
    assert verify(mint(), keys, Expectations(ISSUER), NOW).user_id == "user_1"


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just("RS256")
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=2), SCALARS)
NAMES = st.sampled_from(["kid", "kty", "alg", "use", "key_ops", "n", "e", "crv", "x", "y", "d"])
BASES = st.sampled_from([KEY.jwk(), make_key("ES256").jwk(), make_key("EdDSA").jwk()])


@given(BASES, st.dictionaries(NAMES, VALUES, max_size=4))
def test_no_member_is_fatal_whatever_it_holds(base, changes) -> None:
    good = OTHER.jwk(kid="the good key")
    keys = KeySet.from_jwks({"keys": [{**base, **changes}, good]})
    assert "the good key" in keys


@given(st.binary(max_size=200))
def test_no_document_raises_anything_but_a_refusal(document: bytes) -> None:
    try:
        KeySet.from_jwks(document)
    except KeySetRefused:
        return
    assert isinstance(json.loads(document)["keys"], list)


# What may be in a header: `oiat` in two spellings, in another object, and in a string.
TEN_DIGITS = "1800000000"
MEMBERS = st.sampled_from(
    [
        f"{name}{space}:{value}{space}"
        for name in ('"oiat"', '"\\u006fiat"', '"x\\"oiat"', '"x"')
        for space in ("", " ")
        for value in (
            *(
                "1800000001",
                "1800000001.0",
                TEN_DIGITS,
                f"0{TEN_DIGITS}",
                f"-{TEN_DIGITS}",
                f"{TEN_DIGITS}.0",
                f"{TEN_DIGITS}e1",
            ),
            *(f'{{"oiat":{TEN_DIGITS}}}', f'[{{"oiat":{TEN_DIGITS}}}]', f'"{TEN_DIGITS}"'),
            *(f'"\\"oiat\\":{TEN_DIGITS},"', f"{TEN_DIGITS}1", "true", "7"),
        )
    ]
)
TIME = st.just(f'"oiat":{TEN_DIGITS}')
NUMBERS = (b"1800000001", b"9999999999", b"0800000000", b"180000000", b"18000000001", b"-180000000")


def variants(raw: bytes, byte: bytes) -> Iterator[bytes]:
    """Yield `raw` with other numbers, and with one byte changed, inserted or left out anywhere."""
    for number in NUMBERS:
        yield raw.replace(TEN_DIGITS.encode(), number)
        yield number.join(raw.rsplit(TEN_DIGITS.encode(), 1))
        yield number.join(raw.split(TEN_DIGITS.encode(), 1))
    for at in range(len(raw)):
        yield from (raw[:at] + put + raw[at + 1 :] for put in (b"", byte, raw[at : at + 1] + byte))


@given(
    st.lists(TIME | MEMBERS, max_size=3),
    st.permutations(['"alg":"RS256"', '"kid":"key-1"']),
    st.sampled_from([bytes([byte]) for byte in b'0159",:{} .eo\\-']),
)
@settings(max_examples=3_000 if FULL else 300)
def test_what_is_recalled_is_what_would_be_resolved(more, usual, byte: bytes) -> None:
    keys = KeySet.from_jwks(jwks(KEY))
    raw = f"{{{','.join([usual[0], *more, usual[1]])}}}".encode()
    try:
        resolved = keys.resolve(base64url(raw))
    except TokenRefused:
        return
    keys.remember(base64url(raw), resolved)
    for variant in (raw, *variants(raw, byte)):
        segment = base64url(variant)
        recalled = keys.recall(segment)
        # repr() tells 1 from 1.0 and from True.
        assert recalled is None or repr(recalled) == repr(keys.resolve(segment))
