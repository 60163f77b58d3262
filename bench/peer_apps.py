"""Peers as ASGI middleware around the bare app, each as its documentation says; and floors."""

from collections.abc import Awaitable

from clerk_backend_api.security import AuthenticateRequestOptions, authenticate_request
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
)
from starlette.exceptions import HTTPException
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from bench.peers import Verifier, clerk_guard
from bench.tokens import SigningKey
from edgepass._asgi import ASGIApp, Receive, Scope, Send


async def bare_app(scope: Scope, receive: Receive, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain"), (b"content-length", b"2")],
        }
    )
    await send({"type": "http.response.body", "body": b"ok"})


class Idle:
    """The least that a middleware costs which is an object: it calls the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, send)


class FieldNames(Idle):
    """It looks for the fields that may carry a token, and at nothing else."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        authorization = cookies = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"cookie":
                cookies = value
        if authorization is None and cookies is None:
            raise ValueError("the request carries no token")
        return self._app(scope, receive, send)


class PyJwtBackend(AuthenticationBackend):
    """Starlette's way to authenticate, as its documentation writes it, with PyJWT in it."""

    def __init__(self, attempt: Verifier) -> None:
        self._attempt = attempt

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationError("credential_missing")
        verdict = self._attempt(token)
        if isinstance(verdict, str):
            raise AuthenticationError(verdict)
        return AuthCredentials(["authenticated"]), SimpleUser(verdict["sub"])


def pyjwt_app(attempt: Verifier) -> ASGIApp:
    def refuse(conn: HTTPConnection, error: Exception) -> Response:
        return JSONResponse({"code": str(error)}, 401)

    return AuthenticationMiddleware(bare_app, backend=PyJwtBackend(attempt), on_error=refuse)


def dict_app(attempt: Verifier) -> ASGIApp:
    """The least one would write by hand: Starlette's headers, and a dict that nothing leaves."""
    verified: dict[str, SimpleUser] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        authorization = Request(scope).headers.get("authorization", "")
        user = verified.get(authorization)
        if user is None:
            verdict = attempt(authorization.removeprefix("Bearer "))
            if isinstance(verdict, str):
                await JSONResponse({"code": verdict}, 401)(scope, receive, send)
                return
            user = verified[authorization] = SimpleUser(verdict["sub"])
        scope["user"] = user
        await bare_app(scope, receive, send)

    return app


def clerk_app(key: SigningKey) -> ASGIApp:
    options = AuthenticateRequestOptions(jwt_key=key.pem)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        state = authenticate_request(Request(scope), options)
        if not state.is_signed_in or state.payload is None:
            code = state.reason.name if state.reason else "refused"
            await JSONResponse({"code": code}, 401)(scope, receive, send)
            return
        scope["user"] = SimpleUser(state.payload["sub"])
        await bare_app(scope, receive, send)

    return app


def clerk_guard_app(key: SigningKey) -> ASGIApp:
    guard = clerk_guard(key)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            credentials = await guard(Request(scope))
        except HTTPException as error:
            await JSONResponse({"code": "refused"}, error.status_code)(scope, receive, send)
            return
        scope["user"] = SimpleUser(credentials.decoded["sub"])
        await bare_app(scope, receive, send)

    return app
