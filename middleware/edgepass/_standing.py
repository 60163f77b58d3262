"""Whether verified claims still count as signed in."""

from edgepass._auth import Claims
from edgepass._errors import SessionPending
from edgepass._revocations import Revocations


def validate_standing(claims: Claims, revocations: Revocations) -> Claims:
    """Return `claims` of a session that counts as signed in.

    Raises `SessionPending`, or what `Revocations.validate` raises.
    """
    if claims.payload.get("sts") == "pending":
        raise SessionPending("the session has a task to finish first")
    revocations.validate(claims)
    return claims
