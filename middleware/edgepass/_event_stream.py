"""Server-sent events out of bytes, in pieces of any size (WHATWG HTML, section 9.2.6)."""

from typing import NamedTuple

MAXIMUM_MESSAGE_BYTES = 512 * 1024  # a whole key set is at most half of it


class Message(NamedTuple):
    """One event: its type, the id that was last set, and its data."""

    kind: str
    id: str
    data: bytes


class MessageTooLong(ValueError):
    """A message is longer than 512 kB: whoever sends it is not to be trusted with our memory."""


class MessageParser:
    """Collects bytes and gives back the messages that are whole.

    Lines end with LF or CRLF, as the sidecar's do. Comments and fields that
    are not known are passed over.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._id = ""

    def parse(self, piece: bytes) -> list[Message]:
        """Return the messages that `piece` completes.

        Raises `MessageTooLong`, or `UnicodeDecodeError` for a name that is not UTF-8.
        """
        *blocks, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._rest) > MAXIMUM_MESSAGE_BYTES:
            raise MessageTooLong("a message of the event stream is longer than 512 kB")
        found = map(self._read, blocks)
        return [message for message in found if message is not None]

    def _read(self, block: bytes) -> Message | None:
        kind, data = "message", []
        for line in block.split(b"\n"):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"event":
                kind = value.decode("utf-8")
            elif name == b"data":
                data.append(value)
            elif name == b"id" and b"\0" not in value:
                self._id = value.decode("utf-8")
        return Message(kind, self._id, b"\n".join(data)) if data else None
