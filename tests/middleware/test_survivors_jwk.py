"""RSA moduli of the form that one maker's chips gave them, which makes them factorable."""

from math import prod

import pytest

from edgepass._jwk import _FACTORABLE, UnusableKey, parse_jwk
from edgepass._signatures import Backend
from tests.support.issuer import base64url

MODULUS_OF_THE_FORM = prod(prime for prime, _ in _FACTORABLE)


def rsa_member(modulus: int) -> dict[str, object]:
    spelled = base64url(modulus.to_bytes((modulus.bit_length() + 7) // 8)).decode("ascii")
    return {"kty": "RSA", "kid": "key-1", "n": spelled, "e": "AQAB"}


@pytest.mark.parametrize("power", [1, 2, 3, 1000])
def test_a_modulus_that_is_a_power_of_65537_to_all_small_primes_is_refused(
    backend: Backend, power: int
) -> None:
    step = 2 * MODULUS_OF_THE_FORM
    residue = pow(65537, power, step)
    modulus = residue + step * (2**2047 // step + 1)
    with pytest.raises(UnusableKey, match="CVE-2017-15361"):
        parse_jwk(rsa_member(modulus), backend)
    assert parse_jwk(rsa_member(modulus + 2), backend).key_id == "key-1"
