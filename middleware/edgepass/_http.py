"""A GET over HTTP/1.1 with the standard library that never blocks the event loop (RFC 9112)."""

import asyncio
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl

_LONGEST_HEAD = 16 * 1024
_LONGEST_PIECE = 64 * 1024  # of a stream, at once
_MOST_CHUNKS = 1024  # more would be so small that they are meant to keep us busy
_HEAD_END = b"\r\n\r\n"
_STATUS_LINE = re.compile(r"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n\0]*)?")
_FIELD_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_BROKEN = (OSError, EOFError, ValueError, asyncio.LimitOverrunError)


class FetchFailed(Exception):
    """The answer did not come, or is not one to trust. The text says which, for a log."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: dict[str, str]
    body: bytes


class Endpoint:
    """One http(s) URL to GET, checked and made ready once.

    Plain http is for loopback only: whoever can change a key set on its way can
    forge every token. Raises `ValueError` for a URL that cannot be used.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError(f"{url!r} is not an http or https URL with a host and no user")
        if not url.isascii() or any(character <= " " for character in url):
            raise ValueError(f"{url!r} has characters that must be percent-encoded")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise ValueError(f"{url!r} must be https: plain http is for loopback addresses only")
        self.url = url
        self._host = parts.hostname
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = parts.netloc
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._tls = _tls_context() if parts.scheme == "https" else None

    async def get(self, *, headers: dict[str, str], maximum_bytes: int, within: float) -> Response:
        """GET it, all `within` so many seconds, or raise `FetchFailed`.

        No redirect is followed, no cookie sent, and no more than `maximum_bytes`
        of body are read.
        """
        try:
            async with asyncio.timeout(within):
                return await self._exchange(headers, maximum_bytes)
        except TimeoutError:
            raise FetchFailed(f"no whole answer within {within} seconds") from None
        except _BROKEN as error:
            raise FetchFailed(f"{type(error).__name__}: {error}") from None

    async def stream(self, *, headers: dict[str, str], within: float) -> "Stream":
        """GET what has no end, its head `within` so many seconds, or raise `FetchFailed`.

        Whoever gets the stream closes it.
        """
        try:
            async with asyncio.timeout(within):
                reader, writer = await self._connect()
                try:
                    status, fields = await self._ask(reader, writer, headers)
                    _validate_stream(status, fields)
                except BaseException:
                    writer.transport.abort()
                    raise
                return Stream(reader, writer)
        except TimeoutError:
            raise FetchFailed(f"no answer within {within} seconds") from None
        except _BROKEN as error:
            raise FetchFailed(f"{type(error).__name__}: {error}") from None

    async def _exchange(self, headers: dict[str, str], maximum_bytes: int) -> Response:
        reader, writer = await self._connect()
        try:
            status, fields = await self._ask(reader, writer, headers)
            return Response(status, fields, await _read_body(reader, status, fields, maximum_bytes))
        finally:
            # Not closed in good order but dropped: nobody waits for a peer here.
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            self._host, self._port, ssl=self._tls, limit=_LONGEST_HEAD
        )

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str]
    ) -> tuple[int, dict[str, str]]:
        writer.write(self._request(headers))
        status, fields = _parse_head(await _read_head(reader))
        while 100 <= status < 200:  # interim; the answer is yet to come
            status, fields = _parse_head(await _read_head(reader))
        return status, fields

    def _request(self, headers: dict[str, str]) -> bytes:
        lines = [f"GET {self._target} HTTP/1.1", f"Host: {self._authority}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class Stream:
    """A body without an end, as it comes: chunks of any size, in pieces of at most 64 kB."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._left = 0  # bytes that the chunk under way still has

    async def read(self, within: float) -> bytes:
        """Return what comes next, `within` so many seconds, or raise `FetchFailed`."""
        try:
            async with asyncio.timeout(within):
                piece = await self._read_piece()
        except TimeoutError:
            raise FetchFailed("nothing came in time") from None
        except _BROKEN as error:
            raise FetchFailed(f"{type(error).__name__}: {error}") from None
        if not piece:
            raise FetchFailed("the stream has ended")
        return piece

    def close(self) -> None:
        self._writer.transport.abort()

    async def _read_piece(self) -> bytes:
        if not self._left:
            self._left = await _read_chunk_size(self._reader)
        piece = await self._reader.read(min(self._left, _LONGEST_PIECE))
        self._left -= len(piece)
        if piece and not self._left:
            await _read_chunk_end(self._reader)
        return piece


def _validate_stream(status: int, fields: dict[str, str]) -> None:
    if status != 200:
        raise FetchFailed(f"the answer has status {status}")
    if fields.get("content-type", "").partition(";")[0].strip() != "text/event-stream":
        raise FetchFailed("the answer is no event stream")
    if fields.get("transfer-encoding", "").lower() != "chunked":
        raise FetchFailed("the answer is not in chunks")
    if fields.get("content-encoding", "identity") != "identity":
        raise FetchFailed("the answer is compressed, which was not asked for")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls_context() -> "ssl.SSLContext":
    # Imported here: an edge that talks to loopback need not load OpenSSL.
    import ssl

    return ssl.create_default_context()


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(_HEAD_END)
    except asyncio.LimitOverrunError:
        raise FetchFailed("the head of the answer is longer than 16 kB") from None


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    status = _STATUS_LINE.fullmatch(first)
    if status is None:
        raise FetchFailed("the answer is not HTTP/1.1")
    fields: dict[str, str] = {}
    for line in lines:
        field = _FIELD_LINE.fullmatch(line)
        if field is None:
            raise FetchFailed("the answer has a malformed header field")
        name, value = field[1].lower(), field[2].rstrip(" \t")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return int(status[1]), fields


async def _read_body(
    reader: asyncio.StreamReader, status: int, fields: dict[str, str], maximum_bytes: int
) -> bytes:
    if status in (204, 304):
        return b""
    if fields.get("content-encoding", "identity") != "identity":
        raise FetchFailed("the answer is compressed, which was not asked for")
    if fields.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader, maximum_bytes)
    length = fields.get("content-length")
    if length is None:
        return await _read_to_end(reader, maximum_bytes)
    if not (length.isascii() and length.isdigit() and len(length) < 10):
        raise FetchFailed("the answer has a malformed Content-Length")
    if int(length) > maximum_bytes:
        raise FetchFailed(f"the answer is longer than {maximum_bytes} bytes")
    return await reader.readexactly(int(length))


async def _read_to_end(reader: asyncio.StreamReader, maximum_bytes: int) -> bytes:
    body = bytearray()
    while chunk := await reader.read(_LONGEST_HEAD):
        body += chunk
        if len(body) > maximum_bytes:
            raise FetchFailed(f"the answer is longer than {maximum_bytes} bytes")
    return bytes(body)


async def _read_chunks(reader: asyncio.StreamReader, maximum_bytes: int) -> bytes:
    body = bytearray()
    for _ in range(_MOST_CHUNKS):
        chunk = await _read_chunk(reader, maximum_bytes - len(body))
        if not chunk:
            return bytes(body)
        body += chunk
    raise FetchFailed(f"the answer comes in more than {_MOST_CHUNKS} chunks")


async def _read_chunk(reader: asyncio.StreamReader, maximum_bytes: int) -> bytes:
    """Return the next chunk, empty for the last."""
    size = await _read_chunk_size(reader)
    if size > maximum_bytes:
        raise FetchFailed("the answer is longer than was agreed")
    chunk = await reader.readexactly(size)
    if size:
        await _read_chunk_end(reader)
    return chunk


async def _read_chunk_size(reader: asyncio.StreamReader) -> int:
    line = _CHUNK_LINE.fullmatch(await reader.readuntil(b"\r\n"))
    if line is None:
        raise FetchFailed("the answer has a malformed chunk")
    return int(line[1], 16)


async def _read_chunk_end(reader: asyncio.StreamReader) -> None:
    if await reader.readexactly(2) != b"\r\n":
        raise FetchFailed("the answer has a malformed chunk")
