"""Organizations: what may be pushed, and the claims that Clerk's own code reads it back from."""

from typing import Any

import pytest
from clerk_backend_api.security.authenticaterequest import _compute_org_permissions
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepass_sidecar.claims_language import parse_claims, render
from edgepass_sidecar.organization import (
    MOST_FEATURES,
    MOST_PERMISSIONS,
    Permission,
    WrongEntitlements,
    entitlement_claims,
    organization_values,
    parse_entitlements,
)
from tests.support.standards import FULL

ORGANIZATION = {"id": "org_1", "slug": "acme", "role": "org:admin"}
NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,10}", fullmatch=True)


def _pushed(**organization: Any) -> dict[str, Any]:
    return {
        "organization": ORGANIZATION | organization,
        "features": ["o:invoices", "o:reports", "u:beta"],
    }


def _claims(document: object) -> dict[str, Any]:
    return entitlement_claims(parse_entitlements(document))


def _permissions_by_clerk_javascript(claims: dict[str, Any]) -> list[str]:
    """Unpack as @clerk/shared 4.41.0 does, which counts among the organization's features."""
    organizations = []
    for item in claims.get("fea", "").split(",") if claims.get("fea") else []:
        scope, slug = item.split(":", 1)
        if scope in ("o", "ou", "uo"):
            organizations.append(slug)
    names = claims["o"].get("per", "").split(",")
    masks = claims["o"].get("fpm", "").split(",")
    return [
        f"org:{feature}:{name}"
        for feature, mask in zip(organizations, masks, strict=False)
        for place, name in enumerate(names)
        if mask and int(mask) >> place & 1
    ]


def test_everything_that_was_pushed_is_in_the_claims() -> None:
    pushed = {
        "organization": ORGANIZATION
        | {"permissions": ["org:invoices:read", "org:invoices:manage", "org:reports:read"]},
        "features": ["u:beta", "o:invoices", "o:reports"],
        "plan": ["u:free", "o:pro"],
    }
    assert _claims(pushed) == {
        "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3,1"},
        "fea": "o:invoices,o:reports,u:beta",
        "pla": "u:free,o:pro",
    }


@pytest.mark.parametrize("document", [{}, {"organization": None, "features": None, "plan": None}])
def test_where_nothing_was_pushed_there_are_no_claims(document: dict[str, Any]) -> None:
    assert _claims(document) == {}
    assert _claims({"features": [], "plan": []}) == {}


def test_an_organization_without_slug_and_permissions_has_neither_claim() -> None:
    assert _claims({"organization": {"id": "org_1", "role": "member"}}) == {
        "o": {"id": "org_1", "rol": "member"}
    }
    assert _claims({"organization": ORGANIZATION | {"permissions": []}})["o"].keys() == {
        "id",
        "slg",
        "rol",
    }


def test_a_feature_without_permissions_has_the_number_0() -> None:
    assert _claims(_pushed(permissions=["org:reports:read"]))["o"]["fpm"] == "0,1"


def test_a_feature_pushed_for_both_counts_once_and_as_the_organizations() -> None:
    pushed = _pushed(permissions=["org:reports:read"]) | {
        "features": ["u:beta", "u:reports", "o:invoices", "o:reports", "o:reports", "ou:search"]
    }
    claims = _claims(pushed)
    assert claims["fea"] == "uo:reports,o:invoices,uo:search,u:beta"
    assert _compute_org_permissions(claims) == ["org:reports:read"]


def test_a_permission_pushed_twice_is_there_once() -> None:
    claims = _claims(_pushed(permissions=["org:reports:read"] * 2))
    assert (claims["o"]["per"], claims["o"]["fpm"]) == ("read", "0,1")


@pytest.mark.parametrize(
    ("plan", "claim"),
    [("u:free", "u:free"), (["o:pro"], "o:pro"), (["o:pro", "u:free"], "o:pro,u:free")],
)
def test_a_plan_is_one_of_the_user_and_one_of_the_organization(plan: object, claim: str) -> None:
    assert _claims({"organization": ORGANIZATION, "plan": plan})["pla"] == claim


