"""Claims that an app pushes with a user or a session, and what tokens then say."""

from typing import Any

import pytest
from clerk_backend_api.security.authenticaterequest import _compute_org_permissions

from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import refresh, touch
from edgepass_sidecar.template import find_reserved_claims
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    Browser,
    Server,
    Sidecar,
    claims_of,
    error_code,
    make_settings,
    run_sidecar,
    succeeded,
)

ACME = {
    "id": "org_acme",
    "slug": "acme",
    "role": "org:admin",
    "permissions": ["org:invoices:read", "org:invoices:pay", "org:reports:read"],
}
OTHER = {"id": "org_other", "role": "member"}
CLAIMS: dict[str, Any] = {
    "organizations": [ACME, OTHER],
    "features": ["u:beta", "o:invoices", "ou:reports"],
    "plan": ["u:free", "o:gold"],
    "custom": {"tier": 2, "deep": {"sid": "mine", "list": [None, 1.5, True, "ü"]}},
}
RESERVED = ("iss", "sub", "sid", "iat", "exp", "nbf", "jti", "azp", "act", "v", "fva", "sts",
            "o", "pla", "fea", "org_id", "org_role", "org_slug", "org_permissions")  # fmt: skip
ENTITLEMENTS = ("o", "fea", "pla")


async def _sign_in(browser: Browser, pushed: dict[str, Any] | None = None, **terms: Any) -> str:
    user = {"id": "user_1", "claims": CLAIMS if pushed is None else pushed}
    succeeded(await browser.server.post("/v1/users", user))
    body = {"user_id": "user_1", **terms}
    made = succeeded(await browser.server.post("/v1/sign_in_tokens", body))
    session: str = succeeded(await browser.present(made["token"]))["response"]["created_session_id"]
    return session


async def _claims(
    sidecar: Sidecar, browser: Browser, session: str, organization: str | None = None
) -> dict[str, Any]:
    token = await refresh(
        sidecar.core, browser.token, SessionId(session), APP_ORIGIN, organization=organization
    )
    return claims_of(token)


async def _enter(sidecar: Sidecar, browser: Browser, session: str, organization: str) -> None:
    await touch(sidecar.core, browser.token, SessionId(session), organization=organization)


async def test_custom_claims_are_in_every_token_of_the_user(any_sidecar: Sidecar) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await _sign_in(browser)
    answer = await server.post(f"/v1/sessions/{session}/tokens")
    for token in (await browser.refresh(session), succeeded(answer)["jwt"]):
        claims = claims_of(token)
        assert {name: claims[name] for name in CLAIMS["custom"]} == CLAIMS["custom"]


