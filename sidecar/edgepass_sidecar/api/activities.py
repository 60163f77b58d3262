"""From where and with what a request came, as a session keeps it for a device list."""

from collections.abc import Sequence

from starlette.requests import Request

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.api.addresses import client_address
from edgepass_sidecar.api.fields import fields_of
from edgepass_sidecar.api.user_agents import UserAgents, user_agent_of
from edgepass_sidecar.locations import NOWHERE, Locations
from edgepass_sidecar.setting_values import Network

_NOTHING = Activity()


class ActivityReader:
    """Reads an `Activity` from each request, cheaply enough for every refresh.

    Forwarding headers are believed from `trusted` networks only. Without
    `locations` nobody is anywhere; unless it `captures`, nothing is read at all.
    """

    def __init__(
        self, *, trusted: Sequence[Network], locations: Locations | None, captures: bool
    ) -> None:
        self._trusted = tuple(trusted)
        self._locations = locations
        self._user_agents = UserAgents() if captures else None

    def read(self, request: Request) -> Activity:
        if self._user_agents is None:
            return _NOTHING
        headers, sender = fields_of(request.scope), request.scope.get("client")
        peer = sender[0] if sender else ""
        address = client_address(peer, headers, self._trusted)
        city, country = self._locations.find(address) if self._locations else NOWHERE
        user_agent = user_agent_of(headers)
        device = self._user_agents.describe(user_agent, headers)
        return Activity(
            ip_address=address,
            user_agent=user_agent,
            browser_name=device.browser_name,
            browser_version=device.browser_version,
            device_type=device.device_type,
            is_mobile=device.is_mobile,
            city=city,
            country=country,
        )
