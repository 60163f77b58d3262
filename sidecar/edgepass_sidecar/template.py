"""What an app may add to tokens: JWT templates, custom claims of the session token, and sizes."""

import re
from dataclasses import dataclass, field
from typing import Any

from edgepass_sidecar.claims_language import CompiledClaims, parse_claims, render
from edgepass_sidecar.identifier import TemplateId, UserId
from edgepass_sidecar.session import Session
from edgepass_sidecar.shortcode import WrongClaims, has_braces
from edgepass_sidecar.user import User

SHORTEST_LIFETIME, LONGEST_LIFETIME = 30, 315_360_000  # seconds; the wire's bounds
DEFAULT_LIFETIME = 60
LONGEST_CLOCK_SKEW, DEFAULT_CLOCK_SKEW = 300, 5  # seconds

# Clerk's advice for all custom claims of a session token together (session tokens, "Size
# limitations"); beyond it a token is minted, with a warning.
COMFORTABLE_CLAIMS = 1200  # bytes of JSON
# RFC 6265 section 6.1: a browser need not keep more than 4096 bytes of a cookie's name,
# value and attributes; this leaves 596 for the name and the attributes.
LARGEST_TOKEN = 3500  # bytes

# What the sidecar says about a token itself, in a template's token as in a session's.
AUTOMATIC_CLAIMS = frozenset(("azp", "exp", "iat", "iss", "jti", "nbf", "sub"))
# What is true of a session. A template's token has none of it, so that nobody who is
# given one can take it for a session token.
SESSION_CLAIMS = frozenset(("act", "fea", "fva", "o", "pla", "sid", "sts", "v"))
# Claims version 1 had these instead of `o`. clerk-backend-api 7.0.0 still believes them
# in a session token without an organization, so a custom claim could grant a role.
_FORMER_SESSION_CLAIMS = frozenset(("org_id", "org_permissions", "org_role", "org_slug"))
_RESERVED_IN_TEMPLATES = AUTOMATIC_CLAIMS | SESSION_CLAIMS
_RESERVED_IN_SESSION_TOKENS = _RESERVED_IN_TEMPLATES | _FORMER_SESSION_CLAIMS
# It stands in a path, where a leading dot could mean another place.
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")


class WrongTemplate(ValueError):
    """A field of a template cannot be what it was to be; `problem` says why, and what to do."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class TokenTooLarge(ValueError):
    """A finished token is longer than a browser can be relied on to keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How tokens for somebody else's service are made; `name` is what they are asked for by.

    `lifetime` is 30 to 315,360,000 seconds, for verifiers of any kind: edges refuse a
    token that lives longer than 300, and any without a session, which is all of these.
    `allowed_clock_skew` (0 to 300 seconds) is how long before its minting a token is
    valid already. An audience is the claim `aud`. Raises `WrongTemplate`.
    """

    id: TemplateId
    name: str
    claims: dict[str, Any]
    created_at: float
    updated_at: float
    lifetime: int = DEFAULT_LIFETIME
    allowed_clock_skew: int = DEFAULT_CLOCK_SKEW
    compiled: CompiledClaims = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.name) is not str or _NAME.fullmatch(self.name) is None:
            raise WrongTemplate("name", "must be 1 to 64 letters, digits, _ . -, and no dot first")
        validate_lifetime("lifetime", self.lifetime)
        _validate_range("allowed_clock_skew", self.allowed_clock_skew, 0, LONGEST_CLOCK_SKEW)
        try:
            compiled = _parse(self.claims, _RESERVED_IN_TEMPLATES)
        except WrongClaims as error:
            raise WrongTemplate(error.place, error.problem) from None
        object.__setattr__(self, "compiled", compiled)


def validate_lifetime(field: str, seconds: int) -> int:
    """Return `seconds` if a token may live so long, or raise `WrongTemplate` naming `field`."""
    return _validate_range(field, seconds, SHORTEST_LIFETIME, LONGEST_LIFETIME)


def _validate_range(field: str, seconds: int, least: int, most: int) -> int:
    # By the exact type, because JSON's true is an int in Python.
    if type(seconds) is not int or not least <= seconds <= most:
        raise WrongTemplate(field, f"must be a whole number of seconds, {least} to {most}")
    return seconds


def template_claims(
    template: Template,
    *,
    user_id: UserId,
    issuer: str,
    token_id: str,
    authorized_party: str | None,
    values: dict[str, Any],
    now: float,
    lifetime: int | None = None,
    actor: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return all claims of a token made with `template`, from the whole second of `now` on.

    `values` are what shortcodes look into, `lifetime` overrides the template's. Raises
    what `render` does, and `WrongTemplate` for a lifetime out of range.
    """
    if lifetime is None:
        lifetime = template.lifetime
    issued_at = int(now)
    automatic: dict[str, Any] = {
        "iss": issuer,
        "sub": user_id,
        "iat": issued_at,
        "exp": issued_at + validate_lifetime("lifetime", lifetime),
        "nbf": issued_at - template.allowed_clock_skew,
        "jti": token_id,
    }
    if authorized_party is not None:
        automatic["azp"] = authorized_party
    if actor is not None:
        automatic["act"] = actor
    return render(template.compiled, values) | automatic


