"""Telling that what an app says of a user has changed."""

from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.backend.asked import backend_operation
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.schema import backend_user_shape
from edgepass_sidecar.api.user_shapes import BackendUserShape
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.service.users import bump_claims


async def post_bump_claims(context: Context, request: Request) -> Response:
    user = await bump_claims(context.core, UserId(request.path_params["user_id"]))
    return answer(backend_user_shape(user))


ROUTES = [
    backend_operation(
        "POST",
        "/v1/users/{user_id}/bump_claims",
        post_bump_claims,
        "Have every edge refuse the user's tokens until they have the present claims",
        answers=BackendUserShape,
    )
]
