"""What a request turns out to be: signed in with verified claims, or signed out with a code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified session token says. Times are seconds since the epoch.

    `payload` is the whole token body, read-only, with the wire's own names
    (`iss`, `sub`, `o`, `fva`, and whatever the issuer added).
    """

    issuer: str
    user_id: UserId
    session_id: SessionId
    issued_at: float
    expires_at: float
    not_before: float | None
    token_id: str | None
    authorized_party: str | None
    audience: tuple[str, ...]
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The request carries a session token that was verified, `elapsed_ns` nanoseconds of work.

    It also answers as Starlette's `request.user` and `request.auth`, so
    `@requires("authenticated")` and `Security(scopes=…)` work as they are.
    """

    claims: Claims
    elapsed_ns: int

    @property
    def user_id(self) -> UserId:
        return self.claims.user_id

    @property
    def session_id(self) -> SessionId:
        return self.claims.session_id

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def identity(self) -> str:
        return self.claims.user_id

    @property
    def display_name(self) -> str:
        """The `name` claim when the issuer adds one, else the user id."""
        name = self.claims.payload.get("name")
        return name if isinstance(name, str) and name else self.claims.user_id

    @property
    def scopes(self) -> tuple[str, ...]:
        """`authenticated`, then the words of the `scope` claim (RFC 8693 section 4.2)."""
        scope = self.claims.payload.get("scope")
        return ("authenticated", *scope.split()) if isinstance(scope, str) else ("authenticated",)


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The request is nobody's, and `code` is why: `credential_missing` or a `TokenRefused.code`."""

    code: str

    @property
    def is_authenticated(self) -> bool:
        return False

    @property
    def identity(self) -> str:
        return ""

    @property
    def display_name(self) -> str:
        return ""

    @property
    def scopes(self) -> tuple[str, ...]:
        return ()