@st.composite
def pushes(draw: st.DrawFn) -> dict[str, Any]:
    features = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    scopes = st.sampled_from(["o:", "u:", "ou:", "uo:"])
    scoped = [draw(scopes) + feature for feature in features]
    granting = [item.partition(":")[2] for item in scoped if not item.startswith("u:")]
    names = draw(st.lists(NAMES, max_size=70, unique=True))
    every = [f"org:{feature}:{name}" for feature in granting for name in names]
    granted = draw(
        st.lists(st.sampled_from(every), max_size=MOST_PERMISSIONS) if every else st.just([])
    )
    return {"organization": ORGANIZATION | {"permissions": granted}, "features": scoped}


@given(pushes())
@settings(max_examples=300 if FULL else 75)
def test_clerk_unpacks_exactly_the_permissions_that_were_pushed(pushed: dict[str, Any]) -> None:
    granted = pushed["organization"]["permissions"]
    claims = _claims(pushed)
    unpacked = _compute_org_permissions(claims)
    assert sorted(unpacked) == sorted(set(granted))
    assert _permissions_by_clerk_javascript(claims) == unpacked


def test_more_permissions_than_53_bits_are_unpacked_too() -> None:
    granted = [f"org:reports:p{number}" for number in range(MOST_PERMISSIONS)]
    claims = _claims(_pushed(permissions=granted))
    assert claims["o"]["fpm"] == f"0,{2**MOST_PERMISSIONS - 1}"
    assert _compute_org_permissions(claims) == granted
    only = _claims(_pushed(permissions=[*granted[:60], "org:invoices:p59"]))
    assert only["o"]["fpm"].split(",")[0] == str(1 << 59)


def test_a_permission_can_have_colons_after_its_feature() -> None:
    granted = ["org:reports:drafts:read", "org:invoices:drafts:read"]
    claims = _claims(_pushed(permissions=granted))
    assert claims["o"]["per"] == "drafts:read"
    assert sorted(_compute_org_permissions(claims)) == sorted(granted)


@pytest.mark.parametrize(
    ("permission", "problem"),
    [
        ("org:read", "must be org:<feature>:<permission>"),
        ("reports:read", "must be org:<feature>:<permission>"),
        ("org::read", "must be org:<feature>:<permission>"),
        ("org:reports:", "must be org:<feature>:<permission>"),
        ("org:reports:read,manage", "must be org:<feature>:<permission>"),
        ("org:reports:read ", "must be org:<feature>:<permission>"),
        ("org:reports:read\n", "must be org:<feature>:<permission>"),
        ("org:reports:lire-é", "must be org:<feature>:<permission>"),
        ("org:reports:" + "x" * 65, "must be org:<feature>:<permission>"),
        ("org:reports:a:b:c:d:e", "must be org:<feature>:<permission>"),
        (1, "must be org:<feature>:<permission>"),
        (None, "must be org:<feature>:<permission>"),
    ],
)
def test_a_permission_that_the_claims_cannot_say_is_refused(
    permission: object, problem: str
) -> None:
    with pytest.raises(WrongEntitlements) as raised:
        parse_entitlements(_pushed(permissions=["org:reports:read", permission]))
    assert raised.value.field == "organization.permissions[1]"
    assert raised.value.problem == problem


@pytest.mark.parametrize("features", [[], ["u:reports"], ["o:report"]])
def test_a_permission_needs_its_feature(features: list[str]) -> None:
    pushed = _pushed(permissions=["org:reports:read"]) | {"features": features}
    with pytest.raises(WrongEntitlements) as raised:
        parse_entitlements(pushed)
    assert str(raised.value) == (
        "organization.permissions: org:reports:read needs the feature o:reports: add it to features"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("id", ""),
        ("id", 1),
        ("id", ".."),
        ("id", "org:1"),
        ("id", "org 1"),
        ("id", "org/1"),
        ("id", "x" * 129),
        ("slug", ""),
        ("slug", 1),
        ("slug", "a,b"),
        ("slug", "x" * 65),
        ("role", None),
        ("role", ""),
        ("role", "org:"),
        ("role", "org:org:admin"),
        ("role", "user:admin"),
        ("role", "admin\n"),
        ("role", ["admin"]),
        ("permissions", "org:reports:read"),
        ("permissions", {"org:reports:read": True}),
        ("permissions", ["org:reports:read"] * (MOST_PERMISSIONS + 1)),
    ],
)
def test_a_wrong_field_of_an_organization_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(WrongEntitlements) as raised:
        parse_entitlements(_pushed(**{field: value}))
    assert raised.value.field == f"organization.{field}"
    assert raised.value.problem


