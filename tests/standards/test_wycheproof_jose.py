"""Project Wycheproof's JWS and JWK sets: parsing, the key that a header names, the signature."""

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from edgepass import KeySet, TokenRefused
from edgepass._base64url import parse_base64url
from edgepass._errors import SignatureInvalid, TokenMalformed
from edgepass._jws import parse_jws
from edgepass._signatures import Backend
from tests.support.standards import Members, count, declared_codes, vectors_folder

SIGNATURES, KEYS, MIXED = (f"json_web_{name}_test.json" for name in ("signature", "key", "crypto"))
KINDS = ("RSA", "EC")
OTHER_ALGORITHMS = ("RS384", "RS512", "PS256", "PS384", "PS512")
# Labels that contradict RFC 7515 section 5.2, or another label for the same bytes.
OVERRIDES = {(SIGNATURES, 367): True, (SIGNATURES, 370): True} | {
    (SIGNATURES, 372): False,
    (SIGNATURES, 373): False,
}
# Their JWK names another algorithm than their token: refusing and accepting are both right.
EITHER = {(SIGNATURES, number) for number in (346, 347, 350, 351)}


@dataclass(frozen=True)
class Case:
    """One JWS with the keys it is for, and whether it ought to be accepted."""

    file: str
    number: int
    keys: tuple[Members, ...]
    token: bytes
    good: bool

    @property
    def is_mac(self) -> bool:
        return len(self.keys) == 1 and self.keys[0]["kty"] == "oct"

    @property
    def in_profile(self) -> bool:
        """Say whether each key is for RS256 or ES256, or is wrong in a way that those have."""
        return all(
            key["kty"] in KINDS
            and key.get("alg") not in OTHER_ALGORITHMS
            and key.get("crv") != "P-521"
            for key in self.keys
        )


def cases_of(file: str) -> Iterator[Case]:
    document = json.loads((vectors_folder() / "wycheproof" / file).read_text("utf-8"))
    for group in document["testGroups"]:
        found = group.get("public") or group["private"]
        keys = tuple(found.get("keys", [found]))
        for test in group["tests"]:
            if "jws" in test:
                # One is the JSON serialisation, as an object.
                token = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
                good = OVERRIDES.get((file, test["tcId"]), test["result"] == "valid")
                yield Case(file, test["tcId"], keys, token.encode("utf-8"), good)


def refusal_of(case: Case, backend: Backend) -> str | None:
    """Do all that `verify` does before it looks at claims, and return the refusal's code."""
    try:
        keys = KeySet.from_jwks({"keys": list(case.keys)}, backend=backend)
        header, signing_input, _, signature = parse_jws(case.token)
        _, key, _ = keys.resolve(header)
        if not key.signature_key.verify(signature, signing_input):
            raise SignatureInvalid("the signature is not valid")
    except TokenRefused as refusal:
        return refusal.code
    return None


def is_accepted_as_mac(case: Case) -> bool:
    """Verify an HMAC over what our parser makes of the token: the profile itself has none."""
    try:
        header, signing_input, _, signature = parse_jws(case.token)
        parse_base64url(header)
    except (TokenMalformed, ValueError):
        return False
    secret = parse_base64url(case.keys[0]["k"].encode("ascii"))
    return hmac.compare_digest(hmac.digest(secret, signing_input, "sha256"), signature)


@pytest.mark.parametrize(("file", "total"), [(SIGNATURES, 276), (KEYS, 11), (MIXED, 29)])
def test_what_the_profile_can_express_gets_our_verdict(
    file: str, total: int, backend: Backend
) -> None:
    cases = [case for case in cases_of(file) if case.in_profile]
    wrong = [
        (case.number, refusal)
        for case in cases
        if ((refusal := refusal_of(case, backend)) is None) is not case.good
        or refusal not in {None, *declared_codes()}
    ]
    count(f"Wycheproof {file.removesuffix('_test.json')}, in profile", backend.name, len(cases))
    assert (wrong, len(cases)) == ([], total)


@pytest.mark.parametrize(("file", "total"), [(SIGNATURES, 125), (KEYS, 15), (MIXED, 20)])
def test_what_the_profile_leaves_out_is_refused(file: str, total: int, backend: Backend) -> None:
    cases = [case for case in cases_of(file) if not case.in_profile]
    accepted = [case.number for case in cases if refusal_of(case, backend) is None]
    name = f"Wycheproof {file.removesuffix('_test.json')}, out of profile"
    count(name, backend.name, len(cases))
    assert (accepted, len(cases)) == ([], total)


def test_what_is_left_open_is_refused(backend: Backend) -> None:
    cases = [case for case in cases_of(SIGNATURES) if (SIGNATURES, case.number) in EITHER]
    assert [refusal_of(case, backend) for case in cases] == ["unknown_key"] * len(EITHER)


@pytest.mark.parametrize(("file", "total"), [(SIGNATURES, 38), (MIXED, 17)])
def test_what_our_parser_makes_of_a_token_under_a_mac_gets_our_verdict(
    file: str, total: int
) -> None:
    cases = [case for case in cases_of(file) if case.is_mac and case.keys[0].get("alg") == "HS256"]
    cases = [case for case in cases if not case.keys[0]["kid"].startswith("018c0ae5")]
    wrong = [case.number for case in cases if is_accepted_as_mac(case) is not case.good]
    name = f"Wycheproof {file.removesuffix('_test.json')}, HMAC by the test"
    count(name, "our parser", len(cases))
    assert (wrong, len(cases)) == ([], total)
