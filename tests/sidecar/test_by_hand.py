"""What is done by hand on the way of each refresh comes to what the libraries would do."""

import re

import pytest
from starlette.responses import Response
from starlette.routing import Route

from edgepass_sidecar.api import backend, feed, frontend, well_known
from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.operation import Operation
from edgepass_sidecar.api.overridden import PlainRoute

OPERATIONS: list[Operation] = [
    *frontend.ROUTES,
    *backend.ROUTES,
    *feed.ROUTES,
    *well_known.ROUTES,
]
PATHS = sorted(
    {re.sub(r"{\w+}", "x-1.é", operation.path) for operation in OPERATIONS}
    | {"", "/", "/v1", "/v1/client/sessions//tokens", "/v1/client/sessions/a/b/tokens"}
    | {"/v1/client/sessions/a/tokens/", "/v1/client/sessions/a\n/tokens"}
)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize(
    "more", [{}, {"root_path": ""}, {"root_path": "/v1"}, {"path_params": {"tenant": "a"}}]
)
def test_a_path_leads_to_the_route_that_starlette_finds(method: str, more: dict[str, str]) -> None:
    for path in PATHS:
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", **more}
        for operation in OPERATIONS:
            assert PlainRoute.matches(operation, scope) == Route.matches(operation, scope)


def test_a_socket_leads_nowhere() -> None:
    scope = {"type": "websocket", "path": OPERATIONS[0].path}
    assert PlainRoute.matches(OPERATIONS[0], scope) == Route.matches(OPERATIONS[0], scope)


@pytest.mark.parametrize("content", [{}, {"jwt": "é"}, ["a" * 5000]])
def test_an_answer_is_the_one_that_starlette_makes(content: object) -> None:
    ours = answer(content)
    theirs = Response(
        ours.body, media_type="application/json", headers={"cache-control": "no-store"}
    )
    assert ours.raw_headers == theirs.raw_headers
    assert (ours.status_code, ours.background) == (theirs.status_code, theirs.background)
