"""What follows the Bearer scheme is handed on byte by byte, except for the spaces before it."""

import pytest

from edgepass._credential import Credential, find_credential


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
@pytest.mark.parametrize("spaces", [b" ", b"  ", b"   "])
@pytest.mark.parametrize(
    "token", [b"x", b"Xx", b"XX XX", b"\tx", b"\nx", b"\x0bx", b"\x00x", b"\xa0x", b"x ", b"x\t"]
)
def test_no_byte_of_a_bearer_token_is_lost_but_spaces_before_it(scheme, spaces, token) -> None:
    headers = [(b"authorization", scheme + spaces + token)]
    assert find_credential(headers) == Credential(token, is_bearer=True)
