"""The cookies that the sidecar sets: the client token, and when the client last changed."""

from dataclasses import dataclass

from edgepass_sidecar.publishable_key import cookie_suffix, find_publishable_key
from edgepass_sidecar.service.handshake import NONCE_LIFETIME, SignedInBrowser

# Browsers cap a cookie's life at 400 days (RFC 6265bis section 5.5). The policy, not
# the cookie, decides how long a session lives.
_LIFETIME = 400 * 86_400
DEVELOPMENT_MARK = "__clerk_db_jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """`domain` is the app's parent domain, `None` for this host alone.

    The client token never leaves this host. `__client_uat` and its twin under `suffix`
    hold no secret: seconds of the client's last change, 0 when it has no session.
    From them an app's server sees whether its `__session` is older than that.
    `development_suffix` is that of the key for development, on http alone.
    """

    is_https: bool
    domain: str | None
    suffix: str | None
    development_suffix: str | None = None

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

    def is_shared_with(self, host: str) -> bool:
        """Say whether `host` gets the cookies that are for the app's parent domain."""
        return self.domain is not None and f".{host}".endswith(f".{self.domain}")

    def directives(
        self, browser: SignedInBrowser | None, host: str, *, suffixed: bool
    ) -> list[str]:
        """Return what the app's server at `host` shall set: a session's cookies, or none of them.

        Without a session those with a suffix go even where they were not asked for:
        a browser may hold them from before.
        """
        token, life = (browser.token, _LIFETIME) if browser else ("", 0)
        names = ["__session", *self._with_suffixes("__session", suffixed or browser is None)]
        directives = [self._cookie(name, token, "", life) for name in names]
        secret = browser.refresh_token if browser else ""
        if secret is not None:
            names = self._with_suffixes("__refresh")
            directives += [self._cookie(name, secret, "; HttpOnly", life) for name in names]
        changed_at = str(browser.changed_at if browser else 0)
        names = ["__client_uat", *self._with_suffixes("__client_uat")]
        # A browser refuses a cookie for a domain that its sender is not in.
        domain = self._for_domain() if self.is_shared_with(host) else ""
        return directives + [self._cookie(name, changed_at, domain) for name in names]

    def session(self, token: str, *, suffixed: bool) -> list[str]:
        """Return what the app's server shall set after a refresh."""
        names = ["__session", *self._with_suffixes("__session", suffixed)]
        return [self._cookie(name, token, "") for name in names]

    def marks_of_development(self, held: str) -> list[str]:
        """Return what SDKs with a key for development want to see beside other cookies.

        Elsewhere its value is a browser's identity, where one site's cookies are not
        seen from another. Here the client token is, so the value says nothing. One
        without a suffix that is `held` may be of another project on the same host.
        """
        names = [*([] if held else [DEVELOPMENT_MARK]), *self._with_suffixes(DEVELOPMENT_MARK)]
        return [self._cookie(name, "edgepass", "") for name in names]

    def nonce(self, name: str, value: str) -> str:
        return self._cookie(name, value, f"{self._for_domain()}; HttpOnly", int(NONCE_LIFETIME))

    def no_nonce(self, name: str) -> str:
        return self._cookie(name, "", f"{self._for_domain()}; HttpOnly", 0)

    def _with_suffixes(self, name: str, wanted: bool = True) -> list[str]:
        suffixes = (self.suffix, self.development_suffix) if wanted else ()
        return [f"{name}_{suffix}" for suffix in suffixes if suffix]

    def _for_domain(self) -> str:
        return f"; Domain={self.domain}" if self.domain else ""

    def _cookie(self, name: str, value: str, more: str, lifetime: int = _LIFETIME) -> str:
        secure = "; Secure" if self.is_https else ""
        return f"{name}={value}; Path=/; Max-Age={lifetime}{more}; SameSite=Lax{secure}"


def make_cookies(public_url: str, domain: str | None = None) -> Cookies:
    """Return the cookies of the frontend API at `public_url`, named as its SDKs expect."""
    # A page with a key for development writes its own; only with one for production it does not.
    key = find_publishable_key(public_url, production=True)
    is_https = public_url.startswith("https://")
    return Cookies(
        is_https=is_https,
        domain=domain,
        suffix=cookie_suffix(key) if key else None,
        development_suffix=None if is_https else _development_suffix(public_url),
    )


def _development_suffix(public_url: str) -> str | None:
    key = find_publishable_key(public_url, production=False)
    return cookie_suffix(key) if key else None
