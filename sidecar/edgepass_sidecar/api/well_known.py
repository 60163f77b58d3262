"""Public documents: the key set, discovery, health (RFC 7517, RFC 8414)."""

from functools import partial
from typing import Any, TypedDict

import orjson
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import JSON, answer, is_held
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.signing_keys import FRESH_FOR, STALE_FOR

_STALE_IF_ERROR = 86_400
KEY_SET_CACHING = (
    f"public, max-age={FRESH_FOR}, stale-while-revalidate={STALE_FOR},"
    f" stale-if-error={_STALE_IF_ERROR}"
)


public_operation = partial(Operation, access=Access.PUBLIC)


class HealthShape(TypedDict):
    status: str


class KeySetShape(TypedDict):
    """A JWK Set (RFC 7517 section 5)."""

    keys: list[dict[str, str]]


async def get_key_set(context: Context, request: Request) -> Response:
    return key_set_answer(context, request)


def key_set_answer(context: Context, request: Request) -> Response:
    """Answer with the published keys, or 304 to who has them."""
    body, tag = context.core.keys.key_set(context.core.clock())
    headers = {"etag": tag, "cache-control": KEY_SET_CACHING}
    if is_held(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=JSON)


async def get_configuration(context: Context, request: Request) -> Response:
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


async def get_health(context: Context, request: Request) -> Response:
    """Answer 200 while sessions can be read and tokens minted, else 503."""
    core = context.core
    await core.store.ping()
    core.keys.signer(core.clock())
    return answer({"status": "ok"})


ROUTES = [
    public_operation(
        "GET",
        "/.well-known/jwks.json",
        get_key_set,
        "The public keys, as a JWK Set",
        answers=KeySetShape,
        is_cacheable=True,
    ),
    public_operation(
        "GET",
        "/.well-known/openid-configuration",
        get_configuration,
        "Where the keys are",
        answers=dict[str, Any],
    ),
    public_operation(
        "GET", "/v1/health", get_health, "Whether tokens can be minted", answers=HealthShape
    ),
]
