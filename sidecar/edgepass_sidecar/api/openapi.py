"""The API's own document (OpenAPI 3.1), made of the table that the routes are."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.api.shapes import ErrorShape

Members = dict[str, Any]

_ABOUT = (
    "Sessions: who is signed in where, and 60-second tokens that say so."
    " Times are milliseconds since the epoch."
    " A POST with `_method` in its query stands for DELETE, PATCH or PUT"
    " where a page or an app calls."
)
_REFERENCE = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"\{(\w+)\}")
_TAGS = {
    Access.PUBLIC: "Anybody may call",
    Access.CLIENT: "A page of an allowed origin, or an app, calls with its client token",
    Access.NAVIGATION: "A browser is sent here from an app's page",
    Access.SERVER: "The app's own servers call with a secret key",
    Access.EDGE: "A process that runs the middleware listens with an edge key",
}
_IDENTIFIERS = {
    "client_id": "Of a client",
    "session_id": "Of a session",
    "template": "Name of a JWT template",
    "template_id": "Of a JWT template",
    "ticket_id": "Of a sign-in token or an actor token",
    "user_id": "Of a user",
}
# Of what pages and apps call, what answers without a client token too.
_WITHOUT_CLIENT = {
    ("PATCH", "/v1/environment"),
    ("GET", "/v1/client"),
    ("POST", "/v1/client"),
    ("PUT", "/v1/client"),
    ("POST", "/v1/client/sign_ins"),
    ("GET", "/v1/clear-site-data"),
}
_NOTHING: dict[str, list[str]] = {}
_CLIENT: list[dict[str, list[str]]] = [{"client_token": []}, {"native": []}]
_PAGE_PARAMETERS = [
    {
        "name": "Origin",
        "in": "header",
        "description": "Of the page that asks; `Referer` names it where a browser leaves it out",
        "schema": {"type": "string"},
    },
    {
        "name": "_is_native",
        "in": "query",
        "description": "`1` from an app, which sends and gets its client token in `Authorization`",
        "schema": {"type": "string"},
    },
]
_RETRY_AFTER = {"description": "In seconds", "required": True, "schema": {"type": "string"}}


def make_document(operations: Sequence[Operation], *, url: str, cookie_name: str) -> Members:
    """Describe `operations`, served at `url`, and the document itself."""
    described = [*operations, document_route(dict)]
    types = _types(described)
    schemas, components = _schemas(types)
    schema_of = dict(zip(map(str, types), schemas, strict=True))
    paths: dict[str, Members] = {}
    for operation in described:
        item = _describe(operation, schema_of, components)
        paths.setdefault(operation.path, {})[operation.method.lower()] = item
    return {
        "openapi": "3.1.0",
        "info": {"title": "edgepass", "version": version("edgepass"), "description": _ABOUT},
        "servers": [{"url": url}],
        "tags": [{"name": who.value, "description": text} for who, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": _error_responses(schema_of[str(ErrorShape)]),
            "securitySchemes": _security_schemes(cookie_name),
        },
    }


def document_route(make: Callable[[], Members]) -> Operation:
    """Return the route of the document, which is made when it is first asked for."""
    made = cache(make)

    async def get_document(context: Context, request: Request) -> Response:
        return answer(made())

    return Operation(
        "GET",
        "/v1/openapi.json",
        get_document,
        "This document",
        access=Access.PUBLIC,
        answers=dict[str, Any],
    )


def _types(operations: Iterable[Operation]) -> list[Any]:
    found: dict[str, Any] = {str(ErrorShape): ErrorShape}
    for operation in operations:
        for one in (operation.body, operation.answers):
            if one is not None:
                found[str(one)] = one
    return list(found.values())


def _schemas(types: Sequence[Any]) -> tuple[Sequence[Members], Members]:
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    for component in components.values():
        if "enum" in component:  # a type of the domain, whose docstring tells of that
            component.pop("description", None)
    return schemas, components


def _describe(operation: Operation, schema_of: Members, components: Members) -> Members:
    described: Members = {
        "operationId": _identify(operation),
        "summary": operation.summary,
        "tags": [operation.access.value],
        "security": _security(operation),
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation),
            *(_PAGE_PARAMETERS if operation.access is Access.CLIENT else ()),
        ],
        "responses": _responses(operation, schema_of),
    }
    if operation.body is not None:
        schema = schema_of[str(operation.body)]
        described["requestBody"] = _request_body(operation, schema, components)
    return described


def _identify(operation: Operation) -> str:
    """Name an operation by who calls it, its method, and its path."""
    words = re.findall(r"\w+", operation.path.removeprefix("/v1"))
    return "_".join((operation.access.value, operation.method.lower(), *words))


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.access is Access.SERVER:
        return [{"secret_key": []}]
    if operation.access is Access.EDGE:
        return [{"edge_key": []}]
    if operation.access is Access.NAVIGATION:
        return [{"client_token": []}, _NOTHING]
    if operation.access is Access.PUBLIC:
        return []
    is_optional = (operation.method, operation.path) in _WITHOUT_CLIENT
    return [*_CLIENT, _NOTHING] if is_optional else _CLIENT


def _security_schemes(cookie_name: str) -> Members:
    return {
        "client_token": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie_name,
            "description": "The client token, as a browser keeps it",
        },
        "native": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "The client token, as an app keeps it; with `_is_native=1`",
        },
        "secret_key": {"type": "http", "scheme": "bearer", "description": "A secret key"},
        "edge_key": {"type": "http", "scheme": "bearer", "description": "An edge key"},
    }


def _path_parameters(operation: Operation) -> list[Members]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _IDENTIFIERS[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PARAMETER.findall(operation.path)
    ]


def _query_parameters(operation: Operation) -> list[Members]:
    if operation.query is None:
        return []
    shape = _inline(operation.query)
    return [
        {"name": name, "in": "query", "required": name in shape["required"], "schema": schema}
        for name, schema in shape["properties"].items()
    ]


def _request_body(operation: Operation, schema: Members, components: Members) -> Members:
    assert operation.body is not None
    content = {"application/json": {"schema": schema}}
    if operation.access is Access.CLIENT:
        # Fields that are not known have no effect, but each must come once.
        form = {**_inline(operation.body), "additionalProperties": {"type": "string"}}
        content["application/x-www-form-urlencoded"] = {"schema": form}
    required = components[operation.body.__name__]["required"]
    return {"required": bool(required), "content": content}


def _inline(shape: type[msgspec.Struct]) -> Members:
    """Describe the fields of a form or a query, which have no way to be null."""
    _, components = _schemas([shape])
    whole: Members = components[shape.__name__]
    properties = {
        name: _without_null(schema, components) for name, schema in whole["properties"].items()
    }
    return {"type": "object", "properties": properties, "required": whole["required"]}


def _without_null(schema: Members, components: Members) -> Members:
    if "anyOf" in schema:
        (schema,) = (each for each in schema["anyOf"] if each.get("type") != "null")
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return schema


def _responses(operation: Operation, schema_of: Members) -> Members:
    done: Members = {"description": operation.summary}
    if operation.answers is not None:
        schema = schema_of[str(operation.answers)]
        done["content"] = {operation.media_type: {"schema": _with_pages(operation, schema)}}
    if operation.status == 307:
        done["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    responses = {
        str(operation.status): done,
        "4XX": {"$ref": "#/components/responses/Refused"},
        "429": {"$ref": "#/components/responses/TooMany"},
        "5XX": {"$ref": "#/components/responses/Failed"},
        "503": {"$ref": "#/components/responses/Unavailable"},
    }
    if operation.is_cacheable:
        tag = {"ETag": {"required": True, "schema": {"type": "string"}}}
        done["headers"] = tag
        responses["304"] = {"description": "The version that the caller has", "headers": tag}
    return responses


def _with_pages(operation: Operation, schema: Members) -> Members:
    """Add what a list becomes where `paginated` may ask for its length."""
    if operation.query is None or "paginated" not in operation.query.__struct_fields__:
        return schema
    properties = {"data": schema, "total_count": {"type": "integer", "minimum": 0}}
    page = {"type": "object", "properties": properties, "required": ["data", "total_count"]}
    return {"anyOf": [schema, page]}


def _error_responses(schema: Members) -> Members:
    content = {"application/json": {"schema": schema}}
    kept = {"Cache-Control": {"required": True, "schema": {"const": "no-store"}}}
    later = {**kept, "Retry-After": _RETRY_AFTER}
    return {
        "Refused": {
            "description": "Refused; the code says why",
            "headers": kept,
            "content": content,
        },
        "TooMany": {"description": "Asked too often", "headers": later, "content": content},
        "Failed": {"description": "A fault here", "headers": kept, "content": content},
        "Unavailable": {
            "description": "Not now; a retry may help",
            "headers": later,
            "content": content,
        },
    }
