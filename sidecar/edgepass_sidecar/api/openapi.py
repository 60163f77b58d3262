"""The API's own document (OpenAPI 3.1), made of the table that the routes are."""

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.api.shapes import ErrorShape

_REFERENCE = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.NAVIGATION: [{"client_token": []}, {}],
    Access.CLIENT: [{"client_token": []}, {"native": []}, {}],
    Access.SERVER: [{"secret_key": []}],
}


def make_document(operations: Sequence[Operation], *, url: str, cookie_name: str) -> dict[str, Any]:
    """Describe `operations`, served at `url`."""
    types = _types(operations)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schema_of = dict(zip(map(str, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _describe(operation, schema_of)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "edgepass", "version": version("edgepass")},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "client_token": {"type": "apiKey", "in": "cookie", "name": cookie_name},
                "native": {"type": "apiKey", "in": "header", "name": "Authorization"},
                "secret_key": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def document_route(document: dict[str, Any]) -> Route:
    async def get_document(_: Request) -> Response:
        return answer(document)

    return Route("/v1/openapi.json", get_document, methods=["GET"])


def _types(operations: Iterable[Operation]) -> list[Any]:
    found: dict[str, Any] = {str(ErrorShape): ErrorShape}
    for operation in operations:
        for one in (operation.body, operation.query, operation.answers):
            if one is not None:
                found[str(one)] = one
    return list(found.values())


def _describe(operation: Operation, schema_of: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _identify(operation),
        "summary": operation.summary,
        "tags": [operation.access.value],
        "security": _SECURITY[operation.access],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation, schema_of),
    }
    if operation.body is not None:
        content = {"schema": schema_of[str(operation.body)]}
        described["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(operation.body)),
            "content": {
                "application/json": content,
                "application/x-www-form-urlencoded": content,
            },
        }
    return described


def _identify(operation: Operation) -> str:
    """Name an operation by who calls it, its method, and its path."""
    words = re.findall(r"\w+", operation.path.removeprefix("/v1"))
    return "_".join((operation.access.value, operation.method.lower(), *words))


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(operation.path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    (schema,), components = msgspec.json.schema_components(
        [operation.query], ref_template=_REFERENCE
    )
    shape = components[schema["$ref"].rpartition("/")[2]]
    required = shape.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": property_}
        for name, property_ in shape["properties"].items()
    ]


def _responses(operation: Operation, schema_of: dict[str, Any]) -> dict[str, Any]:
    error = {"application/json": {"schema": schema_of[str(ErrorShape)]}}
    done: dict[str, Any] = {"description": operation.summary}
    if operation.answers is not None:
        done["content"] = {"application/json": {"schema": schema_of[str(operation.answers)]}}
    responses = {
        str(operation.status): done,
        "4XX": {"description": "Refused; the code says why", "content": error},
        "5XX": {"description": "Not now; a retry may help", "content": error},
    }
    if operation.is_cacheable:
        responses["304"] = {"description": "The version that the caller has"}
    return responses
