"""Each wrong setting: one line that names the variable, the value and the remedy, and no secret."""

import base64
from pathlib import Path

import pytest

from edgepass_sidecar.app import make_app
from edgepass_sidecar.settings import WrongSetting, load_settings
from tests.support.sidecar import MASTER_KEY, make_settings

KEY_TEXT = base64.b64encode(MASTER_KEY).decode()
ABSENT = "absent"
HOOK_SECRET = "whsec_" + "c2VjcmV0" * 6
PRODUCTION = {
    "PUBLIC_URL": "https://auth.example.com",
    "MASTER_KEY": KEY_TEXT,
    "STORE": "memory:",
}
ORIGIN = "such as https://auth.example.com"

# Each row: the variable, its value, and what the line says besides the two.
WRONG = [
    ("INSTANCE", "prod", "production, development"),
    ("INSTANCE", "Production", "production, development"),
    ("LISTEN", "8787", "127.0.0.1:8787"),
    ("LISTEN", ":8787", "127.0.0.1:8787"),
    ("LISTEN", "127.0.0.1:", "127.0.0.1:8787"),
    ("LISTEN", "127.0.0.1:65536", "127.0.0.1:8787"),
    ("LISTEN", "127.0.0.1:-1", "127.0.0.1:8787"),
    ("LISTEN", "127.0.0.1:٣", "127.0.0.1:8787"),
    ("LISTEN", "http://127.0.0.1:8787", "127.0.0.1:8787"),
    ("PUBLIC_URL", "http://auth.example.com", "https"),
    ("PUBLIC_URL", "auth.example.com", ORIGIN),
    ("PUBLIC_URL", "https://auth.example.com/", ORIGIN),
    ("PUBLIC_URL", "https://auth.example.com/x", ORIGIN),
    ("PUBLIC_URL", "https://auth.example.com?x", ORIGIN),
    ("PUBLIC_URL", "https://Auth.example.com", ORIGIN),
    ("PUBLIC_URL", "ftp://auth.example.com", ORIGIN),
    ("PUBLIC_URL", "https://", ORIGIN),
    ("PUBLIC_URL", "https://me@auth.example.com", ORIGIN),
    ("PUBLIC_URL", "https://äuth.example.com", ORIGIN),
    ("PUBLIC_URL", "https://auth.example.com:x", ORIGIN),
    ("PUBLIC_URL", "https://auth.example.com:", ORIGIN),
    ("PUBLIC_URL", "https://auth.example.com:99999", ORIGIN),
    ("PUBLIC_URL", "https://auth.example .com", ORIGIN),
    ("PUBLIC_URL", "https://auth.example\\evil", ORIGIN),
    ("PUBLIC_URL", "https://[auth", ORIGIN),
    ("ALLOWED_ORIGINS", "*", ORIGIN),
    ("ALLOWED_ORIGINS", "null", ORIGIN),
    ("ALLOWED_ORIGINS", "https://*.example.com", ORIGIN),
    ("ALLOWED_ORIGINS", "https://app.example.com:443", ORIGIN),
    ("ALLOWED_ORIGINS", "https://app.example.com/", ORIGIN),
    ("STORE", "mongodb", "sqlite:///FILE"),
    ("STORE", "sqlite", "sqlite:///FILE"),
    ("ALGORITHM", "HS256", "RS256, ES256, EdDSA"),
    ("ALGORITHM", "none", "RS256, ES256, EdDSA"),
    ("ALGORITHM", "rs256", "RS256, ES256, EdDSA"),
    ("TOKEN_LIFETIME", "29", "30 to 300 seconds"),
    ("TOKEN_LIFETIME", "301", "30 to 300 seconds"),
    ("TOKEN_LIFETIME", "60.0", "seconds"),
    ("TOKEN_LIFETIME", "-60", "seconds"),
    ("MAXIMUM_LIFETIME", "299", "5 minutes to 10 years"),
    ("MAXIMUM_LIFETIME", "1 week", "s, m, h or d"),
    ("MAXIMUM_LIFETIME", "7D", "s, m, h or d"),
    ("INACTIVITY_TIMEOUT", "299", "5 minutes to 10 years"),
    ("INACTIVITY_TIMEOUT", "none", "s, m, h or d"),
    ("MULTI_SESSION", "yes", "on, off"),
    ("MULTI_SESSION", "true", "on, off"),
    ("POLICY", "nist", "nist-aal1, nist-aal2, nist-aal3"),
    ("MAXIMUM_ACCOUNTS", "0", "1 to 100"),
    ("MAXIMUM_ACCOUNTS", "101", "1 to 100"),
    ("MAXIMUM_SESSIONS", "ten", "1 to 10000"),
    ("MAXIMUM_SESSIONS", "10001", "1 to 10000"),
    ("MAXIMUM_SESSIONS", "-1", "1 to 10000"),
    ("AT_SESSION_LIMIT", "drop", "refuse, evict"),
    ("DEVICES", "no", "on, off"),
    ("RATE_LIMITS", "0", "on, off"),
    ("COOKIE_DOMAIN", ".example.com", "such as example.com"),
    ("COOKIE_DOMAIN", "localhost", "such as example.com"),
    ("COOKIE_DOMAIN", "example.org", "auth.example.com is in"),
    ("COOKIE_DOMAIN", "th.example.com", "auth.example.com is in"),
    ("COOKIE_DOMAIN", "Example.com", "such as example.com"),
    ("TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.0/8"),
    ("TRUSTED_PROXIES", "proxy", "10.0.0.0/8"),
]


