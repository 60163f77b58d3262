"""The cookies that the sidecar sets: the client token, and when the client last changed."""

from dataclasses import dataclass

from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key
from edgepass_sidecar.service.handshake import NONCE_LIFETIME, SignedInBrowser

# Browsers cap a cookie's life at 400 days (RFC 6265bis section 5.5). The policy, not
# the cookie, decides how long a session lives.
_LIFETIME = 400 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """`domain` is the app's parent domain, `None` for this host alone.

    The client token never leaves this host. `__client_uat` and its twin under `suffix`
    hold no secret: seconds of the client's last change, 0 when it has no session.
    From them an app's server sees whether its `__session` is older than that.
    """

    is_https: bool
    domain: str | None
    suffix: str | None

    @property
    def client_token_name(self) -> str:
        # __Host- needs Secure, which plain http on loopback cannot have.
        return "__Host-client" if self.is_https else "__client"

    def client_token(self, text: str) -> str:
        return self._cookie(self.client_token_name, text, "; HttpOnly")

    def no_client_token(self) -> str:
        return self._cookie(self.client_token_name, "", "; HttpOnly", lifetime=0)

    def last_change(self, at: int) -> dict[str, str]:
        """Return name and value of each cookie that says when the client last changed."""
        suffixed = {f"__client_uat_{self.suffix}": str(at)} if self.suffix else {}
        return {"__client_uat": str(at), **suffixed}

    def for_the_app(self, name: str, value: str) -> str:
        return self._cookie(name, value, self._for_domain())

    def directives(self, browser: SignedInBrowser | None, *, suffixed: bool) -> list[str]:
        """Return what the app's server shall set: a session's cookies, or none of them left."""
        held = {"__session": browser.token if browser else ""}
        if self.suffix and suffixed:
            held[f"__session_{self.suffix}"] = held["__session"]
        life = _LIFETIME if browser else 0
        directives = [self._cookie(name, text, "", life) for name, text in held.items()]
        if self.suffix:
            secret = browser.refresh_token if browser else ""
            directives.append(self._cookie(f"__refresh_{self.suffix}", secret, "; HttpOnly", life))
        changed = self.last_change(int(browser.changed_at) if browser else 0)
        return directives + [self.for_the_app(name, value) for name, value in changed.items()]

    def session(self, token: str, *, suffixed: bool) -> list[str]:
        """Return what the app's server shall set after a refresh."""
        names = ["__session", *([f"__session_{self.suffix}"] if self.suffix and suffixed else ())]
        return [self._cookie(name, token, "") for name in names]

    def nonce(self, name: str, value: str) -> str:
        return self._cookie(name, value, f"{self._for_domain()}; HttpOnly", int(NONCE_LIFETIME))

    def no_nonce(self, name: str) -> str:
        return self._cookie(name, "", f"{self._for_domain()}; HttpOnly", 0)

    def _for_domain(self) -> str:
        return f"; Domain={self.domain}" if self.domain else ""

    def _cookie(self, name: str, value: str, more: str, lifetime: int = _LIFETIME) -> str:
        secure = "; Secure" if self.is_https else ""
        return f"{name}={value}; Path=/; Max-Age={lifetime}{more}; SameSite=Lax{secure}"


def make_cookies(public_url: str, domain: str | None = None) -> Cookies:
    """Return the cookies of the frontend API at `public_url`, named as its SDKs expect."""
    # A page with a key for development writes its own; only with one for production it does not.
    key = find_publishable_key(public_url, production=True)
    return Cookies(
        is_https=public_url.startswith("https://"),
        domain=domain,
        suffix=cookie_suffix(key) if key else None,
    )
