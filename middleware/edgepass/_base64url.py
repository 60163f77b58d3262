"""base64url without padding, one spelling per value (RFC 4648 section 5, RFC 7515 section 2)."""

from binascii import Error, a2b_base64

# To the standard alphabet, whose own two characters and padding become impossible.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")
# By the length modulo 4: the padding, and the last characters whose unused bits are zero (RFC
# 4648 section 3.5). Any other spells the same value a second time, or none at all.
_PADDING = (b"", b"", b"==", b"=")
_LAST = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")


def parse_base64url(segment: bytes) -> bytes:
    """Return the bytes that `segment` spells, or raise `ValueError`.

    Padding, white space, the other alphabet and unused bits that are not zero
    are refused, so that a value has one spelling.
    """
    rest = len(segment) % 4
    if rest and segment[-1] not in _LAST[rest]:
        raise ValueError("not base64url in its one spelling")
    try:
        return a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[rest], strict_mode=True)
    except Error:
        raise ValueError("not base64url") from None