def parse_custom_claims(document: object) -> CompiledClaims:
    """Compile what every session token shall have besides its own claims.

    Raises `WrongClaims`, also for a name that is a session token's own. An `aud` is
    allowed, though some verifiers then refuse the token unless they are told of it.
    """
    return _parse(document, _RESERVED_IN_SESSION_TOKENS)


def _parse(document: object, reserved: frozenset[str]) -> CompiledClaims:
    compiled = parse_claims(document)
    for name, _ in compiled.members:
        if name in reserved:
            problem = "the sidecar alone says what this is: use another name"
            raise WrongClaims(f"claims.{name}", problem)
    if isinstance(document, dict) and "aud" in document:
        validate_audience(document["aud"])
    return compiled


def validate_audience(audience: object) -> None:
    # RFC 7519 section 4.1.3. Fixed, because whom a token is for must not hang on what its
    # user may edit.
    names = audience if isinstance(audience, list) else [audience]
    if not names or not all(type(name) is str and name and not has_braces(name) for name in names):
        raise WrongClaims("claims.aud", "must be text, or an array of texts, without shortcodes")


def find_reserved_claims(claims: dict[str, Any]) -> tuple[str, ...]:
    """Return the names in `claims` that a session token keeps for itself, sorted."""
    return tuple(sorted(_RESERVED_IN_SESSION_TOKENS.intersection(claims)))


def validate_token_size(token: str) -> str:
    """Return `token` if every browser keeps it as a cookie, or raise `TokenTooLarge`."""
    if len(token) > LARGEST_TOKEN:
        raise TokenTooLarge(
            f"the token has {len(token)} bytes, and {LARGEST_TOKEN} is the most:"
            " leave claims out, and let the app look them up"
        )
    return token


def session_values(session: Session) -> dict[str, Any]:
    """Return what `user.*` and `session.*` are in shortcodes. Times are whole seconds."""
    return {
        "user": _user_values(session.user),
        "session": {
            "id": session.id,
            "actor": session.actor,
            "created_at": int(session.created_at),
            "expire_at": int(session.expire_at),
        },
    }


def _user_values(user: User) -> dict[str, Any]:
    names = [name for name in (user.first_name, user.last_name) if name]
    return {
        "id": user.id,
        "external_id": user.external_id,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "full_name": " ".join(names) or None,
        "primary_email_address": user.email_address,
        "image_url": user.image_url,
        "public_metadata": user.public_metadata,
        "unsafe_metadata": user.unsafe_metadata,
        "created_at": int(user.created_at),
        "updated_at": int(user.updated_at),
    }
