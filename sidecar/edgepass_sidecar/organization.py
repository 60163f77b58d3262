"""A user's organization, features and plans as the app pushed them, and the claims of them.

The claims are `o`, `fea` and `pla` of claims version 2. `o.per` names permissions without
their features; the i-th number of `o.fpm` belongs to the i-th feature that organizations
have, and its k-th bit (the least significant is the first) grants the k-th permission.
Clerk's JavaScript counts among those features only and its Python among all of `fea`, so
they are listed first, where both count alike.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NewType

OrganizationId = NewType("OrganizationId", str)

FIELDS = frozenset(("organization", "features", "plan"))
MOST_FEATURES = 100
MOST_PERMISSIONS = 200
_ORGANIZATION_FIELDS = frozenset(("id", "slug", "role", "permissions"))
# No colon in an id: clerk-js keeps it in a cookie as `<session>:<organization>`.
_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.~-]{1,128}")
_WORD = r"[A-Za-z0-9_.-]{1,64}"  # neither comma nor colon nor space, which the claims are split at
_SLUG = re.compile(_WORD)
_ROLE = re.compile(rf"(?:org:)?({_WORD})")
_PERMISSION = re.compile(rf"org:({_WORD}):({_WORD}(?::{_WORD}){{0,3}})")
_SCOPED = re.compile(rf"(o|u|ou|uo):({_WORD})")
_WORDS = "1 to 64 letters, digits, _ . -"


class WrongEntitlements(ValueError):
    """What was pushed cannot be used; `problem` says why, and what to do."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Permission:
    feature: str
    name: str

    def __str__(self) -> str:
        return f"org:{self.feature}:{self.name}"


