"""What the routes are bound to: the core, who may call, and how the client's token is carried."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.activity import Activity
from edgepass_sidecar.api.activities import ActivityReader
from edgepass_sidecar.api.asked import (
    authorized_party,
    find_cookie,
    read_cookies,
)
from edgepass_sidecar.api.cookies import Cookies
from edgepass_sidecar.api.fields import fields_of
from edgepass_sidecar.api.native import find_bearer, is_native, is_of_a_page
from edgepass_sidecar.client_token import ClientToken
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.feed import Feed
from edgepass_sidecar.service.secret_keys import SecretKeys
from edgepass_sidecar.service.sessions import ClientView
from edgepass_sidecar.settings import Settings

_PARTY = "edgepass.party"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    core: Core
    settings: Settings
    secret_keys: SecretKeys
    cookies: Cookies
    activities: ActivityReader
    feed: Feed

    def client_token(self, request: Request) -> str | None:
        """Return the client token as text. In native mode a cookie counts for nothing."""
        if is_native(request):
            return find_bearer(request.headers)
        return find_cookie(fields_of(request.scope), self.cookies.client_token_name)

    def authorized_party(self, request: Request) -> str | None:
        """Return the origin asked from, `None` for an app that has none, or raise `Refused`."""
        scope = request.scope
        # An operation judges it before it reads anything, and then says for whom it mints.
        if _PARTY not in scope:
            scope[_PARTY] = self._judge_party(request)
        party: str | None = scope[_PARTY]
        return party

    def _judge_party(self, request: Request) -> str | None:
        if is_native(request) and not is_of_a_page(request.headers):
            return None
        return authorized_party(request, self.settings.allowed_origins, self.settings.public_url)

    def activity(self, request: Request) -> Activity:
        return self.activities.read(request)

    def send_client_token(self, request: Request, response: Response, token: ClientToken) -> None:
        if is_native(request):
            response.headers["authorization"] = f"Bearer {token.reveal()}"
        else:
            response.headers.append("set-cookie", self.cookies.client_token(token.reveal()))

    def clear_client_token(self, request: Request, response: Response) -> None:
        """Take the client token back: from a browser its cookie, an app is told nothing."""
        if not is_native(request):
            response.headers.append("set-cookie", self.cookies.no_client_token())

    def send_last_change(
        self, request: Request, response: Response, viewed: ClientView | None
    ) -> None:
        """Say when the client last changed, 0 where no session of it is left."""
        if is_native(request):
            return
        for name, value in self._last_change(viewed).items():
            response.headers.append("set-cookie", self.cookies.for_the_app(name, value))

    def correct_last_change(
        self, request: Request, response: Response, viewed: ClientView | None
    ) -> None:
        """Say it where the browser believes something else: a revocation sets no cookie."""
        held, right = read_cookies(fields_of(request.scope)), self._last_change(viewed)
        believed = {name: value for name, value in held if name in right}
        # Who was never told anything believes rightly that there is no session.
        if believed != right and (believed or any(at != "0" for at in right.values())):
            self.send_last_change(request, response, viewed)

    def _last_change(self, viewed: ClientView | None) -> dict[str, str]:
        at = viewed.client.updated_at if viewed is not None and viewed.sessions else 0
        return self.cookies.last_change(int(at))


def context_of(request: Request) -> Context:
    context: Context = request.scope["app"].state.context
    return context
