"""The examples that the RFCs print: 7515 appendix A, 7520 section 4, 8037 appendix A."""

import json

import pytest

from edgepass import KeySet
from edgepass._errors import KeyIdMissing, UnknownKey
from edgepass._jwk import parse_jwk
from edgepass._jws import parse_jws
from edgepass._signatures import Backend
from tests.support.standards import Members, count, vectors_folder

# RFC 7515 appendix A.2.1 and A.3.1: the same payload under RS256 and ES256.
PAYLOAD = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
RFC_7515_A_2: tuple[Members, str] = (
    {
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"
        "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH"
        "SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5"
        "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
    },
    f"eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
    "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb"
    "1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QO"
    "YEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
)
RFC_7515_A_3: tuple[Members, str] = (
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    },
    f"eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
)
# RFC 8037 appendix A.2 and A.4.
RFC_8037_A: tuple[Members, str] = (
    {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
)


@pytest.mark.parametrize(
    ("jwk", "token"),
    [RFC_7515_A_2, RFC_7515_A_3, RFC_8037_A],
    ids=["RFC 7515 A.2", "RFC 7515 A.3", "RFC 8037 A.4"],
)
def test_a_printed_signature_is_good_and_a_token_without_kid_is_none(
    jwk: Members, token: str, backend: Backend
) -> None:
    count("examples of RFC 7515, 7520 and 8037", backend.name, 1)
    key = parse_jwk({**jwk, "kid": "example"}, backend)
    header, signing_input, _, signature = parse_jws(token.encode("ascii"))
    assert key.signature_key.verify(signature, signing_input)
    assert not key.signature_key.verify(signature, signing_input + b"A")
    # They were printed without a kid, which a session token must have.
    with pytest.raises(KeyIdMissing):
        KeySet([key]).resolve(header)


def cookbook(name: str) -> tuple[Members, bytes]:
    example = json.loads((vectors_folder() / "ietf-jose-cookbook" / name).read_text("utf-8"))
    private = example["input"]["key"]
    public = {part: private[part] for part in private if part in PUBLIC_MEMBERS}
    return public, example["output"]["compact"].encode("ascii")


PUBLIC_MEMBERS = ("kty", "kid", "use", "n", "e", "crv", "x", "y")


def test_the_rs256_example_of_rfc_7520_is_good(backend: Backend) -> None:
    jwk, token = cookbook("jws/4_1.rsa_v15_signature.json")
    count("examples of RFC 7515, 7520 and 8037", backend.name, 1)
    header, signing_input, _, signature = parse_jws(token)
    algorithm, key, _ = KeySet.from_jwks({"keys": [jwk]}, backend=backend).resolve(header)
    assert algorithm == "RS256"
    assert key.signature_key.verify(signature, signing_input)


@pytest.mark.parametrize("name", ["4_3.ecdsa_signature", "4_4.hmac-sha2_integrity_protection"])
def test_the_es512_and_hs256_examples_of_rfc_7520_have_no_key_here(
    name: str, backend: Backend
) -> None:
    jwk, token = cookbook(f"jws/{name}.json")
    count("examples of RFC 7515, 7520 and 8037", backend.name, 1)
    keys = KeySet.from_jwks({"keys": [jwk]}, backend=backend)
    segment = parse_jws(token)[0]
    assert len(keys) == 0
    with pytest.raises(UnknownKey):
        keys.resolve(segment)


def test_the_ed25519_example_of_the_cookbook_is_that_of_rfc_8037(backend: Backend) -> None:
    jwk, token = cookbook("curve25519/jws.json")
    count("examples of RFC 7515, 7520 and 8037", backend.name, 1)
    assert (jwk["x"], token.decode()) == (RFC_8037_A[0]["x"], RFC_8037_A[1])
    _, signing_input, _, signature = parse_jws(token)
    key = parse_jwk({**jwk, "kid": "example"}, backend)
    assert key.signature_key.verify(signature, signing_input)
