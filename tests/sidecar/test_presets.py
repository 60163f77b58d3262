"""EDGEPASS_POLICY: what each preset says, and that its sources say the same."""

import pytest

from edgepass_sidecar.policy import PRESETS
from edgepass_sidecar.settings import WrongSetting
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import make_settings, run_sidecar, succeeded

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
# NIST SP 800-63B-4 (2.1.3, 2.2.3, 2.3.3): an overall timeout of no more than 30 days, 24
# hours and 12 hours; inactivity of no more than 1 hour (AAL2) and 15 minutes (AAL3).
# OWASP Session Management Cheat Sheet, "Session Expiration": idle 2-5 minutes for
# high-value and 15-30 for low-risk applications, absolute 4 to 8 hours.
SOURCES: dict[str, tuple[float, float | None]] = {
    "edgepass": (7 * DAY, None),
    "nist-aal1": (30 * DAY, None),
    "nist-aal2": (12 * HOUR, 30 * MINUTE),
    "nist-aal3": (12 * HOUR, 15 * MINUTE),
    "owasp-high-value": (4 * HOUR, 5 * MINUTE),
    "owasp-low-risk": (8 * HOUR, 30 * MINUTE),
}


def test_there_are_these_presets_and_no_others() -> None:
    assert set(PRESETS) == set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_a_preset_is_what_its_source_says(name: str) -> None:
    policy = make_settings(POLICY=name).policy
    assert (policy.maximum_lifetime, policy.inactivity_timeout) == SOURCES[name]


@pytest.mark.parametrize("name", SOURCES)
def test_a_preset_settles_times_and_nothing_else(name: str) -> None:
    policy, usual = make_settings(POLICY=name).policy, make_settings().policy
    others = ("multi_session", "maximum_accounts", "maximum_sessions", "at_limit")
    assert [getattr(policy, each) for each in others] == [getattr(usual, each) for each in others]


def test_without_a_preset_it_is_edgepass_s_own() -> None:
    assert make_settings().policy == make_settings(POLICY="edgepass").policy


def test_a_limit_that_is_set_outranks_the_preset_s() -> None:
    policy = make_settings(POLICY="nist-aal3", MAXIMUM_LIFETIME="1h").policy
    assert (policy.maximum_lifetime, policy.inactivity_timeout) == (HOUR, 15 * MINUTE)
    policy = make_settings(POLICY="nist-aal3", INACTIVITY_TIMEOUT="off").policy
    assert (policy.maximum_lifetime, policy.inactivity_timeout) == (12 * HOUR, None)


def test_turning_off_the_only_limit_of_a_preset_is_refused() -> None:
    with pytest.raises(WrongSetting, match=r"EDGEPASS_MAXIMUM_LIFETIME: .* both off"):
        make_settings(POLICY="nist-aal1", MAXIMUM_LIFETIME="off")


@pytest.mark.parametrize("name", ["nist", "NIST-AAL2", "nist-aal4", "none", "nist_aal2"])
def test_an_unknown_preset_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(WrongSetting, match=r"EDGEPASS_POLICY: .*nist-aal1, nist-aal2, nist-aal3"):
        make_settings(POLICY=name)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAXIMUM_SESSIONS", "0"), ("MAXIMUM_SESSIONS", "10001"), ("MAXIMUM_SESSIONS", "-1"),
     ("MAXIMUM_SESSIONS", "1.5"), ("MAXIMUM_SESSIONS", "٣"), ("MAXIMUM_SESSIONS", "9" * 5000),
     ("MAXIMUM_ACCOUNTS", "0"), ("MAXIMUM_ACCOUNTS", "101"), ("MAXIMUM_ACCOUNTS", "two"),
     ("AT_SESSION_LIMIT", "evict-all"), ("AT_SESSION_LIMIT", "Refuse"),
     ("MULTI_SESSION", "no"), ("INACTIVITY_TIMEOUT", "4m"), ("MAXIMUM_LIFETIME", "299")],
)  # fmt: skip
def test_a_wrong_limit_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(WrongSetting, match=f"^EDGEPASS_{name}: "):
        make_settings(**{name: value})


@pytest.mark.parametrize("name", SOURCES)
async def test_sessions_start_with_the_limits_of_the_preset(clock: Clock, name: str) -> None:
    lifetime, timeout = SOURCES[name]
    async with run_sidecar(clock, make_settings(POLICY=name)) as sidecar:
        session = await sidecar.browser().sign_in()
        shape = succeeded(await sidecar.server.get(f"/v1/sessions/{session}"))
    assert shape["expire_at"] == (NOW + lifetime) * 1000
    assert shape["abandon_at"] == (NOW + (timeout or lifetime)) * 1000
