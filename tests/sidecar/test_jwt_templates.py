"""JWT templates through the backend API, and the tokens that are minted from them."""

import asyncio
from typing import Any

import pytest

from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import refresh
from edgepass_sidecar.service.templates import MOST_TEMPLATES
from edgepass_sidecar.template import AUTOMATIC_CLAIMS, SESSION_CLAIMS
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    Browser,
    Server,
    Sidecar,
    claims_of,
    error_code,
    succeeded,
)

PROFILE = {
    "id": "user_1",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "email_address": ["ada@example.com"],
    "external_id": "crm-7",
    "public_metadata": {"level": 3, "tags": ["a", "b"], "beta": False, "score": 1.5},
}


async def _make(server: Server, name: str = "crm", **body: Any) -> dict[str, Any]:
    body = {"name": name, "claims": {"kind": "crm"}, **body}
    made: dict[str, Any] = succeeded(await server.post("/v1/jwt_templates", body))
    return made


async def _sign_in(browser: Browser) -> str:
    succeeded(await browser.server.post("/v1/users", PROFILE))
    return await browser.sign_in()


async def _mint(sidecar: Sidecar, browser: Browser, session: str, name: str = "crm") -> str:
    return await refresh(sidecar.core, browser.token, SessionId(session), APP_ORIGIN, template=name)


