"""The client: looking at it, signing in on it, signing out of all of it."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.environment import EnvironmentShape, environment_shape
from edgepass_sidecar.api.frontend.views import client_operation, find_client
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.api.schema import client_shape, sign_in_shape, signed_out_shape
from edgepass_sidecar.api.shapes import WrappedClient, WrappedSignIn
from edgepass_sidecar.service.refusal import invalid
from edgepass_sidecar.service.sessions import view_changed
from edgepass_sidecar.service.sign_in import sign_in_with_ticket, sign_out, start_client


class SignIn(msgspec.Struct):
    strategy: Annotated[str, msgspec.Meta(extra_json_schema={"const": "ticket"})]
    ticket: str = ""


async def get_environment(context: Context, request: Request) -> Response:
    return answer(environment_shape(context.settings))


async def patch_environment(context: Context, request: Request) -> Response:
    # Development SDKs send this once, to tell their origin.
    return await get_environment(context, request)


async def get_client(context: Context, request: Request) -> Response:
    viewed = await find_client(context, request)
    shape = client_shape(viewed, context.core.clock()) if viewed else None
    response = answer({"response": shape, "client": None})
    context.correct_last_change(request, response, viewed)
    return response


async def post_client(context: Context, request: Request) -> Response:
    """Answer with a new client, or with the one that there is: its sessions are not forsaken."""
    viewed = await find_client(context, request)
    if viewed is not None:
        shape = client_shape(viewed, context.core.clock())
        return answer({"response": shape, "client": None})
    client, token = await start_client(context.core)
    response = answer({"response": signed_out_shape(client), "client": None})
    context.send_client_token(request, response, token)
    context.send_last_change(request, response, None)
    return response


async def post_sign_in(context: Context, request: Request, body: SignIn) -> Response:
    party = context.authorized_party(request)
    if body.strategy != "ticket":
        raise invalid("strategy", "only ticket is supported; the app does the rest of signing in")
    signed_in = await sign_in_with_ticket(
        context.core, context.client_token(request), body.ticket, context.activity(request)
    )
    viewed = view_changed(context.core, signed_in.changed, party)
    shape = sign_in_shape(signed_in.client, signed_in.session)
    client = client_shape(viewed, context.core.clock())
    response = answer({"response": shape, "client": client})
    context.send_client_token(request, response, signed_in.client_token)
    context.send_last_change(request, response, viewed)
    return response


async def delete_sessions(context: Context, request: Request) -> Response:
    client, token = await sign_out(context.core, context.client_token(request))
    response = answer({"response": signed_out_shape(client), "client": None})
    if token is not None:
        context.send_client_token(request, response, token)
        context.send_last_change(request, response, None)
    return response


async def delete_client(context: Context, request: Request) -> Response:
    """Sign out and forget the client: its next token is sent to nobody."""
    client, token = await sign_out(context.core, context.client_token(request))
    response = answer({"response": signed_out_shape(client), "client": None})
    # Who came with the previous token may sit beside a cookie that is another's.
    if token is not None:
        context.clear_client_token(request, response)
        context.send_last_change(request, response, None)
    return response


async def get_clear_site_data(context: Context, request: Request) -> Response:
    """Have the browser forget what it keeps for this host; the sessions are not ended."""
    return answer({}, headers={"clear-site-data": '"*"'})


ROUTES = [
    Operation(
        "GET",
        "/v1/environment",
        get_environment,
        "What an SDK may offer here",
        access=Access.PUBLIC,
        answers=EnvironmentShape,
    ),
    client_operation(
        "PATCH",
        "/v1/environment",
        patch_environment,
        "The same, for SDKs with a key for development",
        answers=EnvironmentShape,
    ),
    client_operation(
        "GET",
        "/v1/client",
        get_client,
        "Look at the client, with its live sessions",
        answers=WrappedClient,
    ),
    client_operation(
        "POST",
        "/v1/client",
        post_client,
        "Make a client, where there is none",
        answers=WrappedClient,
    ),
    client_operation("PUT", "/v1/client", post_client, "Do the same", answers=WrappedClient),
    client_operation(
        "DELETE",
        "/v1/client",
        delete_client,
        "Sign all accounts out and forget the client",
        answers=WrappedClient,
    ),
    client_operation(
        "POST",
        "/v1/client/sign_ins",
        post_sign_in,
        "Sign in with a ticket",
        body=SignIn,
        answers=WrappedSignIn,
    ),
    client_operation(
        "DELETE",
        "/v1/client/sessions",
        delete_sessions,
        "Sign all accounts out",
        answers=WrappedClient,
    ),
    client_operation(
        "GET",
        "/v1/clear-site-data",
        get_clear_site_data,
        "Have the browser forget what it keeps for this host",
        answers=dict[str, str],
    ),
]
