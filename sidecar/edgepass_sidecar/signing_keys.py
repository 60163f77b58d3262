"""The schedule of signing keys: upcoming, active, retired, gone; published before they sign."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

# What an edge or a proxy may hold of the published key set, in seconds.
FRESH_FOR, STALE_FOR = 300, 300
# Longer than all caches together, so nobody meets a key that they could not have.
PUBLISHED_FOR = RETIRED_FOR = 900.0
# Long enough for every sidecar on the store to have read that there is a new key.
HURRIED_PUBLISHED_FOR = 10.0
ALGORITHMS = ("RS256", "ES256", "EdDSA")


class Stage(StrEnum):
    UPCOMING = "upcoming"
    ACTIVE = "active"
    RETIRED = "retired"
    GONE = "gone"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """One key pair. `sealed_private` is encrypted under the master key, bound to `key_id`."""

    key_id: str
    algorithm: str
    public_jwk: dict[str, Any]
    sealed_private: bytes
    created_at: float
    active_at: float
    retired_at: float | None = None
    revoked_at: float | None = None
    recorded_stage: Stage = Stage.UPCOMING

    def stage(self, now: float) -> Stage:
        if self.revoked_at is not None:
            return Stage.REVOKED
        if now < self.active_at:
            return Stage.UPCOMING
        if self.retired_at is None or now < self.retired_at:
            return Stage.ACTIVE
        return Stage.RETIRED if now < self.retired_at + RETIRED_FOR else Stage.GONE


def find_active_key(keys: Sequence[SigningKey], now: float) -> SigningKey | None:
    """Return the key to sign with at `now`: of the active ones, the last to become so."""
    last: SigningKey | None = None
    for key in keys:
        is_later = last is None or key.active_at > last.active_at
        if is_later and key.stage(now) is Stage.ACTIVE:
            last = key
    return last


def published_keys(keys: Sequence[SigningKey], now: float) -> tuple[SigningKey, ...]:
    """Return the keys that belong in the published key set at `now`."""
    shown = (Stage.UPCOMING, Stage.ACTIVE, Stage.RETIRED)
    return tuple(key for key in keys if key.stage(now) in shown)


def rotate(keys: Sequence[SigningKey], successor: SigningKey, now: float) -> tuple[SigningKey, ...]:
    """Add `successor`; whatever signs until then retires when it becomes active.

    A key that was to become active later than `successor` never will, and goes.
    """
    kept = (
        key
        for key in keys
        if key.stage(now) is not Stage.GONE
        and (key.stage(now) is not Stage.UPCOMING or key.active_at <= successor.active_at)
    )
    return _scheduled((*kept, successor), now)


def revoke(keys: Sequence[SigningKey], key_id: str, now: float) -> tuple[SigningKey, ...]:
    """Withdraw a key: it leaves the published key set at once, and its tokens with it.

    Where it was to take over from another, that one signs on.
    """
    revoked = (
        replace(key, revoked_at=now) if key.key_id == key_id and key.revoked_at is None else key
        for key in keys
    )
    return _scheduled(tuple(revoked), now)


def _scheduled(keys: tuple[SigningKey, ...], now: float) -> tuple[SigningKey, ...]:
    """Have each key that has not yet retired do so when the next one becomes active."""
    sound = sorted((key for key in keys if key.revoked_at is None), key=lambda key: key.active_at)
    successors = dict(zip((key.key_id for key in sound), sound[1:], strict=False))
    return tuple(
        key
        if key.revoked_at is not None or (key.retired_at is not None and key.retired_at <= now)
        else replace(key, retired_at=_active_at(successors.get(key.key_id)))
        for key in keys
    )


def _active_at(key: SigningKey | None) -> float | None:
    return key.active_at if key is not None else None
