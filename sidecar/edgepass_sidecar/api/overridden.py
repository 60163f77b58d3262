"""Routes of the frontend API: a POST may name the method that it stands for.

Browsers ask before a cross-origin PATCH, PUT or DELETE, but not before a POST
with a form; SDKs send that with `?_method=`.
"""

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Scope

from edgepass_sidecar.api.fields import query_of

_OVERRIDES = frozenset(("DELETE", "PATCH", "PUT"))


class FrontendRoute(Route):
    """A route that goes by the method that is meant.

    What changes something stays a POST to browsers, and to the check of its origin.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        if match is Match.NONE or scope["method"] != "POST":
            return match, found
        method = self._meant(query_of(scope).getlist("_method"))
        allowed = method in (self.methods or ())
        return Match.FULL if allowed else Match.PARTIAL, {**found, "method": method}

    def _meant(self, named: list[str]) -> str:
        if not named:
            return "POST"
        if len(named) > 1 or named[0] not in _OVERRIDES:
            allowed = {"allow": ", ".join(sorted(self.methods or ()))}
            raise HTTPException(405, "A POST stands for DELETE, PATCH or PUT only.", allowed)
        return named[0]
