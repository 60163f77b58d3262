"""From where and with what a request came: what a person recognises a device by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Empty or `None` where it cannot be known, or is not to be kept.

    `device_type` is what the machine is called (`Macintosh`, `iPhone`), `country`
    its English name; both are for people to read and decide nothing.
    """

    ip_address: str = ""
    user_agent: str = ""
    browser_name: str | None = None
    browser_version: str | None = None
    device_type: str | None = None
    is_mobile: bool = False
    city: str | None = None
    country: str | None = None


UNKNOWN = Activity()
