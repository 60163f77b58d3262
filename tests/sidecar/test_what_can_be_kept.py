"""What an app pushes is refused, or can be shown, minted and verified ever after."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from edgepass import Expectations, KeySet, verify
from tests.conftest import Clock
from tests.support.sidecar import PUBLIC_URL, Sidecar, error_code, succeeded

JSON = {"content-type": "application/json"}
USER = b'{"user_id":"user_1",'
# Where a document is pushed, what stands around it, and the depth that can still be written
# in every answer (of claims: the depth that an edge still reads in a token).
PLACES = {
    "data of a session": ("/v1/sessions", USER + b'"data":', b"}", 238),
    "data of a ticket": ("/v1/sign_in_tokens", USER + b'"data":', b"}", 238),
    "claims of a session": ("/v1/sessions", USER + b'"claims":{"custom":', b"}}", 15),
    "claims of a ticket": ("/v1/sign_in_tokens", USER + b'"claims":{"custom":', b"}}", 15),
    "claims of a user": ("/v1/users", b'{"claims":{"custom":', b"}}", 15),
    "public metadata": ("/v1/users", b'{"public_metadata":', b"}", 238),
    "unsafe metadata": ("/v1/users", b'{"unsafe_metadata":', b"}", 238),
}
DEEPER = (1, 8, 12, 16, 18, 300)


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


async def push(sidecar: Sidecar, place: str, levels: int) -> httpx.Response:
    path, before, after, _ = PLACES[place]
    await sidecar.server.post("/v1/users", {"id": "user_1"})
    document = before + deep(levels) + after
    return await sidecar.server.send("POST", path, content=document, headers=JSON)


async def everything_of(sidecar: Sidecar, made: dict[str, Any]) -> AsyncIterator[httpx.Response]:
    """Sign in with what was made, look at it in every way there is, and mint for it."""
    browser, server = sidecar.browser(), sidecar.server
    if "client_id" in made:
        session, client = made["id"], made["client_id"]
    else:
        ticket = made["token"] if "token" in made else (await server.ticket(made["id"]))[1]
        answer = await browser.present(ticket)
        yield answer
        session = succeeded(answer)["response"]["created_session_id"]
        yield await browser.send("GET", "/v1/client")
        yield await browser.act(session)
        client = succeeded(await server.get(f"/v1/sessions/{session}"))["client_id"]
    yield await server.get(f"/v1/sessions/{session}")
    yield await server.get("/v1/sessions", paginated=True)
    yield await server.get("/v1/users", paginated=True)
    yield await server.get(f"/v1/clients/{client}")
    yield await server.post(f"/v1/sessions/{session}/tokens")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("less", [0, 1])
async def test_what_was_taken_can_be_answered_and_minted_from(
    any_sidecar: Sidecar, place: str, less: int
) -> None:
    made = succeeded(await push(any_sidecar, place, PLACES[place][-1] - less))
    async for answer in everything_of(any_sidecar, made):
        assert answer.status_code == 200, answer.url


@pytest.mark.parametrize("place", PLACES)
async def test_what_is_nested_too_deep_is_refused_and_nothing_is_made(
    any_sidecar: Sidecar, place: str
) -> None:
    for more in DEEPER:
        answer = await push(any_sidecar, place, PLACES[place][-1] + more)
        assert answer.status_code in (400, 422), more
        assert error_code(answer).endswith("_invalid")
    assert succeeded(await any_sidecar.server.get("/v1/sessions")) == []
    users = succeeded(await any_sidecar.server.get("/v1/users"))
    assert [user["id"] for user in users] == ["user_1"]


async def test_an_actor_nested_too_deep_is_refused(any_sidecar: Sidecar) -> None:
    await any_sidecar.server.post("/v1/users", {"id": "user_1"})
    for levels in range(246, 256):
        document = USER + b'"actor":{"sub":"x","y":' + deep(levels) + b"}}"
        answer = await any_sidecar.server.send(
            "POST", "/v1/actor_tokens", content=document, headers=JSON
        )
        assert answer.status_code == 422, levels
        error_code(answer)


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    "custom",
    [{"aud": "crm"}, {"aud": ["crm", "erp"]}, nested(14), nested(15), {"list": [[[[[None]]]]]}],
)
async def test_every_token_of_claims_that_were_taken_is_one_that_an_edge_takes(
    sidecar: Sidecar, clock: Clock, custom: dict[str, Any]
) -> None:
    server = sidecar.server
    await server.post("/v1/users", {"id": "user_1"})
    body = {"user_id": "user_1", "claims": {"custom": custom}}
    session = succeeded(await server.post("/v1/sessions", body))["id"]
    token = succeeded(await server.post(f"/v1/sessions/{session}/tokens"))["jwt"]
    keys = KeySet.from_jwks((await sidecar.http.get("/.well-known/jwks.json")).content)
    claims = verify(token, keys, Expectations(issuer=PUBLIC_URL), now=clock())
    assert claims.user_id == "user_1"


@pytest.mark.parametrize(
    "claims",
    [
        {"organizations": [None]},
        {"organizations": [{"id": "a", "role": "member"}, None]},
        {"organizations": [{"id": "a", "role": "member"}, {"id": "a", "role": "admin"}]},
        {"features": "u:beta"},
        {"custom": {"aud": 5}},
    ],
)
async def test_after_claims_that_were_refused_the_user_signs_in_without_them(
    any_sidecar: Sidecar, claims: dict[str, Any]
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    succeeded(await server.post("/v1/users", {"id": "user_1"}))
    pushed = [
        await server.send("PATCH", "/v1/users/user_1", json={"claims": claims}),
        await server.post("/v1/users", {"id": "user_2", "claims": claims}),
        await server.post("/v1/sign_in_tokens", {"user_id": "user_1", "claims": claims}),
        await server.post("/v1/sessions", {"user_id": "user_1", "claims": claims}),
    ]
    refusals = {(answer.status_code, error_code(answer)) for answer in pushed}
    assert refusals == {(422, "form_param_value_invalid")}
    for user in ("user_1", "user_2"):
        await browser.refresh(await browser.sign_in(user))
