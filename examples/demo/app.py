"""An ordinary app that lets edgepass look after its sessions.

It has a login of its own (here: pick a person), some pages, and a secret key
with which it talks to the sidecar. Everything below `/api` is protected.
"""

import os
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from edgepass import EdgepassMiddleware
from examples.demo.sidecar import Sidecar

PEOPLE = {"ada": "Ada Lovelace", "grace": "Grace Hopper", "edsger": "Edsger Dijkstra"}
ISSUER = os.environ["DEMO_ISSUER"]
PAGE = files("examples.demo").joinpath("page.html").read_text("utf-8").replace("{{issuer}}", ISSUER)

sidecar = Sidecar(ISSUER, os.environ["DEMO_SECRET_KEY"])


async def page(request: Request) -> Response:
    return HTMLResponse(PAGE)


async def login(request: Request) -> Response:
    """Answer a ticket for the person. A real app would have asked for a password before."""
    person = (await request.body()).decode("utf-8", "replace").removeprefix("person=")
    if person not in PEOPLE:
        return PlainTextResponse(f"person must be one of {', '.join(PEOPLE)}\n", 422)
    return PlainTextResponse(await sidecar.create_ticket(person, PEOPLE[person]))


async def me(request: Request) -> Response:
    signed_in = request.user
    return JSONResponse(
        {
            "user_id": signed_in.user_id,
            "session_id": signed_in.session_id,
            "microseconds": signed_in.elapsed_ns / 1000,
            "claims": dict(signed_in.claims.payload),
        }
    )


async def sessions(request: Request) -> Response:
    return JSONResponse(await sidecar.list_active_sessions(request.user.user_id))


async def revoke(request: Request) -> Response:
    session_id = request.path_params["session_id"]
    own = await sidecar.list_active_sessions(request.user.user_id)
    if session_id not in {session["id"] for session in own}:
        return PlainTextResponse("That is not a session of yours.\n", 404)
    return JSONResponse(await sidecar.revoke_session(session_id))


routes = [
    Route("/", page),
    Route("/login", login, methods=["POST"]),
    Route("/api/me", me),
    Route("/api/sessions", sessions),
    Route("/api/sessions/{session_id}/revoke", revoke, methods=["POST"]),
]
app = EdgepassMiddleware(Starlette(routes=routes), issuer=ISSUER, public=["/", "/login"])
