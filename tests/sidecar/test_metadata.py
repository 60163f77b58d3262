"""Merging a user's metadata (RFC 7396): what is sent changes, what is not stays."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.service.metadata import MAXIMUM_METADATA_BYTES, merge_metadata, merge_patch
from tests.conftest import Clock
from tests.support.sidecar import LateStore, Server, Sidecar, error_code, succeeded

METADATA = "/v1/users/user_1/metadata"

# RFC 7396, appendix A: every example whose original and patch are objects.
EXAMPLES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.fixture
async def user(server: Server) -> dict[str, Any]:
    profile = {"public_metadata": {"plan": {"tier": 1}}, "unsafe_metadata": {"theme": "dark"}}
    return succeeded(
        await server.post("/v1/users", {"id": "user_1", "first_name": "Ada", **profile})
    )


@pytest.mark.parametrize(("target", "patch", "merged"), EXAMPLES)
def test_examples_of_the_rfc(
    target: dict[str, Any], patch: dict[str, Any], merged: dict[str, Any]
) -> None:
    kept = dict(target)
    assert merge_patch(target, patch) == merged
    assert target == kept


@pytest.mark.parametrize("field", ["public_metadata", "unsafe_metadata"])
async def test_one_field_is_merged_and_nothing_else_of_the_user_changes(
    server: Server, user: dict[str, Any], clock: Clock, field: str
) -> None:
    clock.advance(1)
    merged = succeeded(await server.send("PATCH", METADATA, json={field: {"more": [1, None]}}))
    assert merged[field] == user[field] | {"more": [1, None]}
    assert merged["updated_at"] == user["updated_at"] + 1000
    same = {field: None, "updated_at": None}
    assert merged | same == user | same
    assert succeeded(await server.get("/v1/users/user_1")) == merged


async def test_a_merge_is_one_event(sidecar: Sidecar, user: dict[str, Any]) -> None:
    before = await sidecar.event_types()
    body = {"public_metadata": {"a": 1}, "unsafe_metadata": {"b": 2}}
    succeeded(await sidecar.server.send("PATCH", METADATA, json=body))
    assert await sidecar.event_types() == [*before, "user.updated"]


async def test_what_others_merge_at_the_same_time_stays(
    sidecar: Sidecar, user: dict[str, Any]
) -> None:
    core = sidecar.core
    late = [replace(core, store=LateStore(core.store, seed)) for seed in range(20)]
    await asyncio.gather(
        *(
            merge_metadata(each, UserId("user_1"), {"public_metadata": {f"from_{number}": number}})
            for number, each in enumerate(late)
        )
    )
    kept = succeeded(await sidecar.server.get("/v1/users/user_1"))["public_metadata"]
    assert kept == {"plan": {"tier": 1}} | {f"from_{number}": number for number in range(20)}


@pytest.mark.parametrize(("over", "status"), [(-1, 200), (0, 200), (1, 422)])
async def test_many_merges_keep_64_kb_at_most(
    server: Server, user: dict[str, Any], over: int, status: int
) -> None:
    half = {"public_metadata": {"plan": None, "a": "x" * 32_000}}
    succeeded(await server.send("PATCH", METADATA, json=half))
    room = MAXIMUM_METADATA_BYTES - len('{"a":"","b":""}') - 32_000
    rest = {"public_metadata": {"b": "x" * (room + over)}}
    answer = await server.send("PATCH", METADATA, json=rest)
    assert answer.status_code == status
    if status == 422:
        assert error_code(answer) == "form_param_value_invalid"
        kept = succeeded(await server.get("/v1/users/user_1"))["public_metadata"]
        assert kept == {"a": "x" * 32_000}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"public_metadata": None}, "form_param_format_invalid"),
        ({"public_metadata": [1]}, "form_param_format_invalid"),
        ({"unsafe_metadata": "x"}, "form_param_format_invalid"),
        ({"public_metadata": {"a": 1 << 64}}, "form_param_format_invalid"),
        ({"private_metadata": {"a": 1}}, "form_param_value_invalid"),
    ],
)
async def test_what_is_no_object_that_can_be_kept_changes_nothing(
    server: Server, user: dict[str, Any], body: dict[str, Any], code: str
) -> None:
    answer = await server.send("PATCH", METADATA, json=body)
    assert (answer.status_code, error_code(answer)) == (422, code)
    assert succeeded(await server.get("/v1/users/user_1")) == user


async def test_the_deepest_that_can_be_kept_is_merged_and_one_more_is_refused(
    server: Server, user: dict[str, Any]
) -> None:
    statuses = {}
    for depth in (230, 260, 5_000):
        text = '{"public_metadata":' + '{"a":' * depth + "1" + "}" * depth + "}"
        headers = {"content-type": "application/json"}
        answer = await server.send("PATCH", METADATA, content=text, headers=headers)
        statuses[depth] = answer.status_code
    assert statuses[230] == 200
    assert {statuses[260], statuses[5_000]} <= {400, 422}
