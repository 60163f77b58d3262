"""Settings from the environment and `edgepass.toml`, judged as a whole before anything starts."""

import base64
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from edgepass_sidecar.key_material import MASTER_KEY_BYTES
from edgepass_sidecar.policy import DEFAULT_MAXIMUM_LIFETIME, SessionPolicy
from edgepass_sidecar.secret_key import SHORTEST_KEY
from edgepass_sidecar.signing_keys import ALGORITHMS

Value = TypeVar("Value")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PREFIX = "EDGEPASS_"
FILE_NAME = "edgepass.toml"
MEMORY = "memory:"
_SQLITE = "sqlite:///"
MASTER_KEY_REMEDY = "make one with: openssl rand -base64 32"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
# A name, an IPv4 address, or an IPv6 address in brackets; as browsers write them in Origin.
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(rf"(?P<scheme>https?)://(?:{_HOST.pattern})(?::(?P<port>[0-9]{{1,5}}))?")
_LOOPBACK = re.compile(
    r"http://(?:127(?:\.\d{1,3}){3}|\[::1\]|(?:[a-z0-9-]+\.)*localhost)(?::\d+)?\Z"
)
_DURATION = re.compile(r"(\d{1,10})([smhd]?)")
_LATER = {
    "WEBHOOK_URL": "webhooks are not delivered by this version",
    "WEBHOOK_SECRET": "webhooks are not delivered by this version",
}


class WrongSetting(Exception):
    """One setting cannot be used; the text names it, says why, and what to do."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{PREFIX}{name}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a sidecar is told. Lifetimes are seconds; secrets are not in the `repr`."""

    public_url: str
    host: str
    port: int
    store: str
    production: bool
    algorithm: str
    token_lifetime: int
    policy: SessionPolicy
    allowed_origins: frozenset[str]
    trusted_proxies: tuple[Network, ...]
    master_key_file: Path | None
    master_key: bytes | None = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def sqlite_path(self) -> Path:
        return Path(self.store.removeprefix(_SQLITE))


