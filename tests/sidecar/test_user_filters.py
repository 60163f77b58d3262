"""Lists of users: filtered as asked, or refused, and never more than was asked for."""

import pytest

from tests.support.sidecar import Server, error_code, succeeded


@pytest.fixture(autouse=True)
async def users(server: Server) -> None:
    for name in "abc":
        body = {"id": f"user_{name}", "external_id": name.upper()}
        succeeded(await server.post("/v1/users", body))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"user_a", "user_b", "user_c"}),
        ("user_id=user_a", {"user_a"}),
        ("user_id=user_a&user_id=user_c", {"user_a", "user_c"}),
        ("user_id=nobody", set()),
        ("external_id=B", {"user_b"}),
        ("user_id=user_a&external_id=B", set()),
        ("user_id=user_a&external_id=A", {"user_a"}),
    ],
)
async def test_users_are_those_that_were_asked_for(
    server: Server, query: str, found: set[str]
) -> None:
    listed = succeeded(await server.send("GET", f"/v1/users?{query}"))
    assert {user["id"] for user in listed} == found
    counted = succeeded(await server.send("GET", f"/v1/users/count?{query}"))
    assert counted["total_count"] == len(found)


@pytest.mark.parametrize(
    "query", ["email_address=a@b.c", "username=a", "phone_number=1", "query=a", "organization_id=x"]
)
@pytest.mark.parametrize("path", ["/v1/users", "/v1/users/count"])
async def test_a_filter_that_is_not_known_is_refused_and_not_ignored(
    server: Server, path: str, query: str
) -> None:
    answer = await server.send("GET", f"{path}?{query}")
    assert (answer.status_code, error_code(answer)) == (422, "form_param_value_invalid")
    assert query.partition("=")[0] in answer.text