@pytest.mark.parametrize("length", [MOST_PERMISSIONS - 1, MOST_PERMISSIONS])
def test_as_many_permissions_and_features_as_may_be_are_taken(length: int) -> None:
    permissions = [f"org:reports:{number}" for number in range(length)]
    assert len(parse_entitlements(_pushed(permissions=permissions)).features) == 3
    features = [f"u:f{number}" for number in range(length - MOST_PERMISSIONS + MOST_FEATURES)]
    assert _claims({"features": features})["fea"] == ",".join(features)


def test_one_feature_more_is_refused() -> None:
    with pytest.raises(WrongEntitlements, match=r"^features: 101 items, and 100 is the most"):
        parse_entitlements({"features": ["u:x"] * (MOST_FEATURES + 1)})


@pytest.mark.parametrize("item", ["dashboard", "x:dashboard", "o:", ":a", "o:a:b", "o:a,b", "O:a"])
@pytest.mark.parametrize("field", ["features", "plan"])
def test_an_item_that_would_sign_a_user_of_clerks_javascript_out_is_refused(
    field: str, item: str
) -> None:
    with pytest.raises(WrongEntitlements) as raised:
        parse_entitlements({"organization": ORGANIZATION, field: [item]})
    assert raised.value.field == f"{field}[0]"
    assert raised.value.problem.startswith("must be o:, u: or ou:, then")


@pytest.mark.parametrize("value", [1, {"a": 1}, "u:a u:b", [None], [["u:a"]], True])
@pytest.mark.parametrize("field", ["features", "plan"])
def test_features_and_plans_of_another_type_are_refused(field: str, value: object) -> None:
    with pytest.raises(WrongEntitlements) as raised:
        parse_entitlements({field: value})
    assert raised.value.field.startswith(field)


@pytest.mark.parametrize("plan", [["u:a", "u:b"], ["o:a", "o:b"], ["uo:a"], ["u:a", "o:b", "u:c"]])
def test_two_plans_of_one_scope_are_refused(plan: list[str]) -> None:
    with pytest.raises(WrongEntitlements, match=r"^plan: "):
        parse_entitlements({"organization": ORGANIZATION, "plan": plan})


@pytest.mark.parametrize("item", ["o:a", "ou:a", "uo:a"])
def test_nothing_is_an_organizations_where_there_is_none(item: str) -> None:
    with pytest.raises(WrongEntitlements, match=r"^features: u?o:a is an organization's, and"):
        parse_entitlements({"features": ["u:b", item]})
    with pytest.raises(WrongEntitlements, match=r"^plan: "):
        parse_entitlements({"plan": item})


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (None, "claims: must be an object"),
        ([], "claims: must be an object"),
        ({"feature": []}, "claims: 'feature' is not known: there are features, organization, plan"),
        ({"organization": []}, "organization: must be an object"),
        (
            {"organization": ORGANIZATION | {"name": "Acme"}},
            "organization: 'name' is not known: there are id, permissions, role, slug",
        ),
    ],
)
def test_a_document_of_another_shape_is_refused(document: object, text: str) -> None:
    with pytest.raises(WrongEntitlements) as raised:
        parse_entitlements(document)
    assert str(raised.value) == text


def test_an_error_does_not_repeat_a_long_name() -> None:
    with pytest.raises(WrongEntitlements) as raised:
        parse_entitlements({"x" * 10_000: 1})
    assert len(str(raised.value)) < 200


def test_shortcodes_look_into_the_organization_and_the_membership() -> None:
    organization = parse_entitlements(_pushed(permissions=["org:reports:read"])).organization
    compiled = parse_claims(
        {
            "org_id": "{{org.id}}",
            "org_slug": "{{org.slug}}",
            "org_role": "{{org.role}}",
            "role": "{{org_membership.role}}",
            "permissions": "{{org_membership.permissions}}",
        }
    )
    assert render(compiled, organization_values(organization)) == {
        "org_id": "org_1",
        "org_slug": "acme",
        "org_role": "org:admin",
        "role": "org:admin",
        "permissions": ["org:reports:read"],
    }
    assert set(render(compiled, organization_values(None)).values()) == {None}


def test_a_permission_is_written_as_it_was_pushed() -> None:
    assert str(Permission("reports", "read")) == "org:reports:read"
