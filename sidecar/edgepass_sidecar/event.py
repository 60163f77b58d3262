"""One line of the append-only log, written in the commit of the state that it describes."""

from dataclasses import dataclass, field
from typing import Any

from edgepass_sidecar.identifier import ClientId, SessionId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened at `at` (seconds since the epoch). The store gives it its cursor.

    `actor_id` is who acts in the user's place, in an impersonated session.
    """

    type: str
    at: float
    client_id: ClientId | None = None
    session_id: SessionId | None = None
    user_id: UserId | None = None
    actor_id: str | None = None
    ip_address: str = ""
    user_agent: str = ""
    data: dict[str, Any] = field(default_factory=dict)
