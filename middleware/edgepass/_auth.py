"""What a request turns out to be: signed in with verified claims, or signed out with a code."""

from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, NewType

UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)


def _copy(value: object) -> object:
    # Not copy.deepcopy: what comes out of JSON is a tree of bounded depth.
    if isinstance(value, dict):
        return {name: _copy(member) for name, member in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


class Payload(Mapping[str, object]):
    """A token's body, read-only. Lists and objects in it come out as copies.

    The claims of a token serve many requests: what one of them does to a list
    of roles must not reach the next.
    """

    __slots__ = ("_members",)

    def __init__(self, members: dict[str, object]) -> None:
        self._members = members

    def __getitem__(self, name: str) -> object:
        value = self._members[name]
        return _copy(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


class Claims:
    """What a verified session token says. Times are seconds since the epoch.

    Made by `verify` only, from a token's body whose members are known to have
    the right types. Its `repr` names the user and the session and nothing else.
    """

    # A view of the body: copying ten members out of it would be a sixth of all that
    # is done to a token besides checking its signature.
    __slots__ = ("_members", "_originally_issued_at")

    def __init__(self, members: dict[str, Any], originally_issued_at: float | None = None) -> None:
        self._members = members
        self._originally_issued_at = originally_issued_at

    def __repr__(self) -> str:
        return f"Claims(user_id={self.user_id!r}, session_id={self.session_id!r})"

    def __eq__(self, other: object) -> bool:
        return self._members == other._members if isinstance(other, Claims) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.session_id, self.issued_at))

    def with_shared_names(self) -> "Claims":
        """Return the same claims in a fifth less memory: the parser makes each name anew."""
        members = {intern(name): value for name, value in self._members.items()}
        return Claims(members, self._originally_issued_at)

    @property
    def issuer(self) -> str:
        return str(self._members["iss"])

    @property
    def user_id(self) -> UserId:
        user_id: UserId = self._members["sub"]
        return user_id

    @property
    def session_id(self) -> SessionId:
        session_id: SessionId = self._members["sid"]
        return session_id

    @property
    def issued_at(self) -> float:
        return float(self._members["iat"])

    @property
    def originally_issued_at(self) -> float:
        """When the claims were gathered: `oiat` of the token's header, else `issued_at`."""
        at = self._originally_issued_at
        return self.issued_at if at is None else at

    @property
    def expires_at(self) -> float:
        return float(self._members["exp"])

    @property
    def not_before(self) -> float | None:
        return self._members.get("nbf")

    @property
    def token_id(self) -> str | None:
        return self._members.get("jti")

    @property
    def authorized_party(self) -> str | None:
        """The origin that the token was minted for."""
        return self._members.get("azp")

    @property
    def audience(self) -> tuple[str, ...]:
        audience = self._members.get("aud", ())
        return (audience,) if isinstance(audience, str) else tuple(audience)

    @property
    def payload(self) -> Payload:
        """The whole body, with the wire's own names and whatever the issuer added."""
        return Payload(self._members)


class SignedIn:
    """The request carries a session token that was verified.

    One stands for all requests of a token while it is remembered, so it is
    immutable: `elapsed_ns` is how many nanoseconds it took to verify the token.
    It also answers as Starlette's `request.user` and `request.auth`, so
    `@requires("authenticated")` and `Security(scopes=…)` work as they are.
    """

    # Immutable by properties: dataclasses take as long to import as all else.
    __match_args__ = ("claims", "elapsed_ns")
    __slots__ = ("_claims", "_elapsed_ns")

    def __init__(self, claims: Claims, elapsed_ns: int) -> None:
        self._claims = claims
        self._elapsed_ns = elapsed_ns

    def __repr__(self) -> str:
        return f"SignedIn(user_id={self.user_id!r}, session_id={self.session_id!r})"

    @property
    def claims(self) -> Claims:
        return self._claims

    @property
    def elapsed_ns(self) -> int:
        return self._elapsed_ns

    @property
    def user_id(self) -> UserId:
        return self._claims.user_id

    @property
    def session_id(self) -> SessionId:
        return self._claims.session_id

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def identity(self) -> str:
        return self._claims.user_id

    @property
    def display_name(self) -> str:
        """The `name` claim when the issuer adds one, else the user id."""
        name = self._claims.payload.get("name")
        return name if isinstance(name, str) and name else self._claims.user_id

    @property
    def scopes(self) -> tuple[str, ...]:
        """`authenticated`, then the words of the `scope` claim (RFC 8693 section 4.2)."""
        scope = self._claims.payload.get("scope")
        return ("authenticated", *scope.split()) if isinstance(scope, str) else ("authenticated",)

    async def renew(self, token: str | bytes) -> None:
        """Go on with a fresh token of the same session, sent within a websocket.

        It replaces `claims`, and a connection's maximum life begins anew. Raises
        the `TokenRefused` that says what is wrong with the token (`session_mismatch`
        for another session's), `ConnectionError` where the connection was ended
        meanwhile, and `RuntimeError` for anything but a websocket behind the middleware.
        """
        raise RuntimeError("only the SignedIn of a websocket can be renewed")


class SignedOut:
    """The request is nobody's, and `code` is why: `credential_missing` or a `TokenRefused.code`."""

    __match_args__ = ("code",)
    __slots__ = ("_code",)

    def __init__(self, code: str) -> None:
        self._code = code

    def __repr__(self) -> str:
        return f"SignedOut({self._code!r})"

    def __eq__(self, other: object) -> bool:
        return self._code == other._code if isinstance(other, SignedOut) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._code)

    @property
    def code(self) -> str:
        return self._code

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