async def test_a_template_is_made_read_listed_changed_and_deleted(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    server = any_sidecar.server
    made = await _make(server)
    path = f"/v1/jwt_templates/{made['id']}"
    assert made == {
        "object": "jwt_template",
        "id": made["id"],
        "name": "crm",
        "claims": {"kind": "crm"},
        "lifetime": 60,
        "allowed_clock_skew": 5,
        "custom_signing_key": False,
        "signing_algorithm": "ES256",
        "created_at": NOW * 1000,
        "updated_at": NOW * 1000,
    }
    assert succeeded(await server.get(path)) == made
    clock.advance(1)
    changed = succeeded(await server.send("PATCH", path, json={"lifetime": 90}))
    assert changed == {**made, "lifetime": 90, "updated_at": (NOW + 1) * 1000}
    listed = succeeded(await server.get("/v1/jwt_templates", paginated=True))
    assert listed == {"data": [changed], "total_count": 1}
    deleted = succeeded(await server.send("DELETE", path))
    assert deleted == {"object": "jwt_template", "id": made["id"], "deleted": True}
    answers = [await server.send(method, path, json={}) for method in ("GET", "PATCH", "DELETE")]
    assert {(a.status_code, error_code(a)) for a in answers} == {(404, "resource_not_found")}
    assert [t for t in await any_sidecar.event_types() if t.startswith("template")] == [
        "template.created", "template.updated", "template.deleted",
    ]  # fmt: skip


async def test_a_name_is_one_template_s(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    await _make(server, "crm")
    other = await _make(server, "erp")
    again = await server.post("/v1/jwt_templates", {"name": "crm", "claims": {}})
    renamed = await server.send("PATCH", f"/v1/jwt_templates/{other['id']}", json={"name": "crm"})
    for answer in (again, renamed):
        assert (answer.status_code, error_code(answer)) == (422, "form_identifier_exists")
    unchanged = await server.send("PATCH", f"/v1/jwt_templates/{other['id']}", json={"name": "erp"})
    assert succeeded(unchanged)["name"] == "erp"


async def test_of_10_templates_of_one_name_at_once_one_is_made(any_sidecar: Sidecar) -> None:
    bodies = ({"name": "crm", "claims": {"n": number}} for number in range(10))
    answers = await asyncio.gather(
        *(any_sidecar.server.post("/v1/jwt_templates", body) for body in bodies)
    )
    refused = [answer for answer in answers if answer.status_code != 200]
    assert [error_code(answer) for answer in refused] == ["form_identifier_exists"] * 9


async def test_changes_of_different_fields_at_once_are_all_kept(any_sidecar: Sidecar) -> None:
    server = any_sidecar.server
    path = f"/v1/jwt_templates/{(await _make(server))['id']}"
    changes: list[dict[str, Any]] = [
        {"name": "erp"}, {"lifetime": 90}, {"allowed_clock_skew": 0}, {"claims": {"a": 1}},
    ]  # fmt: skip
    await asyncio.gather(*(server.send("PATCH", path, json=change) for change in changes))
    template = succeeded(await server.get(path))
    assert {name: template[name] for change in changes for name in change} == {
        "name": "erp", "lifetime": 90, "allowed_clock_skew": 0, "claims": {"a": 1},
    }  # fmt: skip


async def test_there_are_as_many_templates_as_may_be(server: Server) -> None:
    for number in range(MOST_TEMPLATES):
        await _make(server, f"t{number}")
    answer = await server.post("/v1/jwt_templates", {"name": "more", "claims": {}})
    assert (answer.status_code, error_code(answer)) == (422, "too_many_templates")


WRONG: list[tuple[str, Any]] = [
    *(("name", name) for name in ("", ".a", "a/b", "a b", "é", "x" * 65, "a\n", "a\x00", None, 1)),
    ("claims", None),
    ("claims", []),
    ("claims", "x"),
    ("claims", 1),
    *(("claims", {"a": text}) for text in ("{{", "}}", "{{user.id")),
    ("claims", {"{{user.id}}": "x"}),
    *(("claims", {"aud": aud}) for aud in ("", [], 1, [1], "{{user.id}}", {"a": "b"})),
    *(("claims", {name: "x"}) for name in sorted(AUTOMATIC_CLAIMS | SESSION_CLAIMS)),
    ("claims", {"a": "x" * 9000}),
    ("claims", {"a": 1 << 64}),
    *(("lifetime", lifetime) for lifetime in (29, 315_360_001, 0, -1, 60.5, "60", True, 1 << 70)),
    *(("allowed_clock_skew", skew) for skew in (-1, 301, 0.5, "5", False, 1 << 70)),
]


async def test_a_template_that_cannot_be_one_is_refused_and_changes_nothing(
    server: Server,
) -> None:
    made = await _make(server, "kept")
    codes = {"form_param_format_invalid", "form_param_value_invalid"}
    for field, value in WRONG:
        for method, path in (("POST", ""), ("PATCH", f"/{made['id']}")):
            body = {"name": "new", "claims": {}} if method == "POST" else {}
            answer = await server.send(
                method, f"/v1/jwt_templates{path}", json={**body, field: value}
            )
            assert (answer.status_code, error_code(answer) in codes) == (422, True), (field, value)
    assert succeeded(await server.get("/v1/jwt_templates")) == [made]


async def test_claims_nested_too_deep_are_refused(server: Server) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"a": deep}
    answer = await server.post("/v1/jwt_templates", {"name": "deep", "claims": deep})
    assert answer.status_code == 422
    error_code(answer)


async def test_a_token_of_a_template_has_the_automatic_claims_and_no_session(
    any_sidecar: Sidecar,
) -> None:
    await _make(any_sidecar.server)
    browser = any_sidecar.browser()
    claims = claims_of(await _mint(any_sidecar, browser, await _sign_in(browser)))
    assert claims.pop("jti")
    assert claims == {
        "azp": APP_ORIGIN,
        "iss": PUBLIC_URL,
        "sub": "user_1",
        "iat": NOW,
        "exp": NOW + 60,
        "nbf": NOW - 5,
        "kind": "crm",
    }


async def test_a_whole_shortcode_keeps_its_type_and_within_text_it_is_text(
    sidecar: Sidecar,
) -> None:
    claims = {
        "level": "{{user.public_metadata.level}}",
        "tags": "{{user.public_metadata.tags}}",
        "beta": "{{user.public_metadata.beta}}",
        "score": "{{user.public_metadata.score}}",
        "missing": "{{user.public_metadata.nothing}}",
        "text": "level {{user.public_metadata.level}} of {{user.public_metadata.nothing}}",
        "fallback": "{{user.public_metadata.nothing || user.external_id || 'none'}}",
        "literal": "{{user.username || 'nobody'}}",
        "number": "{{user.username || 7}}",
        "deep": {"name": ["{{user.full_name}}", "{{user.primary_email_address}}"]},
        "session": "{{session.id}}",
    }
    await _make(sidecar.server, claims=claims)
    browser = sidecar.browser()
    session = await _sign_in(browser)
    minted = claims_of(await _mint(sidecar, browser, session))
    assert {name: minted[name] for name in claims} == {
        "level": 3,
        "tags": ["a", "b"],
        "beta": False,
        "score": 1.5,
        "missing": None,
        "text": "level 3 of null",
        "fallback": "crm-7",
        "literal": "nobody",
        "number": 7,
        "deep": {"name": ["Ada Lovelace", "ada@example.com"]},
        "session": session,
    }


@pytest.mark.parametrize("audience", ["https://crm.example.com", ["crm", "erp"]])
async def test_lifetime_skew_and_audience_are_the_template_s(
    sidecar: Sidecar, audience: object
) -> None:
    await _make(sidecar.server, claims={"aud": audience}, lifetime=3600, allowed_clock_skew=0)
    browser = sidecar.browser()
    claims = claims_of(await _mint(sidecar, browser, await _sign_in(browser)))
    assert (claims["exp"], claims["nbf"], claims["aud"]) == (NOW + 3600, NOW, audience)


async def test_a_server_mints_from_a_template_for_as_long_as_it_asks(
    sidecar: Sidecar,
) -> None:
    server = sidecar.server
    await _make(server)
    path = f"/v1/sessions/{await _sign_in(sidecar.browser())}/tokens/crm"
    for seconds in (30, 31, 315_360_000):
        token = succeeded(await server.post(path, {"expires_in_seconds": seconds}))["jwt"]
        assert claims_of(token)["exp"] == NOW + seconds
        assert "azp" not in claims_of(token)
    wrong: list[Any] = [29, 315_360_001, -1, 30.5, "30", True]
    for seconds in wrong:
        answer = await server.post(path, {"expires_in_seconds": seconds})
        assert (answer.status_code, error_code(answer)) == (422, "form_param_format_invalid")


async def test_an_unknown_template_is_404_for_server_and_browser(any_sidecar: Sidecar) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await _sign_in(browser)
    for name in ("crm", "%00", "x" * 4000, "..%2f", "%F0%9F%98%80"):
        answer = await server.post(f"/v1/sessions/{session}/tokens/{name}")
        assert (answer.status_code, error_code(answer)) == (404, "resource_not_found")
    with pytest.raises(Refused) as refusal:
        await _mint(any_sidecar, browser, session)
    assert (refusal.value.status, refusal.value.code) == (404, "resource_not_found")


async def test_a_changed_or_deleted_template_is_so_in_the_next_token(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    path = f"/v1/jwt_templates/{(await _make(server))['id']}"
    session = await _sign_in(browser)
    assert claims_of(await _mint(any_sidecar, browser, session))["kind"] == "crm"
    succeeded(await server.send("PATCH", path, json={"claims": {"kind": "erp"}}))
    assert claims_of(await _mint(any_sidecar, browser, session))["kind"] == "erp"
    succeeded(await server.send("DELETE", path))
    answer = await server.post(f"/v1/sessions/{session}/tokens/crm")
    assert answer.status_code == 404


@pytest.mark.parametrize("size", [2400, 60_000])
async def test_a_token_that_would_be_too_large_is_refused_and_breaks_nothing(
    sidecar: Sidecar, size: int
) -> None:
    browser, server = sidecar.browser(), sidecar.server
    await _make(server, claims={"all": "{{user.public_metadata}}"})
    session = await _sign_in(browser)
    huge = {"public_metadata": {"x": "y" * size}}
    succeeded(await server.send("PATCH", "/v1/users/user_1", json=huge))
    answer = await server.post(f"/v1/sessions/{session}/tokens/crm")
    assert (answer.status_code, error_code(answer)) == (422, "token_too_large")
    with pytest.raises(Refused, match=r"most|more than"):
        await _mint(sidecar, browser, session)
    await browser.refresh(session)
    succeeded(await browser.act(session, "touch"))


async def test_for_a_session_that_is_over_nothing_is_minted_from_a_template(
    any_sidecar: Sidecar,
) -> None:
    server = any_sidecar.server
    await _make(server)
    session = await _sign_in(any_sidecar.browser())
    await server.revoke(session)
    answer = await server.post(f"/v1/sessions/{session}/tokens/crm")
    assert (answer.status_code, error_code(answer)) == (401, "session_over")
