"""From bytes to claims: what PyJWT signs is accepted, and every known trick is refused."""

import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edgepass import Expectations, KeySet, TokenRefused, verify
from edgepass._errors import (
    AlgorithmNotAllowed,
    ClaimMissing,
    IssuerMismatch,
    SignatureInvalid,
    TokenMalformed,
    TokenTooLarge,
    UnknownKey,
)
from edgepass._signatures import Backend, find_cryptography
from tests.support.issuer import (
    ABSENT,
    ISSUER,
    NOW,
    base64url,
    jwks,
    make_key,
    mint,
    session_claims,
    to_json,
)

KEY, EC, OKP = make_key(), make_key("ES256", "ec-1"), make_key("EdDSA", "okp-1")
EXPECTED = Expectations(ISSUER)
PAYLOAD = to_json(session_claims())


@pytest.fixture
def keys(backend: Backend) -> KeySet:
    return KeySet.from_jwks(jwks(KEY), backend=backend)


@pytest.fixture
def all_keys() -> KeySet:
    return KeySet.from_jwks(jwks(KEY, EC, OKP), backend=find_cryptography())


def test_a_token_that_pyjwt_minted_is_accepted(keys: KeySet) -> None:
    claims = verify(mint(), keys, EXPECTED, NOW)
    assert (claims.user_id, claims.session_id) == ("user_1", "sess_1")
    assert claims.payload == session_claims()


def test_text_and_bytes_are_the_same_token(keys: KeySet) -> None:
    token = mint()
    assert verify(token.decode(), keys, EXPECTED, NOW) == verify(token, keys, EXPECTED, NOW)


@pytest.mark.parametrize("key", [KEY, EC, OKP], ids=lambda key: key.algorithm)
def test_each_algorithm_is_accepted_with_cryptography(all_keys: KeySet, key) -> None:
    assert verify(mint(key), all_keys, EXPECTED, NOW).user_id == "user_1"


def test_the_answer_does_not_depend_on_what_was_verified_before(keys: KeySet) -> None:
    good, stranger = mint(), make_key("RS256", "stranger").sign(KEY.header(), PAYLOAD)
    for _ in range(3):
        assert verify(good, keys, EXPECTED, NOW)
        with pytest.raises(SignatureInvalid):
            verify(stranger, keys, EXPECTED, NOW)


def test_the_same_key_set_serves_expectations_that_differ(all_keys: KeySet) -> None:
    only_ec = Expectations(ISSUER, algorithms=["ES256"])
    verify(mint(KEY), all_keys, EXPECTED, NOW)
    with pytest.raises(AlgorithmNotAllowed):
        verify(mint(KEY), all_keys, only_ec, NOW)


@pytest.mark.parametrize("surplus", [-1, 0, 1])
def test_a_token_may_be_as_long_as_allowed_and_no_longer(keys: KeySet, surplus: int) -> None:
    token = mint()
    expected = Expectations(ISSUER, maximum_token_bytes=len(token) - surplus)
    if surplus <= 0:
        assert verify(token, keys, expected, NOW)
        return
    with pytest.raises(TokenTooLarge):
        verify(token, keys, expected, NOW)


