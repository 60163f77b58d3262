"""The API's own document: valid, complete, and in words for those who call."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR
from starlette.routing import Route

from edgepass_sidecar.api import scripts
from edgepass_sidecar.api.openapi import document_route, make_document
from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.api.shapes import ErrorCode
from edgepass_sidecar.app import make_app
from tests.support.sidecar import PUBLIC_URL, Sidecar, make_settings

PACKAGE = Path(__file__).parents[2] / "sidecar" / "edgepass_sidecar"
ROUTES = [route for route in make_app(make_settings()).routes if isinstance(route, Route)]
STATIC = {route.path for route in scripts.ROUTES}
OPERATIONS = [route for route in ROUTES if isinstance(route, Operation)]
DOCUMENT = make_document(
    [each for each in OPERATIONS if each.path != document_route(dict).path],
    url=PUBLIC_URL,
    cookie_name="__Host-client",
)
DESCRIBED = {
    (method.upper(), path): operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
# Of the code and of the house, not of those who call.
INTERNAL = re.compile(
    r"\b(?:None|True|False|Struct|TypedDict|dict|handler|core|port|wire)\b|`\w+Shape`"
)


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from walk(each)


def resolve(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_document_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []


def test_its_schemas_are_json_schema() -> None:
    schemas = [each["schema"] for each in walk(DOCUMENT["paths"]) if "schema" in each]
    assert len(schemas) > 100
    for schema in [*schemas, *DOCUMENT["components"]["schemas"].values()]:
        jsonschema_rs.meta.validate(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
        )


def test_each_reference_leads_somewhere_and_each_component_is_referred_to() -> None:
    referred = {each["$ref"] for each in walk(DOCUMENT) if "$ref" in each}
    components = DOCUMENT["components"]
    for reference in referred:
        assert resolve(reference)
    assert referred == {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in components[kind]
    }


async def test_it_is_what_a_running_sidecar_answers(sidecar: Sidecar) -> None:
    answer = await sidecar.http.get("/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


def test_it_has_every_route_but_static_files_and_nothing_else() -> None:
    served = {
        (method, route.path)
        for route in ROUTES
        if route.path not in STATIC
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert set(DESCRIBED) == served
    assert len(OPERATIONS) == len(served)


def test_no_operation_id_is_used_twice() -> None:
    counted = Counter(operation["operationId"] for operation in DESCRIBED.values())
    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize(("method", "path"), DESCRIBED, ids=" ".join)
def test_each_operation_says_what_it_takes_and_answers(method: str, path: str) -> None:
    operation = DESCRIBED[method, path]
    assert operation["summary"]
    in_path = [each for each in operation["parameters"] if each["in"] == "path"]
    assert [each["name"] for each in in_path] == re.findall(r"\{(\w+)\}", path)
    assert all(each["required"] and each["description"] for each in in_path)
    answers = operation["responses"]
    (done,) = set(answers) - {"304", "4XX", "429", "5XX", "503"}
    assert ("content" in answers[done]) == done.startswith("2")
    for status in ("4XX", "429", "5XX", "503"):
        error = resolve(answers[status]["$ref"])
        assert error["content"] == {
            "application/json": {"schema": {"$ref": "#/components/schemas/ErrorShape"}}
        }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_who_may_call_is_who_the_document_says(
    sidecar: Sidecar, operation: Operation
) -> None:
    """Asked without a credential, 401 says that one is needed; anything else, that none is."""
    path = re.sub(r"\{\w+\}", "nothing", operation.path)
    headers = {"origin": "https://app.example.com"} if operation.access is Access.CLIENT else {}
    body = {"strategy": "ticket", "ticket": "none"}
    answer = await sidecar.http.request(operation.method, path, headers=headers, json=body)
    security = DESCRIBED[operation.method, operation.path]["security"]
    assert (answer.status_code == 401) == bool(security and {} not in security)


def test_every_error_code_in_the_code_is_in_the_document_and_no_other() -> None:
    text = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    used = set(re.findall(r'(?:Refused|error_answer)\(\s*\d{3},\s*"(\w+)"', text))
    used |= set(re.findall(r'\d{3}: "(\w+)"', text))
    used |= set(re.findall(r'_CODES\.get\([\w.]+, "(\w+)"\)', text))
    assert len(used) > 30
    assert (
        set(DOCUMENT["components"]["schemas"]["ErrorDetail"]["properties"]["code"]["enum"]) == used
    )
    assert list(get_args(ErrorCode)) == sorted(used)


def test_it_speaks_to_those_who_call() -> None:
    texts = [
        each[key]
        for each in walk(DOCUMENT)
        for key in ("summary", "description")
        if isinstance(each.get(key), str)
    ]
    assert len(texts) > 100
    assert [text for text in texts if INTERNAL.search(text)] == []


def test_no_field_is_described_that_json_schema_reads_otherwise_than_python() -> None:
    # \Z, \A and possessive quantifiers are Python's alone (ECMA-262 section 22.2).
    patterns = [each["pattern"] for each in walk(DOCUMENT) if isinstance(each.get("pattern"), str)]
    assert len(patterns) > 2
    assert [text for text in patterns if re.search(r"\\[AZz]|[*+?}]\+", text)] == []