def load_settings(environment: Mapping[str, str], directory: Path) -> Settings:
    """Read the environment, then `edgepass.toml` in `directory`, or raise `WrongSetting`."""
    given = _read_file(directory / FILE_NAME) | {
        name.removeprefix(PREFIX): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    return _Reader(given).settings()


def _read_file(path: Path) -> dict[str, str]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WrongSetting("*", f"{path} cannot be read: {error}") from None
    given = {}
    for name, value in document.items():
        if not name.startswith(PREFIX):
            raise WrongSetting("*", f"{path} has {name}, but names there begin with {PREFIX}")
        if isinstance(value, bool):
            value = "on" if value else "off"
        parts = value if isinstance(value, list) else [value]
        given[name.removeprefix(PREFIX)] = ",".join(str(part) for part in parts)
    return given


class _Reader:
    """Takes settings by name, each once, so that what is left over is unknown."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def settings(self) -> Settings:
        instance = self._take("INSTANCE", "production", _one_of("production", "development"))
        production = instance == "production"
        host, port = self._take("LISTEN", ("127.0.0.1", 8787), _parse_listen)
        master_key_file = self._take("MASTER_KEY_FILE", None, _parse_path)
        settings = Settings(
            public_url=self._public_url(production, host, port),
            host=host,
            port=port,
            store=self._take("STORE", "sqlite:///edgepass.db", _parse_store),
            production=production,
            algorithm=self._take("ALGORITHM", "RS256", _one_of(*ALGORITHMS)),
            token_lifetime=self._take("TOKEN_LIFETIME", 60, _parse_token_lifetime),
            policy=self._policy(),
            allowed_origins=self._take("ALLOWED_ORIGINS", frozenset(), _parse_origins),
            trusted_proxies=self._take("TRUSTED_PROXIES", (), _parse_networks),
            master_key=self._master_key(master_key_file, production),
            master_key_file=master_key_file,
            secret_keys=self._take("SECRET_KEYS", (), _parse_secret_keys),
        )
        self._refuse_the_rest()
        return settings

    def _take(self, name: str, default: Value, parse: Callable[[str], Value]) -> Value:
        text = self._given.pop(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise WrongSetting(name, str(error)) from None

    def _public_url(self, production: bool, host: str, port: int) -> str:
        # All addresses are what to listen on; one of them is what to call.
        reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        authority = f"[{reached}]:{port}" if ":" in reached else f"{reached}:{port}"
        default = "" if production else f"http://{authority}"
        url = self._take("PUBLIC_URL", default, _parse_origin)
        if not url:
            raise WrongSetting(
                "PUBLIC_URL",
                "is missing: set it to the URL that browsers reach the sidecar at, such as"
                " https://auth.example.com (or EDGEPASS_INSTANCE=development to try things out)",
            )
        if url.startswith("https://") or (not production and _LOOPBACK.match(url)):
            return url
        where = "in production" if production else "anywhere but on loopback (127.0.0.1)"
        raise WrongSetting(
            "PUBLIC_URL", f"{url} must be https {where}, or cookies could be read on the way"
        )

    def _policy(self) -> SessionPolicy:
        week: float | None = DEFAULT_MAXIMUM_LIFETIME
        lifetime = self._take("MAXIMUM_LIFETIME", week, _parse_limit)
        timeout = self._take("INACTIVITY_TIMEOUT", None, _parse_limit)
        multi_session = self._take("MULTI_SESSION", "on", _one_of("on", "off")) == "on"
        try:
            return SessionPolicy(
                maximum_lifetime=lifetime, inactivity_timeout=timeout, multi_session=multi_session
            )
        except ValueError as error:
            name = "INACTIVITY_TIMEOUT" if "the inactivity" in str(error) else "MAXIMUM_LIFETIME"
            raise WrongSetting(name, str(error)) from None

    def _master_key(self, file: Path | None, production: bool) -> bytes | None:
        key = self._take("MASTER_KEY", None, _parse_master_key)
        if key is not None and file is not None:
            raise WrongSetting("MASTER_KEY", "and EDGEPASS_MASTER_KEY_FILE are both set: keep one")
        if file is not None and (file.exists() or production):
            return read_master_key(file)
        if key is None and production:
            raise WrongSetting(
                "MASTER_KEY",
                f"is missing: signing keys rest encrypted under it; {MASTER_KEY_REMEDY}",
            )
        return key

    def _refuse_the_rest(self) -> None:
        for name, value in self._given.items():
            if name in _LATER and value.strip():
                raise WrongSetting(name, f"{_LATER[name]}: unset it")
            if name not in _LATER:
                raise WrongSetting(name, "is not a setting: check its spelling, or unset it")


def read_master_key(file: Path) -> bytes:
    try:
        return _parse_master_key(file.read_text("ascii").strip())
    except OSError as error:
        raise WrongSetting("MASTER_KEY_FILE", f"cannot be read: {error}") from None
    except ValueError as error:
        raise WrongSetting("MASTER_KEY_FILE", f"{file}: its text {error}") from None


def _parse_master_key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:  # binascii.Error is one, and so is text that is not ASCII
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise ValueError(f"must be 32 bytes in base64: {MASTER_KEY_REMEDY}")
    return key


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"{text!r} must be one of {', '.join(names)}")
        return text

    return parse


def _parse_listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    known = _HOST.fullmatch(host) and colon and port.isascii() and port.isdigit()
    if not known or int(port) > 65535:
        raise ValueError(f"{text!r} must be a host and a port, such as 127.0.0.1:8787")
    return host.strip("[]"), int(port)


def _parse_path(text: str) -> Path | None:
    return Path(text)


def _parse_store(text: str) -> str:
    if text == MEMORY or (text.startswith(_SQLITE) and text != _SQLITE):
        return text
    scheme = text.split(":", 1)[0]
    raise ValueError(
        f"{scheme}: is no store of this version: use sqlite:///FILE"
        " (sqlite:////FILE for an absolute path), or memory: for tests"
    )


def _parse_token_lifetime(text: str) -> int:
    try:
        seconds = _parse_seconds(text)
    except ValueError:
        seconds = 0
    if not 30 <= seconds <= 300:
        raise ValueError(
            f"{text!r} must be 30 to 300 seconds, a whole number: edges refuse what lives longer"
        )
    return seconds


def _parse_limit(text: str) -> float | None:
    return None if text == "off" else float(_parse_seconds(text))


def _parse_seconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} must be seconds, or a number with s, m, h or d, or off")
    return int(match[1]) * _UNITS[match[2]]


def _parse_origin(text: str) -> str:
    origin = _ORIGIN.fullmatch(text)
    port = origin["port"] if origin else None
    is_default = origin is not None and port == {"http": "80", "https": "443"}[origin["scheme"]]
    if origin is None or is_default or (port is not None and not 0 < int(port) < 65536):
        raise ValueError(
            f"{text!r} must be an origin in lower case, such as https://auth.example.com:"
            " scheme, host and perhaps a port that is not the usual one, with no slash at the end"
        )
    return text


def _parse_origins(text: str) -> frozenset[str]:
    return frozenset(_parse_origin(part) for part in _split(text))


def _parse_networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in _split(text))
    except ValueError as error:
        raise ValueError(f"must be addresses or networks such as 10.0.0.0/8: {error}") from None


def _parse_secret_keys(text: str) -> tuple[str, ...]:
    keys = tuple(_split(text))
    if any(len(key) < SHORTEST_KEY or not key.isascii() for key in keys):
        raise ValueError(
            f"each key needs at least {SHORTEST_KEY} random characters:"
            " make one with: edgepass keys create"
        )
    return keys


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
