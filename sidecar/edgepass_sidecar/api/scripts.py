"""The browser's part, served as it is: one ES module, no build step."""

from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgepass_sidecar.api.answers import is_held

_BODY = files("edgepass_sidecar.web").joinpath("edgepass.js").read_bytes()
_HEADERS = {
    "etag": f'"{sha256(_BODY).hexdigest()[:32]}"',
    "cache-control": "public, max-age=300",
    # An app on another origin imports it, and modules are always fetched with CORS.
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
}


async def get_script(request: Request) -> Response:
    if is_held(request, _HEADERS["etag"]):
        return Response(status_code=304, headers=_HEADERS)
    return Response(_BODY, headers=_HEADERS, media_type="text/javascript")


ROUTES = [Route("/edgepass.js", get_script, methods=["GET"])]
