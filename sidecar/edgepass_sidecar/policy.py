"""What decides how long sessions live and how many a client holds (OWASP ASVS 5.0 7.3)."""

from dataclasses import dataclass

SHORTEST_LIMIT = 5 * 60.0
LONGEST_LIMIT = 10 * 365 * 86_400.0
DEFAULT_MAXIMUM_LIFETIME = 7 * 86_400.0
# A write for each refresh would make refreshing as dear as signing in.
SHORTEST_TOUCH_INTERVAL = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """Limits in seconds, `None` where one is off. At least one of the two must be on.

    Each is 5 minutes to 10 years. Raises `ValueError` that names the limit.
    """

    maximum_lifetime: float | None = DEFAULT_MAXIMUM_LIFETIME
    inactivity_timeout: float | None = None
    multi_session: bool = True

    def __post_init__(self) -> None:
        limits = {
            "maximum lifetime": self.maximum_lifetime,
            "inactivity timeout": self.inactivity_timeout,
        }
        for name, seconds in limits.items():
            if seconds is not None and not SHORTEST_LIMIT <= seconds <= LONGEST_LIMIT:
                raise ValueError(
                    f"the {name} must be 5 minutes to 10 years, not {seconds:g} seconds"
                )
        if self.maximum_lifetime is None and self.inactivity_timeout is None:
            raise ValueError("maximum lifetime and inactivity timeout are both off: turn one on")

    def expire_at(self, now: float) -> float:
        """Say when a session that starts at `now` ends, however active it is."""
        return now + (LONGEST_LIMIT if self.maximum_lifetime is None else self.maximum_lifetime)


def wants_touch(last_active_at: float, inactivity_timeout: float | None, now: float) -> bool:
    """Say whether activity at `now` is news: once per max(60 s, inactivity timeout / 20)."""
    interval = max(SHORTEST_TOUCH_INTERVAL, (inactivity_timeout or 0.0) / 20)
    return now - last_active_at >= interval
