"""Writes small databases in the MaxMind DB format, version 2.0 (maxmind.github.io/MaxMind-DB)."""

import struct
from collections.abc import Mapping
from ipaddress import IPv4Network, ip_network
from pathlib import Path

_MARKER = b"\xab\xcd\xefMaxMind.com"
_SEPARATOR = bytes(16)
_RECORD_BYTES = 4  # "large database", the simplest layout: a node is two big-endian words
_UTF8, _DOUBLE, _BYTES, _UINT16, _UINT32, _MAP, _INT32, _UINT64 = 2, 3, 4, 5, 6, 7, 8, 9
_ARRAY, _BOOLEAN = 11, 14


def write_database(path: Path, records: Mapping[str, object], *, ip_version: int = 6) -> Path:
    """Write a database that says `records[network]` of each address in the network.

    Networks must not overlap. IPv4 goes where the format wants it in a tree of
    IPv6: into its first 32 bits.
    """
    tree, data = _Tree(), b""
    for text, record in records.items():
        tree.insert(_bits(text, ip_version), len(data))
        data += _encode(record)
    metadata = {
        "node_count": _unsigned(_UINT32, len(tree.nodes)),
        "record_size": _unsigned(_UINT16, _RECORD_BYTES * 8),
        "ip_version": _unsigned(_UINT16, ip_version),
        "database_type": _encode("Test"),
        "languages": _encode(["en"]),
        "binary_format_major_version": _unsigned(_UINT16, 2),
        "binary_format_minor_version": _unsigned(_UINT16, 0),
        "build_epoch": _unsigned(_UINT64, 1_700_000_000),
        "description": _encode({"en": "made for a test"}),
    }
    path.write_bytes(tree.encode() + _SEPARATOR + data + _MARKER + _map(metadata))
    return path


class _Tree:
    """A node is two records; a record is another node, an offset into the data, or empty."""

    def __init__(self) -> None:
        self.nodes: list[list[tuple[str, int] | None]] = [[None, None]]

    def insert(self, bits: str, offset: int) -> None:
        node = 0
        for bit in map(int, bits[:-1]):
            record = self.nodes[node][bit]
            if record is None:
                self.nodes.append([None, None])
                record = self.nodes[node][bit] = ("node", len(self.nodes) - 1)
            assert record[0] == "node", "networks overlap"
            node = record[1]
        assert self.nodes[node][int(bits[-1])] is None, "networks overlap"
        self.nodes[node][int(bits[-1])] = ("data", offset)

    def encode(self) -> bytes:
        return b"".join(self._encode_record(record) for node in self.nodes for record in node)

    def _encode_record(self, record: tuple[str, int] | None) -> bytes:
        kind, value = record or ("empty", 0)
        base = {"node": 0, "empty": len(self.nodes), "data": len(self.nodes) + len(_SEPARATOR)}
        return struct.pack(">I", base[kind] + value)


def _bits(text: str, ip_version: int) -> str:
    network = ip_network(text)
    length = network.prefixlen
    if isinstance(network, IPv4Network) and ip_version == 6:
        length += 96
    width = 32 if ip_version == 4 else 128
    return f"{int(network.network_address):0{width}b}"[:length]


def _encode(value: object) -> bytes:
    match value:
        case bool():
            return _control(_BOOLEAN, int(value))
        case int() if value < 0:
            return _control(_INT32, 4) + struct.pack(">i", value)
        case int():
            return _unsigned(_UINT64 if value >= 2**32 else _UINT32, value)
        case float():
            return _control(_DOUBLE, 8) + struct.pack(">d", value)
        case str():
            return _control(_UTF8, len(value.encode())) + value.encode()
        case bytes():
            return _control(_BYTES, len(value)) + value
        case list():
            return _control(_ARRAY, len(value)) + b"".join(map(_encode, value))
        case dict():
            return _map({key: _encode(held) for key, held in value.items()})
    raise TypeError(f"{value!r} has no place in a database")


def _map(encoded: Mapping[str, bytes]) -> bytes:
    pairs = (_encode(key) + value for key, value in encoded.items())
    return _control(_MAP, len(encoded)) + b"".join(pairs)


def _unsigned(kind: int, value: int) -> bytes:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _control(kind, len(raw)) + raw


def _control(kind: int, size: int) -> bytes:
    # Types past 7 go into a second byte; sizes past 28 into one or two bytes of their own.
    code = size if size < 29 else 29 if size < 285 else 30
    more = {29: lambda: bytes([size - 29]), 30: lambda: struct.pack(">H", size - 285)}
    first = (kind if kind < 8 else 0) << 5 | code
    return bytes([first] + ([kind - 7] if kind > 7 else [])) + more.get(code, bytes)()