class Wrong:
    """Says what `load_settings` has against a value."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def text(self, name: str, value: str, **others: str) -> str:
        given = {**PRODUCTION, **others, name: value}
        environment = {f"EDGEPASS_{k}": v for k, v in given.items() if v != ABSENT}
        with pytest.raises(WrongSetting) as caught:
            load_settings(environment, self.folder)
        text = str(caught.value)
        assert "\n" not in text
        assert text.startswith(f"EDGEPASS_{name}: ")
        return text


@pytest.fixture
def wrong(tmp_path: Path) -> Wrong:
    return Wrong(tmp_path)


@pytest.mark.parametrize(("name", "value", "remedy"), WRONG)
def test_a_wrong_setting_is_one_line_with_its_name_its_value_and_its_remedy(
    wrong: Wrong, name: str, value: str, remedy: str
) -> None:
    text = wrong.text(name, value)
    assert value.replace("\\", "\\\\") in text
    assert remedy in text


def test_a_token_lifetime_is_not_told_that_it_may_be_off(wrong: Wrong) -> None:
    assert "or off" not in wrong.text("TOKEN_LIFETIME", "off")


def test_in_production_a_public_url_is_needed(wrong: Wrong) -> None:
    assert "set it to the URL" in wrong.text("PUBLIC_URL", ABSENT)


def test_in_production_a_master_key_is_needed(wrong: Wrong) -> None:
    assert "openssl rand -base64 32" in wrong.text("MASTER_KEY", ABSENT)


def test_both_limits_cannot_be_off(wrong: Wrong) -> None:
    assert "turn one on" in wrong.text("MAXIMUM_LIFETIME", "off")


@pytest.mark.parametrize("name", ["SECRET_KEY", "TOKENS", "public_url", "", "REDIS_URL"])
@pytest.mark.parametrize("value", ["s3cret", ""])
def test_an_unknown_variable_is_refused_without_its_value(
    wrong: Wrong, name: str, value: str
) -> None:
    text = wrong.text(name, value)
    assert "check its spelling" in text
    assert "s3cret" not in text


def test_webhooks_need_a_url_and_a_secret(wrong: Wrong) -> None:
    url = "https://app.example.com/s3cret"
    assert "is missing" in wrong.text("WEBHOOK_SECRET", ABSENT, WEBHOOK_URL=url)
    text = wrong.text("WEBHOOK_URL", ABSENT, WEBHOOK_SECRET="whsec_s3cret")
    assert "is missing" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    "value",
    [
        "s3cret",
        base64.b64encode(b"s3cret" * 5).decode(),
        base64.b64encode(b"s3cret" * 6).decode(),
        KEY_TEXT + "=",
        KEY_TEXT[:20] + " " + KEY_TEXT[20:],
        "s3crét",
    ],
)
def test_a_wrong_master_key_is_refused_without_being_shown(wrong: Wrong, value: str) -> None:
    text = wrong.text("MASTER_KEY", value)
    assert "openssl rand -base64 32" in text
    assert value not in text


@pytest.mark.parametrize("value", ["s3cret", "k" * 31, f"{'k' * 32},s3cret", "é" * 40])
def test_wrong_secret_keys_are_refused_without_being_shown(wrong: Wrong, value: str) -> None:
    text = wrong.text("SECRET_KEYS", value)
    assert "edgepass keys create" in text
    assert not any(part in text for part in value.split(","))


@pytest.mark.parametrize("scheme", ["postgresql", "redis", "rediss", "mysql"])
def test_a_store_that_is_not_of_this_version_is_refused_without_its_password(
    wrong: Wrong, scheme: str
) -> None:
    text = wrong.text("STORE", f"{scheme}://edgepass:s3cret@db.example.com/x")
    assert scheme in text
    assert "sqlite:///FILE" in text
    assert "s3cret" not in text


def test_two_master_keys_are_refused(wrong: Wrong, tmp_path: Path) -> None:
    assert "keep one" in wrong.text("MASTER_KEY", KEY_TEXT, MASTER_KEY_FILE=str(tmp_path / "k"))


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"s3cret", "32 bytes"), (b"", "32 bytes"), (b"s3cr\xe9t", "ascii")],
)
def test_a_wrong_master_key_file_is_refused_without_its_text(
    wrong: Wrong, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "master.key"
    if content is not None:
        file.write_bytes(content)
    text = wrong.text("MASTER_KEY_FILE", str(file), MASTER_KEY=ABSENT)
    assert said in text
    assert str(file) in text
    assert "s3cr" not in text


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ("[]", "object"),
        ('{"a": 1,}', "JSON"),
        ('{"sid": "x"}', "claims.sid"),
        ('{"team": "{{user.public_metadata.team"}', "claims.team"),
    ],
)
def test_session_claims_that_cannot_be_are_refused_by_the_place_in_them(
    wrong: Wrong, claims: str, said: str
) -> None:
    assert said in wrong.text("SESSION_CLAIMS", claims)


def test_a_claims_hook_and_its_secret_come_together(wrong: Wrong) -> None:
    hook = "https://app.example.com/claims"
    assert "is missing" in wrong.text("CLAIMS_SECRET", ABSENT, CLAIMS_URL=hook)
    text = wrong.text("CLAIMS_URL", ABSENT, CLAIMS_SECRET=HOOK_SECRET)
    assert "is missing" in text
    assert HOOK_SECRET not in text


@pytest.mark.parametrize(
    ("name", "given"),
    [
        (
            "CLAIMS_URL",
            {"CLAIMS_URL": "http://app.example.com/", "CLAIMS_SECRET": "whsec_" + "A" * 32},
        ),
        ("CLAIMS_URL", {"CLAIMS_URL": "https://app.example.com/", "CLAIMS_SECRET": "whsec_x"}),
        ("LOCATIONS", {"LOCATIONS": "no/such.mmdb"}),
    ],
)
def test_what_only_the_app_can_judge_is_refused_before_it_serves(
    name: str, given: dict[str, str]
) -> None:
    with pytest.raises(WrongSetting, match=rf"\AEDGEPASS_{name}: ") as caught:
        make_app(make_settings(**given))
    assert not any(secret in str(caught.value) for secret in (HOOK_SECRET, "whsec_cafe"))
