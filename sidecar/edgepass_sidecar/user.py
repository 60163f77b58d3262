"""A user as the app tells us of one: an id, and a small profile for display."""

from dataclasses import dataclass, field
from typing import Any

from edgepass_sidecar.identifier import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """What the app pushed. `external_id` is the app's own key, unique when it is given."""

    id: UserId
    created_at: float
    updated_at: float
    external_id: str | None = None
    username: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    image_url: str | None = None
    public_metadata: dict[str, Any] = field(default_factory=dict)