@dataclass(frozen=True, slots=True)
class Scoped:
    """The slug of a feature or of a plan, and whose it is: the organization's, the user's."""

    slug: str
    is_organizations: bool
    is_users: bool

    def __str__(self) -> str:
        return "u" * self.is_users + "o" * self.is_organizations + ":" + self.slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """The organization that a session is active in; `role` is without `org:`."""

    id: OrganizationId
    slug: str | None
    role: str
    permissions: tuple[Permission, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """What a user may do; `features` has those of the organization first."""

    organization: Organization | None
    features: tuple[Scoped, ...]
    plans: tuple[Scoped, ...]


NO_ENTITLEMENTS = Entitlements(organization=None, features=(), plans=())


def parse_entitlements(document: object) -> Entitlements:
    """Parse `{"organization", "features", "plan"}`, all optional, or raise `WrongEntitlements`.

    At most 100 features and 200 permissions; each permission is `org:<feature>:<name>`
    of a feature that is listed for the organization. `plan` is one text or a list.
    """
    pushed = _parse_object("claims", document, FIELDS)
    organization = _parse_organization(pushed.get("organization"))
    features = _merged(_parse_scoped("features", pushed.get("features"), MOST_FEATURES))
    plan = pushed.get("plan")
    plans = _parse_plans([plan] if isinstance(plan, str) else plan)
    if organization is None:
        _refuse_scope("features", features)
        _refuse_scope("plan", plans)
    else:
        _validate_features(organization, features)
    return Entitlements(organization=organization, features=features, plans=plans)


def entitlement_claims(entitlements: Entitlements) -> dict[str, Any]:
    """Return `o`, `fea` and `pla`, each only where there is something to say."""
    claims: dict[str, Any] = {}
    if entitlements.organization is not None:
        claims["o"] = _organization_claim(entitlements.organization, entitlements.features)
    if entitlements.features:
        claims["fea"] = ",".join(map(str, entitlements.features))
    if entitlements.plans:
        claims["pla"] = ",".join(map(str, entitlements.plans))
    return claims


def organization_values(organization: Organization | None) -> dict[str, Any]:
    """Return what `org.*` and `org_membership.*` are in shortcodes."""
    if organization is None:
        return {}
    role = f"org:{organization.role}"
    return {
        "org": {"id": organization.id, "slug": organization.slug, "role": role},
        "org_membership": {
            "role": role,
            "permissions": [str(permission) for permission in organization.permissions],
        },
    }


def _organization_claim(organization: Organization, features: Sequence[Scoped]) -> dict[str, str]:
    claim = {"id": organization.id, "slg": organization.slug, "rol": organization.role}
    permissions = organization.permissions
    if permissions:
        bits = {
            name: 1 << place
            for place, name in enumerate(dict.fromkeys(p.name for p in permissions))
        }
        granted = dict.fromkeys((f.slug for f in features if f.is_organizations), 0)
        for permission in permissions:
            granted[permission.feature] |= bits[permission.name]
        # As decimal text of any length: beyond 53 bits a JSON number would lose some.
        claim |= {"per": ",".join(bits), "fpm": ",".join(map(str, granted.values()))}
    return {name: value for name, value in claim.items() if value is not None}


def _parse_organization(document: object) -> Organization | None:
    if document is None:
        return None
    pushed = _parse_object("organization", document, _ORGANIZATION_FIELDS)
    where = "organization"
    slug = pushed.get("slug")
    return Organization(
        id=OrganizationId(
            _match(f"{where}.id", pushed.get("id"), _ID, "1 to 128 letters, digits, _ . ~ -")[0]
        ),
        slug=slug if slug is None else _match(f"{where}.slug", slug, _SLUG, _WORDS)[0],
        role=_match(f"{where}.role", pushed.get("role"), _ROLE, f"{_WORDS}, perhaps after org:")[1],
        permissions=_parse_permissions(pushed.get("permissions")),
    )


def _parse_permissions(pushed: object) -> tuple[Permission, ...]:
    field = "organization.permissions"
    permissions = []
    for place, text in _items(field, pushed, MOST_PERMISSIONS):
        # The claims have no way to write a permission without a feature.
        match = _match(place, text, _PERMISSION, "org:<feature>:<permission>")
        permissions.append(Permission(match[1], match[2]))
    return tuple(dict.fromkeys(permissions))


def _parse_plans(pushed: object) -> tuple[Scoped, ...]:
    plans = _parse_scoped("plan", pushed, 2)
    scopes = [(plan.is_organizations, plan.is_users) for plan in plans]
    if (True, True) in scopes or len(set(scopes)) != len(scopes):
        raise WrongEntitlements(
            "plan", "must be one of the user's (u:), one of the organization's (o:)"
        )
    return plans


def _parse_scoped(field: str, pushed: object, most: int) -> tuple[Scoped, ...]:
    # Clerk's JavaScript throws at an item without a colon, which signs its user out.
    wanted = f"o:, u: or ou:, then {_WORDS}"
    matches = [_match(place, text, _SCOPED, wanted) for place, text in _items(field, pushed, most)]
    return tuple(Scoped(match[2], "o" in match[1], "u" in match[1]) for match in matches)


def _merged(features: Iterable[Scoped]) -> tuple[Scoped, ...]:
    """Return each feature once, those of the organization first."""
    merged: dict[str, Scoped] = {}
    for feature in features:
        known = merged.get(feature.slug, feature)
        merged[feature.slug] = Scoped(
            feature.slug,
            known.is_organizations or feature.is_organizations,
            known.is_users or feature.is_users,
        )
    return tuple(sorted(merged.values(), key=lambda feature: not feature.is_organizations))


def _refuse_scope(field: str, scoped: Iterable[Scoped]) -> None:
    # Where a check names no scope, Clerk's clients look into both.
    for one in scoped:
        if one.is_organizations:
            raise WrongEntitlements(
                field, f"{one} is an organization's, and there is none: push it, or write u:"
            )


def _validate_features(organization: Organization, features: Iterable[Scoped]) -> None:
    # Not added on its own: a feature is what a customer pays for, and listing it
    # would grant it.
    known = {feature.slug for feature in features if feature.is_organizations}
    for permission in organization.permissions:
        if permission.feature not in known:
            raise WrongEntitlements(
                "organization.permissions",
                f"{permission} needs the feature o:{permission.feature}: add it to features",
            )


def _parse_object(field: str, document: object, fields: frozenset[str]) -> dict[str, Any]:
    if type(document) is not dict:
        raise WrongEntitlements(field, "must be an object")
    unknown = sorted(str(name)[:40] for name in document.keys() - fields)
    if unknown:
        known = ", ".join(sorted(fields))
        raise WrongEntitlements(field, f"{unknown[0]!r} is not known: there are {known}")
    return document


def _items(field: str, pushed: object, most: int) -> Iterable[tuple[str, object]]:
    if pushed is None:
        return []
    if type(pushed) is not list:
        raise WrongEntitlements(field, "must be an array of texts")
    if len(pushed) > most:
        raise WrongEntitlements(field, f"{len(pushed)} items, and {most} is the most")
    return [(f"{field}[{index}]", item) for index, item in enumerate(pushed)]


def _match(field: str, value: object, shape: re.Pattern[str], wanted: str) -> re.Match[str]:
    match = shape.fullmatch(value) if type(value) is str else None
    if match is None:
        raise WrongEntitlements(field, f"must be {wanted}")
    return match
