"""base64url without padding, one spelling per value (RFC 4648 section 5, RFC 7515 section 2)."""

from binascii import Error, a2b_base64, b2a_base64

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")


def parse_base64url(segment: bytes) -> bytes:
    """Return the bytes that `segment` spells, or raise `ValueError`.

    Decoding is lenient and then undone and compared, so padding, white space,
    the other alphabet and unused bits that are not zero are all refused.
    """
    try:
        value = a2b_base64(segment.translate(_TO_STANDARD) + b"==")
    except Error:
        raise ValueError("not base64url") from None
    if b2a_base64(value, newline=False).rstrip(b"=").translate(_FROM_STANDARD) != segment:
        raise ValueError("not base64url in its one spelling")
    return value
