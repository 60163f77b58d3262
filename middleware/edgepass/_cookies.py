"""One cookie's values out of a Cookie header, in one linear scan (RFC 6265bis section 5.8.3)."""

_SPACES = b" \t"
_SEMICOLON = ord(";")


def find_cookies(field: bytes, name: bytes) -> list[bytes]:
    """Return every value that `field` has under exactly `name`, in order.

    Values are not unquoted: ours never need it, and unquoting is where
    `http.cookies` turns quadratic. The caller bounds the length of `field`.
    """
    values: list[bytes] = []
    needle = name + b"="
    position = field.find(needle)
    while position >= 0:
        start = position + len(needle)
        if _begins_pair(field, position):
            end = field.find(b";", start)
            if end < 0:
                end = len(field)
            values.append(field[start:end].strip(_SPACES))
            start = end
        position = field.find(needle, start)
    return values


def _begins_pair(field: bytes, position: int) -> bool:
    position -= 1
    while position >= 0 and field[position] in _SPACES:
        position -= 1
    return position < 0 or field[position] == _SEMICOLON
