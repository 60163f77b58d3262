"""Settings: defaults, what each takes, and where each comes from."""

import base64
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from edgepass_sidecar.policy import NIST_AAL3, AtLimit, SessionPolicy
from edgepass_sidecar.settings import Settings, WrongSetting, load_settings
from tests.support.sidecar import MASTER_KEY, SECRET_KEY

KEY_TEXT = base64.b64encode(MASTER_KEY).decode()
DEVELOPMENT = {"INSTANCE": "development"}
PRODUCTION = {"PUBLIC_URL": "https://auth.example.com", "MASTER_KEY": KEY_TEXT}


class Told:
    """A folder and an environment to read settings from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, given: dict[str, str] | None = None) -> Settings:
        given = DEVELOPMENT if given is None else given
        environment = {f"EDGEPASS_{name}": value for name, value in given.items()}
        return load_settings({"PATH": "/bin", "EDGEPASS": "x", **environment}, self.folder)

    def write(self, text: str) -> None:
        (self.folder / "edgepass.toml").write_text(text, "utf-8")


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_the_defaults_of_development(told: Told) -> None:
    settings = told.load()
    assert (settings.host, settings.port) == ("127.0.0.1", 8787)
    assert settings.public_url == "http://127.0.0.1:8787"
    assert settings.store == "sqlite:///edgepass.db"
    assert settings.sqlite_path == Path("edgepass.db")
    assert (settings.algorithm, settings.token_lifetime) == ("RS256", 60)
    assert settings.policy.maximum_lifetime == 7 * 86_400
    assert settings.policy.inactivity_timeout is None
    assert settings.policy.multi_session
    assert settings.allowed_origins == frozenset()
    assert (settings.trusted_proxies, settings.secret_keys) == ((), ())
    assert (settings.master_key, settings.master_key_file) == (None, None)
    assert not settings.production
    assert not settings.is_https


def test_an_instance_is_in_production_unless_told_otherwise(told: Told) -> None:
    settings = told.load(PRODUCTION)
    assert settings.production
    assert settings.is_https
    assert settings.master_key == MASTER_KEY


GOOD = [
    ("PUBLIC_URL", "http://127.0.0.1:9000", "public_url", "http://127.0.0.1:9000"),
    ("PUBLIC_URL", "http://[::1]:9000", "public_url", "http://[::1]:9000"),
    ("LISTEN", "0.0.0.0:80", "host", "0.0.0.0"),
    ("LISTEN", "0.0.0.0:65535", "port", 65_535),
    ("LISTEN", "[::1]:8787", "host", "::1"),
    ("STORE", "memory:", "store", "memory:"),
    ("STORE", "sqlite:////var/lib/e.db", "sqlite_path", Path("/var/lib/e.db")),
    ("STORE", "sqlite:///data/e.db", "sqlite_path", Path("data/e.db")),
    ("ALGORITHM", "ES256", "algorithm", "ES256"),
    ("ALGORITHM", "EdDSA", "algorithm", "EdDSA"),
    ("TOKEN_LIFETIME", "30", "token_lifetime", 30),
    ("TOKEN_LIFETIME", "5m", "token_lifetime", 300),
    ("TOKEN_LIFETIME", " 45s ", "token_lifetime", 45),
    ("TOKEN_LIFETIME", "", "token_lifetime", 60),
    ("ALLOWED_ORIGINS", "https://a.example,", "allowed_origins", {"https://a.example"}),
    (
        "ALLOWED_ORIGINS",
        "https://a.example, http://localhost:3000",
        "allowed_origins",
        {"https://a.example", "http://localhost:3000"},
    ),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8, ::1",
        "trusted_proxies",
        (ip_network("10.0.0.0/8"), ip_network("::1")),
    ),
    ("SECRET_KEYS", f"{SECRET_KEY}, {'k' * 32}", "secret_keys", (SECRET_KEY, "k" * 32)),
    ("MASTER_KEY", KEY_TEXT, "master_key", MASTER_KEY),
    ("DEVICES", "off", "captures_devices", False),
    ("RATE_LIMITS", "off", "limits_rates", False),
    ("LOCATIONS", "cities.mmdb", "locations_file", Path("cities.mmdb")),
    ("POLICY", "nist-aal3", "policy", NIST_AAL3),
    ("MAXIMUM_ACCOUNTS", "3", "policy", SessionPolicy(maximum_accounts=3)),
    ("MAXIMUM_SESSIONS", "5", "policy", SessionPolicy(maximum_sessions=5)),
    ("AT_SESSION_LIMIT", "evict", "policy", SessionPolicy(at_limit=AtLimit.EVICT)),
    ("WEBHOOK_URL", "", "production", False),
]


@pytest.mark.parametrize(("name", "text", "field", "value"), GOOD)
def test_a_good_value_is_taken(told: Told, name: str, text: str, field: str, value: Any) -> None:
    assert getattr(told.load({**DEVELOPMENT, name: text}), field) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300", 300), ("300s", 300), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000)],
)
@pytest.mark.parametrize("name", ["MAXIMUM_LIFETIME", "INACTIVITY_TIMEOUT"])
def test_a_limit_is_written_in_the_unit_that_suits(
    told: Told, name: str, text: str, seconds: int
) -> None:
    assert getattr(told.load({**DEVELOPMENT, name: text}).policy, name.lower()) == seconds


def test_a_limit_can_be_off(told: Told) -> None:
    given = {"MAXIMUM_LIFETIME": "off", "INACTIVITY_TIMEOUT": "1h", "MULTI_SESSION": "off"}
    policy = told.load({**DEVELOPMENT, **given}).policy
    assert policy.maximum_lifetime is None
    assert not policy.multi_session


@pytest.mark.parametrize(
    ("listen", "public_url"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("localhost:8787", "http://localhost:8787"),
        ("[::1]:8787", "http://[::1]:8787"),
    ],
)
def test_in_development_the_public_url_follows_the_address(
    told: Told, listen: str, public_url: str
) -> None:
    assert told.load({**DEVELOPMENT, "LISTEN": listen}).public_url == public_url


def test_no_secret_is_in_the_repr(told: Told) -> None:
    shown = repr(told.load({**PRODUCTION, "SECRET_KEYS": SECRET_KEY}))
    assert SECRET_KEY not in shown
    assert repr(MASTER_KEY) not in shown


def test_the_file_tells_what_the_environment_does_not(told: Told) -> None:
    told.write('EDGEPASS_INSTANCE = "development"\nEDGEPASS_TOKEN_LIFETIME = 45\n')
    assert told.load({}).token_lifetime == 45


def test_the_environment_outranks_the_file(told: Told) -> None:
    told.write("EDGEPASS_TOKEN_LIFETIME = 45\n")
    assert told.load({**DEVELOPMENT, "TOKEN_LIFETIME": "50"}).token_lifetime == 50


def test_the_file_has_lists_booleans_and_numbers(told: Told) -> None:
    told.write(
        'EDGEPASS_ALLOWED_ORIGINS = ["https://a.example", "https://b.example"]\n'
        "EDGEPASS_MULTI_SESSION = false\nEDGEPASS_MAXIMUM_LIFETIME = 600\n"
    )
    settings = told.load()
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}
    assert not settings.policy.multi_session
    assert settings.policy.maximum_lifetime == 600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("EDGEPASS_", "cannot be read"),
        ("\ufeffEDGEPASS_TOKEN_LIFETIME = 45\n", "cannot be read"),
        ('TOKEN_LIFETIME = "45"\n', "TOKEN_LIFETIME.*begin with EDGEPASS_"),
        ("EDGEPASS_TOKEN_LIFETIM = 45\n", "EDGEPASS_TOKEN_LIFETIM: is not a setting"),
        ("[EDGEPASS_STORE]\nurl = 1\n", "EDGEPASS_STORE: "),
        ('EDGEPASS_SECRET_KEYS = ["short"]\n', "EDGEPASS_SECRET_KEYS: "),
    ],
)
def test_a_wrong_file_is_refused(told: Told, text: str, said: str) -> None:
    told.write(text)
    with pytest.raises(WrongSetting, match=said):
        told.load()


def test_a_file_that_cannot_be_read_is_refused(told: Told) -> None:
    (told.folder / "edgepass.toml").mkdir()
    with pytest.raises(WrongSetting, match="cannot be read"):
        told.load()
