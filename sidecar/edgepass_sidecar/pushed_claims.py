"""What an app pushed with a user or a session, or was asked for: checked, and put together.

A document has `organizations` that the user is a member of (or the one
`organization`), `features`, `plan`, and `custom` claims of any name.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from edgepass_sidecar.claims_language import DEEPEST
from edgepass_sidecar.organization import (
    FIELDS,
    NO_ENTITLEMENTS,
    Entitlements,
    WrongEntitlements,
    parse_entitlements,
)
from edgepass_sidecar.session import Session
from edgepass_sidecar.shortcode import WrongClaims
from edgepass_sidecar.template import find_reserved_claims, validate_audience

MOST_ORGANIZATIONS = 50
_FIELDS = FIELDS | {"organizations", "custom"}


def validate_pushed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return `document` if every token that it leads to can be made, or raise `WrongEntitlements`.

    It is read once for each organization, and once for a session in none.
    """
    unknown = sorted(set(document) - _FIELDS)
    if unknown:
        raise WrongEntitlements(unknown[0], f"is not one of {', '.join(sorted(_FIELDS))}")
    custom = document.get("custom", {})
    if not isinstance(custom, dict):
        raise WrongEntitlements("custom", "must be an object")
    _validate_custom(custom)
    organizations = document.get("organizations", [])
    if not isinstance(organizations, list) or len(organizations) > MOST_ORGANIZATIONS:
        raise WrongEntitlements("organizations", f"must be a list of {MOST_ORGANIZATIONS} at most")
    identifiers = [o.get("id") for o in organizations if isinstance(o, dict)]
    if len(set(map(str, identifiers))) < len(organizations):
        raise WrongEntitlements("organizations", "must be objects, each with an id of its own")
    if isinstance(document.get("features"), str):
        raise WrongEntitlements("features", "must be a list")
    if organizations and document.get("organization") is not None:
        raise WrongEntitlements("organization", "give it, or organizations, and not both")
    for organization in [*organizations, document.get("organization")]:
        _entitlements(document, organization)
    return dict(document)


def _validate_custom(custom: dict[str, Any]) -> None:
    reserved = find_reserved_claims(custom)
    if reserved:
        raise WrongEntitlements(f"custom.{reserved[0]}", "the sidecar alone says what this is")
    if "aud" in custom:
        try:
            validate_audience(custom["aud"])
        except WrongClaims as error:
            raise WrongEntitlements("custom.aud", error.problem) from None
    validate_depth("custom", custom)


def validate_depth(field: str, value: object) -> None:
    """Raise `WrongEntitlements` for what is nested deeper than a token may be."""
    level = [value]
    for _ in range(DEEPEST):
        level = [item for each in level for item in _items(each)]
    if level:
        raise WrongEntitlements(field, f"nested deeper than {DEEPEST}: make it flatter")


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def merge_pushed(session: Session, pulled: Mapping[str, Any]) -> dict[str, Any]:
    """Put together what is known of a session: the newest source of each field has it."""
    return {**session.user.claims, **session.claims, **pulled}


def entitlements_of(merged: Mapping[str, Any], organization_id: str | None) -> Entitlements:
    """Return what a session may do that acts in the organization of this id, or in none."""
    if not merged:
        return NO_ENTITLEMENTS
    return _entitlements(merged, _find_organization(merged, organization_id))


def is_member(merged: Mapping[str, Any], organization_id: str) -> bool:
    return _find_organization(merged, organization_id) is not None


def _find_organization(merged: Mapping[str, Any], organization_id: str | None) -> Any:
    only = merged.get("organization")
    if only is not None:
        # The app itself put the session there.
        return only if organization_id in (None, only.get("id")) else None
    organizations = merged.get("organizations", ())
    return next((o for o in organizations if o.get("id") == organization_id), None)


def _entitlements(document: Mapping[str, Any], organization: Any) -> Entitlements:
    features, plan = document.get("features"), document.get("plan")
    if organization is None:
        # What an organization has bought is nothing to a session outside of it.
        features, plan = _of_the_user(features), _of_the_user(plan)
    return parse_entitlements({"organization": organization, "features": features, "plan": plan})


def _of_the_user(names: Any) -> Any:
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list):
        return names
    split = [(name, *name.partition(":")) if isinstance(name, str) else (name,) for name in names]
    return [
        f"u:{parts[3]}" if len(parts) == 4 and parts[1] in ("uo", "ou") else parts[0]
        for parts in split
        if len(parts) != 4 or parts[1] != "o"
    ]
