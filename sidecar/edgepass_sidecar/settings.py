"""Settings from the environment and `edgepass.toml`, judged as a whole before anything starts."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from edgepass_sidecar.claims_language import CompiledClaims
from edgepass_sidecar.policy import (
    DEFAULT_ACCOUNTS,
    MOST_ACCOUNTS,
    MOST_SESSIONS,
    PRESETS,
    AtLimit,
    SessionPolicy,
)
from edgepass_sidecar.setting_values import (
    MASTER_KEY_REMEDY,
    SQLITE,
    Network,
    one_of,
    parse_count,
    parse_days,
    parse_domain,
    parse_limit,
    parse_listen,
    parse_master_key,
    parse_networks,
    parse_origin,
    parse_origins,
    parse_path,
    parse_secret_keys,
    parse_session_claims,
    parse_store,
    parse_switch,
    parse_token_lifetime,
    split,
)
from edgepass_sidecar.signing_keys import ALGORITHMS

Value = TypeVar("Value")

PREFIX = "EDGEPASS_"
FILE_NAME = "edgepass.toml"
_LOOPBACK = re.compile(
    r"http://(?:127(?:\.\d{1,3}){3}|\[::1\]|(?:[a-z0-9-]+\.)*localhost)(?::\d+)?\Z"
)


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
    cookie_domain: str | None
    captures_devices: bool
    locations_file: Path | None
    limits_rates: bool
    logs_tokens: bool
    session_claims: CompiledClaims | None
    claims_url: str | None
    claims_secrets: tuple[str, ...] = field(repr=False)
    webhook_url: str | None = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)
    allows_private_webhooks: bool
    events_kept: float | None
    master_key: bytes | None = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    edge_keys: tuple[str, ...] = field(repr=False)

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def sqlite_path(self) -> Path:
        return Path(self.store.removeprefix(SQLITE))


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
        instance = self._take("INSTANCE", "production", one_of("production", "development"))
        production = instance == "production"
        host, port = self._take("LISTEN", ("127.0.0.1", 8787), parse_listen)
        master_key_file = self._take("MASTER_KEY_FILE", None, parse_path)
        settings = Settings(
            public_url=self._public_url(production, host, port),
            host=host,
            port=port,
            store=self._take("STORE", "sqlite:///edgepass.db", parse_store),
            production=production,
            algorithm=self._take("ALGORITHM", "RS256", one_of(*ALGORITHMS)),
            token_lifetime=self._take("TOKEN_LIFETIME", 60, parse_token_lifetime),
            policy=self._policy(),
            allowed_origins=self._take("ALLOWED_ORIGINS", frozenset(), parse_origins),
            trusted_proxies=self._take("TRUSTED_PROXIES", (), parse_networks),
            master_key=self._master_key(master_key_file, production),
            master_key_file=master_key_file,
            secret_keys=self._take("SECRET_KEYS", (), parse_secret_keys),
            edge_keys=self._take("EDGE_KEYS", (), parse_secret_keys),
            cookie_domain=self._take("COOKIE_DOMAIN", None, parse_domain),
            captures_devices=self._take("DEVICES", True, parse_switch),
            locations_file=self._take("LOCATIONS", None, parse_path),
            limits_rates=self._take("RATE_LIMITS", True, parse_switch),
            logs_tokens=self._take("LOG_TOKENS", False, parse_switch),
            session_claims=self._take("SESSION_CLAIMS", None, parse_session_claims),
            claims_url=self._take("CLAIMS_URL", None, str),
            claims_secrets=self._take("CLAIMS_SECRET", (), lambda text: tuple(split(text))),
            webhook_url=self._take("WEBHOOK_URL", None, str),
            webhook_secrets=self._take("WEBHOOK_SECRET", (), lambda text: tuple(split(text))),
            allows_private_webhooks=self._take("WEBHOOK_PRIVATE", False, parse_switch),
            events_kept=self._take("EVENTS_KEPT", None, parse_days),
        )
        self._validate_together(settings)
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
        url = self._take("PUBLIC_URL", default, parse_origin)
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
        preset = PRESETS[self._take("POLICY", "edgepass", one_of(*PRESETS))]
        lifetime = self._take("MAXIMUM_LIFETIME", preset.maximum_lifetime, parse_limit)
        timeout = self._take("INACTIVITY_TIMEOUT", preset.inactivity_timeout, parse_limit)
        any_number: int | None = None
        try:
            return SessionPolicy(
                maximum_lifetime=lifetime,
                inactivity_timeout=timeout,
                multi_session=self._take("MULTI_SESSION", True, parse_switch),
                maximum_accounts=self._take(
                    "MAXIMUM_ACCOUNTS", DEFAULT_ACCOUNTS, parse_count(MOST_ACCOUNTS)
                ),
                maximum_sessions=self._take(
                    "MAXIMUM_SESSIONS", any_number, parse_count(MOST_SESSIONS)
                ),
                at_limit=AtLimit(self._take("AT_SESSION_LIMIT", "refuse", one_of(*AtLimit))),
            )
        except ValueError as error:
            name = "INACTIVITY_TIMEOUT" if "the inactivity" in str(error) else "MAXIMUM_LIFETIME"
            raise WrongSetting(name, str(error)) from None

    def _validate_together(self, settings: Settings) -> None:
        domain, host = settings.cookie_domain, urlsplit(settings.public_url).hostname or ""
        if domain is not None and not f".{host}".endswith(f".{domain}"):
            raise WrongSetting(
                "COOKIE_DOMAIN",
                f"{domain} must be a domain that {host} is in, or browsers refuse the cookies",
            )
        if settings.claims_url is not None and not settings.claims_secrets:
            raise WrongSetting(
                "CLAIMS_SECRET",
                "is missing: your app knows by it that EDGEPASS_CLAIMS_URL was asked by the"
                " sidecar; make one with: echo whsec_$(openssl rand -base64 32)",
            )
        if settings.claims_url is None and settings.claims_secrets:
            raise WrongSetting("CLAIMS_URL", "is missing, and EDGEPASS_CLAIMS_SECRET is set")
        if settings.webhook_url is not None and not settings.webhook_secrets:
            raise WrongSetting(
                "WEBHOOK_SECRET",
                "is missing: your app knows by it that a webhook was sent by the sidecar;"
                " make one with: echo whsec_$(openssl rand -base64 32)",
            )
        if settings.webhook_url is None and settings.webhook_secrets:
            raise WrongSetting("WEBHOOK_URL", "is missing, and EDGEPASS_WEBHOOK_SECRET is set")

    def _master_key(self, file: Path | None, production: bool) -> bytes | None:
        key = self._take("MASTER_KEY", None, parse_master_key)
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
        for name in self._given:
            raise WrongSetting(name, "is not a setting: check its spelling, or unset it")


def read_master_key(file: Path) -> bytes:
    try:
        return parse_master_key(file.read_text("ascii").strip())
    except OSError as error:
        raise WrongSetting("MASTER_KEY_FILE", f"cannot be read: {error}") from None
    except ValueError as error:
        raise WrongSetting("MASTER_KEY_FILE", f"{file}: its text {error}") from None
