"""Which claims a session token has, and what an app expects of them (RFC 7519 section 4.1)."""

from collections.abc import Collection
from typing import NamedTuple, Self

from edgepass._auth import Claims
from edgepass._errors import (
    AudienceMismatch,
    AuthorizedPartyMismatch,
    ClaimMalformed,
    ClaimMissing,
    IssuerMismatch,
    TokenExpired,
    TokenIssuedInFuture,
    TokenLifetimeTooLong,
    TokenNotYetValid,
)

ALGORITHMS = frozenset(("RS256", "ES256", "EdDSA", "Ed25519"))
MAXIMUM_LEEWAY = 300
_LATEST_TIME = 1 << 53  # the last second that every JSON parser keeps whole
_LONGEST_ID = 256


class _Demands(NamedTuple):
    issuer: str
    audience: frozenset[str] | None
    authorized_parties: frozenset[str] | None
    leeway: float
    algorithms: frozenset[str]
    maximum_lifetime: float
    maximum_token_bytes: int


class Expectations(_Demands):
    """What an app demands of a token; checked when it is made, and immutable.

    `issuer` is compared whole. Of `audience` and of `authorized_parties` (the
    origins in `azp`) a token must name at least one, where they are given; a
    token's `aud` has no say otherwise. `leeway` is 0 to 300 seconds of clock
    difference, `maximum_lifetime` bounds `exp - iat` in seconds. Raises
    `ValueError` for demands that no token could meet.
    """

    __slots__ = ()

    def __new__(
        cls,
        issuer: str,
        audience: str | Collection[str] | None = None,
        authorized_parties: str | Collection[str] | None = None,
        leeway: float = 5,
        algorithms: Collection[str] = ("RS256", "ES256", "EdDSA"),
        maximum_lifetime: float = 300,
        maximum_token_bytes: int = 8192,
    ) -> Self:
        if not isinstance(issuer, str) or not issuer:
            raise ValueError("issuer must be the URL that the sidecar puts into iss")
        if isinstance(algorithms, str) or not ALGORITHMS.issuperset(algorithms):
            raise ValueError(f"algorithms must be a list with names out of {sorted(ALGORITHMS)}")
        if not algorithms:
            raise ValueError("algorithms must not be empty, or no token could be verified")
        if not 0 <= leeway <= MAXIMUM_LEEWAY:
            raise ValueError(f"leeway must be 0 to {MAXIMUM_LEEWAY} seconds, not {leeway}")
        if not maximum_lifetime > 0:
            raise ValueError("maximum_lifetime must be more than 0 seconds")
        if maximum_token_bytes < 1:
            raise ValueError("maximum_token_bytes must be at least 1")
        # Sets of our own, so that nobody changes the demands by changing a list.
        return super().__new__(
            cls,
            issuer,
            _parse_names("audience", audience),
            _parse_names("authorized_parties", authorized_parties),
            leeway,
            frozenset(algorithms),
            maximum_lifetime,
            maximum_token_bytes,
        )


def _parse_names(setting: str, value: str | Collection[str] | None) -> frozenset[str] | None:
    if value is None:
        return None
    names = frozenset((value,) if isinstance(value, str) else value)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(
            f"{setting} must be a name or several names, or None to leave it unchecked"
        )
    return names


def validate_claims(
    payload: dict[str, object],
    expected: Expectations,
    now: float,
    originally_issued_at: float | None = None,
) -> Claims:
    """Return the claims of a verified `payload` that meets `expected` at `now`, or refuse it.

    Both ends of a token's life are exclusive of the leeway: it is refused from
    `exp + leeway` on, and until `nbf - leeway`.
    """
    # Unpacked, since each look-up by name in a named tuple takes longer than a comparison.
    issuer, audience, authorized_parties, leeway, _, maximum_lifetime, _ = expected
    try:
        if payload["iss"] != issuer:
            raise IssuerMismatch("iss is not the expected issuer")
        _validate_id("sub", payload["sub"])
        _validate_id("sid", payload["sid"])
        issued_at = _validate_time("iat", payload["iat"])
        expires_at = _validate_time("exp", payload["exp"])
    except KeyError as error:
        raise ClaimMissing(f"the token has no {error.args[0]}") from None
    _validate_lifetime(expires_at - issued_at, maximum_lifetime)
    # "not <" and not ">=": a clock that says NaN keeps nothing alive.
    if not now < expires_at + leeway:
        raise TokenExpired("the token has expired")
    if issued_at - leeway > now:
        raise TokenIssuedInFuture("iat is in the future: the clocks differ")
    if "nbf" in payload and _validate_time("nbf", payload["nbf"]) - leeway > now:
        raise TokenNotYetValid("nbf has not been reached")
    if "jti" in payload:
        _validate_text("jti", payload["jti"])
    party = _validate_text("azp", payload["azp"]) if "azp" in payload else None
    if authorized_parties is not None and party not in authorized_parties:
        raise AuthorizedPartyMismatch("azp is not one of the authorized parties")
    names = _parse_audience(payload["aud"]) if "aud" in payload else ()
    if audience is not None and audience.isdisjoint(names):
        raise AudienceMismatch("aud does not name the expected audience")
    return Claims(payload, originally_issued_at)


def _validate_lifetime(lifetime: float, maximum: float) -> None:
    if lifetime <= 0:
        raise ClaimMalformed("exp is not after iat")
    if lifetime > maximum:
        raise TokenLifetimeTooLong(f"the token lives longer than {maximum} seconds")


def _validate_id(name: str, value: object) -> None:
    # Printable leaves out NUL, line ends and lone surrogates, which log files,
    # databases and headers each read in their own way.
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ID or not value.isprintable():
        raise ClaimMalformed(f"{name} is not a printable string of 1 to {_LONGEST_ID} characters")


def _validate_time(name: str, value: object) -> float:
    # type() and not isinstance(): a bool is an int, and True is no time.
    if type(value) is not int and type(value) is not float:
        raise ClaimMalformed(f"{name} is not a number")
    if not 0 <= value <= _LATEST_TIME:
        raise ClaimMalformed(f"{name} is not a time since the epoch")
    return value


def _validate_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ClaimMalformed(f"{name} is not a string")
    return value


def _parse_audience(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    raise ClaimMalformed("aud is neither a string nor a list of strings")
