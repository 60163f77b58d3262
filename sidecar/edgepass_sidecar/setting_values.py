"""One setting's text to its value, or a `ValueError` that says what it must be."""

import base64
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path

from edgepass_sidecar.claims_language import CompiledClaims, parse_document
from edgepass_sidecar.key_material import MASTER_KEY_BYTES
from edgepass_sidecar.secret_key import SHORTEST_KEY
from edgepass_sidecar.shortcode import WrongClaims
from edgepass_sidecar.template import parse_custom_claims

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MEMORY = "memory:"
SQLITE = "sqlite:///"
MASTER_KEY_REMEDY = "make one with: openssl rand -base64 32"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
# A name, an IPv4 address, or an IPv6 address in brackets; as browsers write them in Origin.
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(rf"(?P<scheme>https?)://(?:{_HOST.pattern})(?::(?P<port>[0-9]{{1,5}}))?")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_DURATION = re.compile(r"(\d{1,10})([smhd]?)")


def parse_master_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one, and so is text that is not ASCII
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(f"must be 32 bytes in base64: {MASTER_KEY_REMEDY}")
    return key


def one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} must be one of {', '.join(names)}")
        return text

    return parse


def parse_listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    known = _HOST.fullmatch(host) and colon and port.isascii() and port.isdigit()
    if not known or int(port) > 65535:
        raise ValueError(f"{text!r} must be a host and a port, such as 127.0.0.1:8787")
    return host.strip("[]"), int(port)


def parse_path(text: str) -> Path:
    return Path(text)


def parse_domain(text: str) -> str:
    if _DOMAIN.fullmatch(text) is None:
        raise ValueError(f"{text!r} must be a domain in lower case, such as example.com")
    return text


def parse_count(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise ValueError(f"{text!r} must be a whole number, 1 to {most}")
        return int(text)

    return parse


def parse_days(text: str) -> float:
    """Read a number of days, 1 to 36,500, as seconds."""
    return 86_400.0 * parse_count(36_500)(text)


def parse_switch(text: str) -> bool:
    return one_of("on", "off")(text) == "on"


def parse_session_claims(text: str) -> CompiledClaims:
    try:
        return parse_custom_claims(parse_document(text))
    except WrongClaims as error:
        raise ValueError(str(error)) from None


def parse_store(text: str) -> str:
    if text == MEMORY or (text.startswith(SQLITE) and text != SQLITE):
        return text
    scheme = text.split(":", 1)[0]
    raise ValueError(
        f"{scheme}: is no store of this version: use sqlite:///FILE"
        " (sqlite:////FILE for an absolute path), or memory: for tests"
    )


def parse_token_lifetime(text: str) -> int:
    try:
        seconds = parse_seconds(text)
    except ValueError:
        seconds = 0
    if not 30 <= seconds <= 300:
        raise ValueError(
            f"{text!r} must be 30 to 300 seconds, a whole number: edges refuse what lives longer"
        )
    return seconds


def parse_limit(text: str) -> float | None:
    return None if text == "off" else float(parse_seconds(text))


def parse_seconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} must be seconds, or a number with s, m, h or d, or off")
    return int(match[1]) * _UNITS[match[2]]


def parse_origin(text: str) -> str:
    origin = _ORIGIN.fullmatch(text)
    port = origin["port"] if origin else None
    is_default = origin is not None and port == {"http": "80", "https": "443"}[origin["scheme"]]
    if origin is None or is_default or (port is not None and not 0 < int(port) < 65536):
        raise ValueError(
            f"{text!r} must be an origin in lower case, such as https://auth.example.com:"
            " scheme, host and perhaps a port that is not the usual one, with no slash at the end"
        )
    return text


def parse_origins(text: str) -> frozenset[str]:
    return frozenset(parse_origin(part) for part in split(text))


def parse_networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in split(text))
    except ValueError as error:
        raise ValueError(f"must be addresses or networks such as 10.0.0.0/8: {error}") from None


def parse_secret_keys(text: str) -> tuple[str, ...]:
    keys = tuple(split(text))
    if any(len(key) < SHORTEST_KEY or not key.isascii() for key in keys):
        raise ValueError(
            f"each key needs at least {SHORTEST_KEY} random characters:"
            " make one with: edgepass keys create"
        )
    return keys


def split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
