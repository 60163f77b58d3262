"""A user as the app tells us of one: an id, a small profile, and what tokens may say."""

from dataclasses import dataclass, field
from typing import Any

from edgepass_sidecar.identifier import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """What the app pushed. `external_id` is the app's own key, unique when it is given.

    A banned user has no session and gets none. Sessions that began before
    `not_before` (seconds since the epoch) are over. `claims` go into tokens, and
    `organizations` are those that a session of the user can act in.
    """

    id: UserId
    created_at: float
    updated_at: float
    external_id: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email_address: str | None = None
    image_url: str | None = None
    public_metadata: dict[str, Any] = field(default_factory=dict)
    unsafe_metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    is_banned: bool = False
    not_before: float = 0.0
