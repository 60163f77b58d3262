"""The schedule of signing keys: stages and their boundaries, rotation, revocation."""

from dataclasses import replace

import pytest

from edgepass_sidecar.signing_keys import (
    FRESH_FOR,
    PUBLISHED_FOR,
    RETIRED_FOR,
    STALE_FOR,
    SigningKey,
    Stage,
    find_active_key,
    published_keys,
    revoke,
    rotate,
)
from tests.support.issuer import NOW


def _key(name: str, active_at: float = 0, **changes: float) -> SigningKey:
    key = SigningKey(
        key_id=f"key_{name}",
        algorithm="EdDSA",
        public_jwk={"kid": f"key_{name}"},
        sealed_private=b"",
        created_at=float(NOW),
        active_at=NOW + active_at,
    )
    return replace(key, **{field: NOW + seconds for field, seconds in changes.items()})


def _names(keys: tuple[SigningKey, ...]) -> list[str]:
    return [key.key_id.removeprefix("key_") for key in keys]


def test_each_stage_outlasts_what_caches_hold() -> None:
    assert min(PUBLISHED_FOR, RETIRED_FOR) > FRESH_FOR + STALE_FOR


@pytest.mark.parametrize(
    ("seconds", "stage"),
    [
        (99.9, Stage.UPCOMING),
        (100, Stage.ACTIVE),
        (100.1, Stage.ACTIVE),
        (199.9, Stage.ACTIVE),
        (200, Stage.RETIRED),
        (200.1, Stage.RETIRED),
        (200 + RETIRED_FOR - 0.1, Stage.RETIRED),
        (200 + RETIRED_FOR, Stage.GONE),
        (200 + RETIRED_FOR + 0.1, Stage.GONE),
    ],
)
def test_a_key_goes_through_its_stages(seconds: float, stage: Stage) -> None:
    assert _key("a", 100, retired_at=200).stage(NOW + seconds) is stage


@pytest.mark.parametrize("seconds", [-1, 0, 150, 1e6])
def test_revocation_outranks_every_stage(seconds: float) -> None:
    key = _key("a", 100, retired_at=200, revoked_at=0)
    assert key.stage(NOW + seconds) is Stage.REVOKED


def test_without_an_active_key_there_is_none_to_sign_with() -> None:
    assert find_active_key((), NOW) is None
    assert find_active_key((_key("a", 1), _key("b", revoked_at=0)), NOW) is None


def test_of_several_active_keys_the_last_to_become_so_signs() -> None:
    keys = (_key("a", -10), _key("b", -5), _key("c", -20))
    assert find_active_key(keys, NOW) == keys[1]


def test_upcoming_active_and_retired_keys_are_published() -> None:
    keys = (
        _key("upcoming", 1),
        _key("active"),
        _key("retired", -10, retired_at=-5),
        _key("gone", -5000, retired_at=-RETIRED_FOR),
        _key("revoked", revoked_at=0),
    )
    assert _names(published_keys(keys, NOW)) == ["upcoming", "active", "retired"]


@pytest.mark.parametrize(("seconds", "signs"), [(899.9, "a"), (900, "b"), (900.1, "b")])
def test_a_successor_takes_over_when_it_becomes_active(seconds: float, signs: str) -> None:
    keys = rotate((_key("a"),), _key("b", PUBLISHED_FOR), NOW)
    key = find_active_key(keys, NOW + seconds)
    assert key is not None
    assert key.key_id == f"key_{signs}"


def test_a_key_is_published_from_before_it_signs_until_its_last_token_is_over() -> None:
    keys = rotate((_key("a"),), _key("b", PUBLISHED_FOR), NOW)
    assert _names(published_keys(keys, NOW)) == ["a", "b"]
    assert _names(published_keys(keys, NOW + PUBLISHED_FOR + RETIRED_FOR - 1)) == ["a", "b"]
    assert _names(published_keys(keys, NOW + PUBLISHED_FOR + RETIRED_FOR)) == ["b"]


def test_a_second_rotation_before_the_first_took_over_leaves_one_key_signing_at_any_time() -> None:
    keys = rotate((_key("a"),), _key("b", 900), NOW)
    keys = rotate(keys, _key("c", 10), NOW)
    signing = [find_active_key(keys, NOW + at) for at in (9, 10, 899, 900, 5000)]
    assert [key and key.key_id for key in signing] == ["key_a", "key_c", "key_c", "key_c", "key_c"]


def test_rotation_forgets_keys_that_are_gone_and_keeps_what_happened_to_the_others() -> None:
    gone, revoked = _key("gone", -5000, retired_at=-RETIRED_FOR), _key("b", revoked_at=-1)
    keys = rotate((gone, revoked, _key("a")), _key("c", 900), NOW)
    assert _names(keys) == ["b", "a", "c"]
    assert keys[0] == revoked


def test_a_revoked_key_is_neither_published_nor_signed_with() -> None:
    keys = revoke((_key("a", -10), _key("b", -5)), "key_b", NOW)
    assert _names(published_keys(keys, NOW)) == ["a"]
    assert find_active_key(keys, NOW) == keys[0]
    assert keys[1].revoked_at == NOW


def test_a_second_revocation_does_not_change_when_a_key_was_revoked() -> None:
    keys = revoke((_key("a", revoked_at=-100),), "key_a", NOW)
    assert keys[0].revoked_at == NOW - 100


def test_the_revocation_of_an_unknown_key_changes_nothing() -> None:
    keys = (_key("a"),)
    assert revoke(keys, "key_x", NOW) == keys


@pytest.mark.parametrize("seconds", [0, 899.9, 900, 900.1, 1e6])
def test_when_a_successor_is_revoked_before_it_signs_its_predecessor_signs_on(
    seconds: float,
) -> None:
    keys = rotate((_key("a"),), _key("b", 900), NOW)
    keys = revoke(keys, "key_b", NOW + 1)
    assert find_active_key(keys, NOW + seconds) is not None
