"""Project Wycheproof's signatures, put to `SignatureKey.verify` of both backends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgepass._signatures import Backend, SignatureKey
from tests.support.standards import (
    FULL,
    Members,
    count,
    vectors_folder,
    wycheproof_signatures,
)

Case = tuple[Members, bytes, bytes]


def groups_of(path: Path) -> Iterator[tuple[Members, list[Case]]]:
    for group in json.loads(path.read_text("utf-8"))["testGroups"]:
        yield (
            group["publicKey"],
            [(test, *map(bytes.fromhex, (test["sig"], test["msg"]))) for test in group["tests"]],
        )


def widened(key: SignatureKey) -> SignatureKey:
    for _ in key.widen():
        pass
    return key


def is_widened(number: int) -> bool:
    # Nearly each signature has its own key, and wide tables take a tenth of a second.
    return FULL or number % 16 == 0


def tables(wide: bool) -> str:
    return ", tables widened" if wide else ""


def wrong_verdicts(key: SignatureKey, cases: list[Case]) -> list[int]:
    # Of what is "acceptable", such as an encoding that is not DER, nothing is accepted.
    return [
        test["tcId"]
        for test, signature, message in cases
        if key.verify(signature, message) is not (test["result"] == "valid")
    ]


@pytest.mark.parametrize(("bits", "total"), [(2048, 259), (3072, 259), (4096, 258), (8192, 258)])
def test_the_rs256_verdicts_are_ours(bits: int, total: int, backend: Backend) -> None:
    name = f"rsa_signature_{bits}_sha256_test.json"
    wrong, cases_run = [], 0
    for numbers, cases in groups_of(wycheproof_signatures(name)):
        modulus, exponent = (int(numbers[part], 16) for part in ("modulus", "publicExponent"))
        wrong += wrong_verdicts(backend.rsa(modulus, exponent), cases)
        cases_run += len(cases)
    count(f"Wycheproof RS256, {bits} bits", backend.name, cases_run)
    assert (wrong, cases_run) == ([], total)


def p256_key(numbers: Members, backend: Backend) -> SignatureKey:
    x, y = (int(numbers[part], 16).to_bytes(32) for part in ("wx", "wy"))
    return backend.p256(x, y)


@pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
def test_the_es256_verdicts_are_ours(wide: bool, backend: Backend) -> None:
    name = "ecdsa_secp256r1_sha256_p1363_test.json"
    wrong, cases_run = [], 0
    for number, (numbers, cases) in enumerate(groups_of(wycheproof_signatures(name))):
        key = p256_key(numbers, backend)
        if wide and is_widened(number):
            widened(key)
        wrong += wrong_verdicts(key, cases)
        cases_run += len(cases)
    count(f"Wycheproof ES256, P1363{tables(wide)}", backend.name, cases_run)
    assert (wrong, cases_run) == ([], 262)


def test_a_signature_in_der_is_none(backend: Backend) -> None:
    name = "ecdsa_secp256r1_sha256_test.json"
    accepted, cases_run = [], 0
    for numbers, cases in groups_of(wycheproof_signatures(name)):
        key = p256_key(numbers, backend)
        accepted += [test["tcId"] for test, *case in cases if key.verify(*case)]
        cases_run += len(cases)
    count("Wycheproof ES256, DER offered as JWS", backend.name, cases_run)
    assert (accepted, cases_run) == ([], 484)


def ed25519_file(edition: str) -> Path:
    if edition == "2026-10-23":
        return wycheproof_signatures("ed25519_test.json")
    return vectors_folder() / "wycheproof" / "ed25519_test.json"


@pytest.mark.parametrize(
    ("edition", "total", "small", "mixed"),
    [("2026-08-18", 151, 0, 0), ("2026-10-23", 210, 8, 22)],
)
@pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
def test_the_eddsa_verdicts_are_ours(
    edition: str, total: int, small: int, mixed: int, wide: bool, backend: Backend
) -> None:
    counts = dict.fromkeys(("all", "small", "mixed"), 0)
    wrong = []
    for number, (numbers, cases) in enumerate(groups_of(ed25519_file(edition))):
        encoded = bytes.fromhex(numbers["pk"])
        counts["all"] += len(cases)
        if any("SmallOrderPublicKey" in test["flags"] for test, *_ in cases):
            counts["small"] += len(cases)
            with pytest.raises(ValueError, match="small order"):
                backend.ed25519(encoded)
            continue
        key = backend.ed25519(encoded)
        if wide and is_widened(number):
            widened(key)
        strict = [case for case in cases if "MixedOrderPublicKey" not in case[0]["flags"]]
        counts["mixed"] += len(cases) - len(strict)
        wrong += wrong_verdicts(key, strict)
    count(f"Wycheproof EdDSA, {edition}{tables(wide)}", backend.name, counts["all"])
    assert wrong == []
    assert counts == {"all": total, "small": small, "mixed": mixed}


def test_both_backends_give_keys_of_mixed_order_the_same_verdicts() -> None:
    # RFC 8032 leaves them open: with the cofactor or without. Ours is without.
    from edgepass._signatures import STANDARD_LIBRARY, find_cryptography

    native = find_cryptography()
    assert native is not None, "pip install 'edgepass[fast]'"
    compared = 0
    for numbers, cases in groups_of(ed25519_file("2026-10-23")):
        mixed = [case for case in cases if "MixedOrderPublicKey" in case[0]["flags"]]
        if mixed:
            encoded = bytes.fromhex(numbers["pk"])
            one, two = STANDARD_LIBRARY.ed25519(encoded), native.ed25519(encoded)
            for test, *case in mixed:
                assert one.verify(*case) is two.verify(*case), test["tcId"]
                compared += 1
    assert compared == 22
