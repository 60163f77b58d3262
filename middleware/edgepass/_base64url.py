"""base64url without padding, one spelling per value (RFC 4648 section 5, RFC 7515 section 2)."""

from binascii import a2b_base64

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TO_STANDARD = bytes.maketrans(b"-_", b"+/")
# By the length modulo 4, the last characters whose unused bits are zero (RFC 4648
# section 3.5); any other spells the same value a second time, or none at all.
_LAST = (ALPHABET.translate(TO_STANDARD), b"", b"AQgw", b"AEIMQUYcgkosw048")


def parse_base64url(segment: bytes) -> bytes:
    """Return the bytes that `segment` spells, or raise `ValueError`.

    Padding, white space, the other alphabet and unused bits that are not zero
    are refused, so that a value has one spelling.
    """
    if segment.translate(None, ALPHABET):
        raise ValueError("not base64url")
    return parse_standard(segment.translate(TO_STANDARD))


def parse_standard(segment: bytes) -> bytes:
    """Do the same for characters of `ALPHABET` that were translated `TO_STANDARD`."""
    if segment[-1:] not in _LAST[len(segment) % 4]:
        raise ValueError("not base64url in its one spelling")
    return a2b_base64(segment + b"==")
