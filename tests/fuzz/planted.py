"""A target whose invariant does not hold, so that it shows whether the fuzzer finds out."""

from collections.abc import Iterator

WORDS = (b"sess", b"ion")


def seeds() -> Iterator[bytes]:
    """Yield an input that keeps the invariant."""
    yield b"client"


def check(data: bytes) -> None:
    """Break on any input that begins in a certain way."""
    if data[:1] == b"s":
        assert data[:4] != b"sess", "planted"
