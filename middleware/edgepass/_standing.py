"""Whether verified claims still count as signed in."""

from edgepass._auth import Claims
from edgepass._errors import SessionPending


def validate_standing(claims: Claims) -> Claims:
    """Return `claims` of a session that counts as signed in, or raise `SessionPending`."""
    if claims.payload.get("sts") == "pending":
        raise SessionPending("the session has a task to finish first")
    return claims
