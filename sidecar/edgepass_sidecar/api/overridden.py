"""Routes of the frontend API: a POST may name the method that it stands for.

Browsers ask before a cross-origin PATCH, PUT or DELETE, but not before a POST
with a form; SDKs send that with `?_method=`.
"""

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Scope

from edgepass_sidecar.api.fields import query_of

_OVERRIDES = frozenset(("DELETE", "PATCH", "PUT"))


class PlainRoute(Route):
    """A route that is in no other one, and whose parameters are texts."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or scope.get("root_path") or scope.get("path_params"):
            return super().matches(scope)
        # As Starlette does it, but for what it does for other kinds of routes.
        found = self.path_regex.match(scope["path"])
        if found is None:
            return Match.NONE, {}
        match = Match.FULL if scope["method"] in (self.methods or ()) else Match.PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": found.groupdict()}


class FrontendRoute(PlainRoute):
    """A route that goes by the method that is meant.

    What changes something stays a POST to browsers, and to the check of its origin.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, found = super().matches(scope)
        if match is Match.NONE or scope["method"] != "POST" or not scope.get("query_string"):
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