async def test_outside_of_an_organization_nothing_of_it_is_in_the_token(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in(browser)
    for organization in (None, ""):
        claims = await _claims(any_sidecar, browser, session, organization)
        assert "o" not in claims
        assert (claims["fea"], claims["pla"]) == ("u:beta,u:reports", "u:free")
        assert _compute_org_permissions(claims) == []


async def test_what_an_organization_grants_is_unpacked_by_clerk_s_own_code(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in(browser)
    claims = await _claims(any_sidecar, browser, session, "org_acme")
    assert (claims["o"]["id"], claims["o"]["slg"], claims["o"]["rol"]) == (
        "org_acme", "acme", "admin",
    )  # fmt: skip
    assert claims["pla"] == "u:free,o:gold"
    assert sorted(claims["fea"].split(",")) == ["o:invoices", "u:beta", "uo:reports"]
    assert sorted(_compute_org_permissions(claims)) == sorted(ACME["permissions"])


async def test_each_organization_has_its_own_role_and_permissions(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in(browser)
    claims = await _claims(any_sidecar, browser, session, "org_other")
    assert claims["o"] == {"id": "org_other", "rol": "member"}
    assert _compute_org_permissions(claims) == []


async def test_an_organization_chosen_for_one_token_is_not_the_session_s(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in(browser)
    await _claims(any_sidecar, browser, session, "org_acme")
    assert "o" not in await _claims(any_sidecar, browser, session)


async def test_an_organization_that_was_entered_stays_until_it_is_left(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in(browser)
    for organization, name in (("org_acme", "org_acme"), ("org_other", "org_other"), ("", None)):
        clock.advance(1)
        await _enter(any_sidecar, browser, session, organization)
        claims = await _claims(any_sidecar, browser, session)
        assert claims.get("o", {}).get("id") == name
        shown = succeeded(await any_sidecar.server.get(f"/v1/sessions/{session}"))
        assert shown["last_active_organization_id"] == name


async def test_an_organization_of_others_is_404_whether_chosen_or_entered(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    session = await _sign_in(browser)
    for name in ("org_none", "ORG_ACME", "org_acme ", "\x00", "é", "x" * 5000):
        for work in (_claims, _enter):
            with pytest.raises(Refused) as refusal:
                await work(any_sidecar, browser, session, name)
            assert (refusal.value.status, refusal.value.code) == (404, "resource_not_found")
    assert "o" not in await _claims(any_sidecar, browser, session)


async def test_who_is_no_longer_a_member_has_nothing_of_the_organization(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await _sign_in(browser)
    await _enter(any_sidecar, browser, session, "org_acme")
    assert "o" in await _claims(any_sidecar, browser, session)
    clock.advance(1)
    left = {"claims": {**CLAIMS, "organizations": [OTHER]}}
    succeeded(await server.send("PATCH", "/v1/users/user_1", json=left))
    claims = await _claims(any_sidecar, browser, session)
    assert [claims.get(name) for name in ENTITLEMENTS] == [None, "u:beta,u:reports", "u:free"]


async def test_claims_of_a_user_that_were_changed_are_in_the_next_token(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await _sign_in(browser)
    await browser.refresh(session)
    new = {"claims": {"custom": {"tier": 3}}}
    succeeded(await server.send("PATCH", "/v1/users/user_1", json=new))
    claims = claims_of(await browser.refresh(session))
    assert (claims["tier"], "fea" in claims, "deep" in claims) == (3, False, False)


async def test_a_session_s_own_claims_stand_in_for_the_user_s(any_sidecar: Sidecar) -> None:
    browser = any_sidecar.browser()
    own = {"custom": {"seat": 7}, "plan": "u:trial"}
    session = await _sign_in(browser, claims=own)
    claims = claims_of(await browser.refresh(session))
    assert (claims["seat"], claims["pla"], claims["fea"]) == (7, "u:trial", "u:beta,u:reports")
    assert "tier" not in claims


async def test_the_one_organization_of_a_session_needs_not_be_chosen(
    any_sidecar: Sidecar,
) -> None:
    browser = any_sidecar.browser()
    own = {"organization": ACME, "features": CLAIMS["features"], "plan": "o:gold"}
    session = await _sign_in(browser, {}, claims=own)
    claims = claims_of(await browser.refresh(session))
    assert (claims["o"]["id"], claims["pla"]) == ("org_acme", "o:gold")
    assert sorted(_compute_org_permissions(claims)) == sorted(ACME["permissions"])


def test_the_names_that_custom_claims_cannot_have_are_these() -> None:
    assert find_reserved_claims(dict.fromkeys(RESERVED)) == tuple(sorted(RESERVED))


async def test_a_custom_claim_cannot_take_the_place_of_one_of_ours(server: Server) -> None:
    succeeded(await server.post("/v1/users", {"id": "user_1"}))
    for name in RESERVED:
        claims = {"custom": {"fine": 1, name: "mine"}}
        answers = [
            await server.post("/v1/users", {"id": "user_2", "claims": claims}),
            await server.send("PATCH", "/v1/users/user_1", json={"claims": claims}),
            await server.post("/v1/sessions", {"user_id": "user_1", "claims": claims}),
            await server.post("/v1/sign_in_tokens", {"user_id": "user_1", "claims": claims}),
        ]
        codes = {(answer.status_code, error_code(answer)) for answer in answers}
        assert codes == {(422, "form_param_value_invalid")}, name
    assert succeeded(await server.get("/v1/users/user_1"))["claims"] == {}


async def test_claims_of_the_settings_outrank_those_that_were_pushed(clock: Clock) -> None:
    settings = make_settings(SESSION_CLAIMS='{"tier": "{{user.id}}"}')
    async with run_sidecar(clock, settings) as sidecar:
        browser = sidecar.browser()
        session = await _sign_in(browser)
        claims = claims_of(await browser.refresh(session))
    assert (claims["tier"], claims["deep"]) == ("user_1", CLAIMS["custom"]["deep"])


WRONG: list[Any] = [
    {"unknown": 1}, {"": 1}, {"custom": None}, {"custom": []}, {"custom": "x"}, {"custom": 1},
    {"organizations": None}, {"organizations": {}}, {"organizations": "org_acme"},
    {"organizations": ["org_acme"]}, {"organizations": [1]}, {"organizations": [[]]},
    {"organizations": [{}]}, {"organizations": [{"id": "a"}]}, {"organizations": [False]},
    {"organizations": [ACME]}, {"organizations": [{**OTHER, "extra": 1}]},
    {"organizations": [{**OTHER, "id": "a:b"}]}, {"organizations": [{**OTHER, "role": "a,b"}]},
    {"organizations": [OTHER] * 51}, {"organizations": [OTHER], "organization": OTHER},
    {"organization": "a"}, {"organization": 0}, {"organization": False}, {"organization": []},
    {"features": [1]}, {"features": [None]}, {"features": ["beta"]}, {"features": ["x:beta"]},
    {"features": [["u:a"]]}, {"features": ["u:a,o:b"]}, {"features": {"u:a": 1}},
    {"features": [f"u:f{n}" for n in range(101)]}, {"plan": 1}, {"plan": {"u:a": 1}},
    {"plan": ["u:a", "u:b"]}, {"plan": [None]}, {"plan": ["u:a", "o:b", "uo:c"]}, {"plan": "gold"},
    {"custom": {"x": "y" * 17_000}}, {"features": "u:beta"}, {"organizations": [None]},
    {"organizations": [OTHER, None]}, {"organizations": [OTHER, {**OTHER, "role": "admin"}]},
    *({"custom": {"aud": aud}} for aud in (5, True, None, "", {"a": 1}, [], ["a", 1], [["a"]])),
]  # fmt: skip


async def test_claims_that_no_token_can_say_are_refused_and_change_nothing(
    server: Server,
) -> None:
    succeeded(await server.post("/v1/users", {"id": "user_1", "claims": CLAIMS}))
    for claims in WRONG:
        answer = await server.send("PATCH", "/v1/users/user_1", json={"claims": claims})
        assert answer.status_code == 422, claims
        assert error_code(answer) in {"form_param_value_invalid", "form_param_format_invalid"}
    assert succeeded(await server.get("/v1/users/user_1"))["claims"] == CLAIMS


async def test_claims_too_large_for_a_token_are_refused_when_minted_and_break_nothing(
    any_sidecar: Sidecar, clock: Clock
) -> None:
    browser, server = any_sidecar.browser(), any_sidecar.server
    session = await _sign_in(browser, {"custom": {"x": "y" * 4000}})
    answer = await browser.act(session)
    assert (answer.status_code, error_code(answer)) == (422, "token_too_large")
    client = await browser.client()
    assert client is not None
    assert client["sessions"][0]["last_active_token"] is None
    succeeded(await browser.act(session, "touch"))
    clock.advance(1)
    succeeded(await server.send("PATCH", "/v1/users/user_1", json={"claims": {}}))
    await browser.refresh(session)
