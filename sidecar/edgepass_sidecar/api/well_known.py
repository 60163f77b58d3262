"""Public documents: the key set, discovery, health (RFC 7517, RFC 8414)."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgepass_sidecar.api.answers import JSON, answer, is_held
from edgepass_sidecar.api.context import Context, context_of
from edgepass_sidecar.signing_keys import FRESH_FOR, STALE_FOR

_STALE_IF_ERROR = 86_400
KEY_SET_CACHING = (
    f"public, max-age={FRESH_FOR}, stale-while-revalidate={STALE_FOR},"
    f" stale-if-error={_STALE_IF_ERROR}"
)


async def get_key_set(request: Request) -> Response:
    return key_set_answer(context_of(request), request)


def key_set_answer(context: Context, request: Request) -> Response:
    """Answer with the published keys, or 304 to who has them."""
    body, tag = context.core.keys.key_set(context.core.clock())
    headers = {"etag": tag, "cache-control": KEY_SET_CACHING}
    if is_held(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=JSON)


async def get_configuration(request: Request) -> Response:
    context = context_of(request)
    issuer = context.settings.public_url
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": context.core.keys.published_algorithms(
            context.core.clock()
        ),
        "response_types_supported": [],
    }
    headers = {"cache-control": f"public, max-age={FRESH_FOR}"}
    return Response(orjson.dumps(document), headers=headers, media_type=JSON)


async def get_health(request: Request) -> Response:
    """Answer 200 while sessions can be read and tokens minted, else 503."""
    core = context_of(request).core
    await core.store.ping()
    core.keys.signer(core.clock())
    return answer({"status": "ok"})


ROUTES = [
    Route("/.well-known/jwks.json", get_key_set, methods=["GET"]),
    Route("/.well-known/openid-configuration", get_configuration, methods=["GET"]),
    Route("/v1/health", get_health, methods=["GET"]),
]
