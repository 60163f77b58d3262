"""What the routes are bound to: the core, who may call, and how the client cookie is written."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.asked import authorized_party, find_cookie, read_origin
from edgepass_sidecar.client_token import ClientToken
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.secret_keys import SecretKeys
from edgepass_sidecar.service.sign_in import Origin
from edgepass_sidecar.settings import Settings

# Browsers cap a cookie's life at 400 days (RFC 6265bis section 5.5). The policy, not
# the cookie, decides how long a session lives.
_COOKIE_LIFETIME = 400 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    core: Core
    settings: Settings
    secret_keys: SecretKeys

    @property
    def cookie_name(self) -> str:
        # __Host- needs Secure, which plain http on loopback cannot have.
        return "__Host-client" if self.settings.is_https else "__client"

    def client_token(self, request: Request) -> str | None:
        return find_cookie(request.headers, self.cookie_name)

    def authorized_party(self, request: Request) -> str:
        return authorized_party(request, self.settings.allowed_origins, self.settings.public_url)

    def origin(self, request: Request) -> Origin:
        return read_origin(request, self.settings.trusted_proxies)

    def set_client_token(self, response: Response, token: ClientToken) -> None:
        self._set_cookie(response, token.reveal(), _COOKIE_LIFETIME)

    def _set_cookie(self, response: Response, value: str, lifetime: int) -> None:
        attributes = f"Path=/; Max-Age={lifetime}; HttpOnly; SameSite=Lax"
        secure = "; Secure" if self.settings.is_https else ""
        response.headers.append("set-cookie", f"{self.cookie_name}={value}; {attributes}{secure}")


def context_of(request: Request) -> Context:
    context: Context = request.app.state.context
    return context