@pytest.mark.parametrize("unit", [b"a", b".", b"A" * 100 + b".", b"\xff", b"{"])
def test_megabytes_are_refused_for_their_length_alone(keys: KeySet, unit: bytes) -> None:
    with pytest.raises(TokenTooLarge):
        verify(unit * (4_000_000 // len(unit)), keys, EXPECTED, NOW)


@pytest.mark.parametrize("token", ["", "é", "a.b.c\u0130", "\ud800.a.b", b"\xff\xfe", b"\x00"])
def test_what_is_no_token_at_all_is_malformed(keys: KeySet, token: str | bytes) -> None:
    with pytest.raises(TokenMalformed):
        verify(token, keys, EXPECTED, NOW)


def test_a_token_of_an_unknown_key_says_so_before_anything_else(keys: KeySet) -> None:
    stranger = make_key("RS256", "key-9")
    with pytest.raises(UnknownKey):
        verify(stranger.sign(stranger.header(alg="none"), b"not json"), keys, EXPECTED, NOW)


def test_another_key_under_the_same_kid_is_a_bad_signature(keys: KeySet) -> None:
    token = make_key("RS256", "stranger").sign(KEY.header(), PAYLOAD)
    with pytest.raises(SignatureInvalid):
        verify(token, keys, EXPECTED, NOW)


def test_the_kid_of_another_key_in_the_set_is_a_bad_signature(backend: Backend) -> None:
    other = make_key("RS256", "key-2")
    keys = KeySet.from_jwks(jwks(KEY, other), backend=backend)
    with pytest.raises(SignatureInvalid):
        verify(KEY.sign(other.header(), PAYLOAD), keys, EXPECTED, NOW)


def test_a_token_of_another_issuer_is_refused_even_under_our_kid(keys: KeySet) -> None:
    with pytest.raises(IssuerMismatch):
        verify(mint(iss="https://other.example"), keys, EXPECTED, NOW)


def test_a_key_that_the_token_brings_along_is_not_used(keys: KeySet) -> None:
    own = make_key("RS256", "stranger")
    header = own.header(kid="key-1", jwk=own.jwk(), jku="https://elsewhere.example", x5c=["MII"])
    with pytest.raises(SignatureInvalid):
        verify(own.sign(header, PAYLOAD), keys, EXPECTED, NOW)


def public_key_spellings() -> list[bytes]:
    public = KEY.private.public_key()
    formats = (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    spellings = [
        public.public_bytes(encoding, form)
        for encoding in (Encoding.PEM, Encoding.DER)
        for form in formats
    ]
    return [*spellings, spellings[0].strip(), to_json(KEY.jwk()), to_json(jwks()), b"", b"key-1"]


@pytest.mark.parametrize("secret", public_key_spellings())
def test_the_public_key_is_no_secret_for_hmac(keys: KeySet, secret: bytes) -> None:
    signing_input = base64url(KEY.header(alg="HS256")) + b"." + base64url(PAYLOAD)
    mac = hmac.new(secret, signing_input, hashlib.sha256).digest()
    with pytest.raises(AlgorithmNotAllowed):
        verify(signing_input + b"." + base64url(mac), keys, EXPECTED, NOW)


@pytest.mark.parametrize(
    "alg",
    [
        *("none", "None", "NONE", "nOnE", "HS256", "rs256", "RS256 ", "RS512", "PS256", "ES256"),
        *("EdDSA", "Ed25519", "ES256K", "RSA-OAEP", "dir", "", "\x00"),
    ],
)
def test_an_alg_that_is_not_its_keys_own_is_not_allowed(keys: KeySet, alg: str) -> None:
    with pytest.raises(AlgorithmNotAllowed):
        verify(KEY.sign(KEY.header(alg=alg), PAYLOAD), keys, EXPECTED, NOW)


@pytest.mark.parametrize("key", [KEY, EC, OKP], ids=lambda key: key.algorithm)
@pytest.mark.parametrize("other", [KEY, EC, OKP], ids=lambda key: key.algorithm)
def test_a_key_verifies_under_no_other_algorithm(all_keys: KeySet, key, other) -> None:
    token = key.sign(key.header(alg=other.algorithm), PAYLOAD)
    if key is other:
        assert verify(token, all_keys, EXPECTED, NOW)
        return
    with pytest.raises(AlgorithmNotAllowed):
        verify(token, all_keys, EXPECTED, NOW)


@pytest.mark.parametrize(
    ("configured", "alg", "accepted"),
    [
        (("EdDSA",), "EdDSA", True),
        (("EdDSA",), "Ed25519", False),
        (("EdDSA", "Ed25519"), "Ed25519", True),
        (("Ed25519",), "EdDSA", False),
        (("RS256",), "EdDSA", False),
    ],
)
def test_the_second_name_of_eddsa_has_to_be_configured(configured, alg: str, accepted) -> None:
    keys = KeySet.from_jwks({"keys": [OKP.jwk(alg=ABSENT)]}, backend=find_cryptography())
    token = OKP.sign(OKP.header(alg=alg), PAYLOAD)
    expected = Expectations(ISSUER, algorithms=configured)
    if accepted:
        assert verify(token, keys, expected, NOW)
        return
    with pytest.raises(AlgorithmNotAllowed):
        verify(token, keys, expected, NOW)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"eyJ"',
        PAYLOAD + b"x",
        b"\xef\xbb\xbf" + PAYLOAD,
        PAYLOAD.decode().encode("utf-16"),
        PAYLOAD[:-1] + b',"sub":"user_2"}',
        PAYLOAD[:-1] + b',"\\u0073ub":"user_2"}',
        PAYLOAD[:-1] + b',"x":NaN}',
        PAYLOAD[:-1] + b',"x":1e999}',
        PAYLOAD[:-1] + b',"x":"\\ud800"}',
        PAYLOAD[:-1] + b',"x":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
        PAYLOAD[:-1] + b',"x":"\xff"}',
    ],
)
def test_a_payload_that_is_signed_but_not_strict_is_malformed(keys: KeySet, payload: bytes) -> None:
    with pytest.raises(TokenMalformed):
        verify(KEY.sign(KEY.header(), payload), keys, EXPECTED, NOW)


def test_a_payload_is_not_parsed_before_its_signature_is_verified(keys: KeySet) -> None:
    stranger = make_key("RS256", "stranger")
    with pytest.raises(SignatureInvalid):
        verify(stranger.sign(KEY.header(), b"not json"), keys, EXPECTED, NOW)


def test_a_signature_over_the_header_alone_is_malformed(keys: KeySet) -> None:
    header = base64url(KEY.header())
    with pytest.raises(TokenMalformed):
        verify(header + b"." + base64url(KEY.signature(header)), keys, EXPECTED, NOW)


def test_the_json_forms_of_a_jws_are_no_token(keys: KeySet) -> None:
    header, payload, signature = mint().decode().split(".")
    flattened = {"protected": header, "payload": payload, "signature": signature}
    for form in (flattened, {"payload": payload, "signatures": [flattened]}):
        with pytest.raises(TokenMalformed):
            verify(json.dumps(form), keys, EXPECTED, NOW)


@pytest.mark.parametrize(
    "respell",
    [
        lambda token: token + b"=",
        lambda token: token + b"==",
        lambda token: token.replace(b".", b"=.", 1),
        lambda token: token + b"\n",
        lambda token: b" " + token,
        lambda token: token + b".",
        lambda token: token + b"A",
        lambda token: token.replace(b".", b". "),
        lambda token: token.replace(b".", b"%2E"),
        lambda token: token.replace(b"-", b"+").replace(b"_", b"/") + b"+",
        lambda token: token[:-1] + bytes([token[-1] + 1]),
    ],
)
def test_a_token_has_one_spelling(keys: KeySet, respell) -> None:
    with pytest.raises(TokenRefused):
        verify(respell(mint()), keys, EXPECTED, NOW)


def test_pyjwt_agrees_on_the_claims(keys: KeySet) -> None:
    token = mint(aud="api", name="Zoë", o={"id": "org_1", "rol": "admin"})
    theirs = jwt.decode(
        token,
        KEY.private.public_key(),
        ["RS256"],
        options={
            "verify_exp": False,
            "verify_aud": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )
    assert dict(verify(token, keys, EXPECTED, NOW).payload) == theirs


@pytest.mark.parametrize("claim", ["iss", "sub", "sid", "iat", "exp"])
def test_what_pyjwt_would_let_through_without_a_claim_is_refused(keys: KeySet, claim: str) -> None:
    with pytest.raises(ClaimMissing):
        verify(mint(**{claim: ABSENT}), keys, EXPECTED, NOW)


def test_no_refusal_repeats_the_token(keys: KeySet) -> None:
    secret = "c3ViamVjdA"
    for token in (secret, f"{secret}.{secret}.{secret}", mint(iss=secret), mint(azp=1, jti=secret)):
        with pytest.raises(TokenRefused) as caught:
            verify(token, keys, Expectations(ISSUER, authorized_parties="a"), NOW)
        assert secret not in str(caught.value)
