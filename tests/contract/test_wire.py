"""The format that the two packages share: the sidecar mints, `edgepass` and PyJWT verify."""

import time
from collections.abc import AsyncIterator

import jwt
import pytest

from edgepass import Expectations, KeySet, TokenRefused, verify
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    Sidecar,
    make_settings,
    run_sidecar,
    succeeded,
)

REQUIRED = ["iss", "sub", "sid", "iat", "exp", "nbf", "jti", "azp"]


class Wire:
    """A signed-in browser's token, and the keys as an edge fetches them."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        self.browser = sidecar.browser()

    async def token(self) -> str:
        session = await self.browser.sign_in("user_1")
        return await self.browser.refresh(session)

    async def document(self) -> dict[str, list[dict[str, str]]]:
        return succeeded(await self.sidecar.http.get("/.well-known/jwks.json"))

    async def keys(self) -> KeySet:
        return KeySet.from_jwks((await self.sidecar.http.get("/.well-known/jwks.json")).content)


@pytest.fixture(params=["RS256", "ES256", "EdDSA"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    async with run_sidecar(time.time, make_settings(ALGORITHM=request.param)) as sidecar:
        yield Wire(sidecar)


async def test_a_minted_token_is_verified_by_the_middleware(wire: Wire) -> None:
    token = await wire.token()
    expected = Expectations(issuer=PUBLIC_URL, authorized_parties=[APP_ORIGIN])
    claims = verify(token, await wire.keys(), expected, now=time.time())
    assert claims.user_id == "user_1"
    assert claims.expires_at - claims.issued_at == 60


@pytest.mark.parametrize(
    ("expectations", "seconds", "code"),
    [
        (Expectations(issuer="https://other.example"), 0, "issuer_mismatch"),
        (Expectations(issuer=PUBLIC_URL, authorized_parties=["https://x.example"]), 0, "party"),
        (Expectations(issuer=PUBLIC_URL), 66, "token_expired"),
        (Expectations(issuer=PUBLIC_URL), -60, "token_not_yet"),
    ],
)
async def test_a_minted_token_is_refused_where_it_should_be(
    wire: Wire, expectations: Expectations, seconds: float, code: str
) -> None:
    token, keys = await wire.token(), await wire.keys()
    with pytest.raises(TokenRefused) as refused:
        verify(token, keys, expectations, now=time.time() + seconds)
    assert code.partition("_")[0] in refused.value.code


async def test_a_minted_token_is_verified_by_pyjwt(wire: Wire) -> None:
    token = await wire.token()
    (member,) = (await wire.document())["keys"]
    claims = jwt.decode(
        token,
        jwt.PyJWK(member).key,
        algorithms=[member["alg"]],
        issuer=PUBLIC_URL,
        options={"require": REQUIRED},
    )
    assert (claims["sub"], claims["azp"], claims["v"]) == ("user_1", APP_ORIGIN, 2)
    assert "aud" not in claims
    assert jwt.get_unverified_header(token)["kid"] == member["kid"]


async def test_every_published_key_is_usable_by_the_middleware(wire: Wire) -> None:
    await wire.sidecar.core.keys.rotate(900)
    published = {member["kid"] for member in (await wire.document())["keys"]}
    assert len(published) == 2
    token = await wire.token()
    assert verify(token, await wire.keys(), Expectations(issuer=PUBLIC_URL), now=time.time())


async def test_a_token_of_before_a_rotation_is_verified_after_it(wire: Wire) -> None:
    token = await wire.token()
    await wire.sidecar.core.keys.rotate(0)
    later = await wire.token()
    assert jwt.get_unverified_header(token)["kid"] != jwt.get_unverified_header(later)["kid"]
    keys = await wire.keys()
    for each in (token, later):
        assert verify(each, keys, Expectations(issuer=PUBLIC_URL), now=time.time())


async def test_a_token_of_a_revoked_key_is_refused_with_the_next_key_set(wire: Wire) -> None:
    token = await wire.token()
    await wire.sidecar.core.keys.revoke(jwt.get_unverified_header(token)["kid"])
    keys = await wire.keys()
    with pytest.raises(TokenRefused):
        verify(token, keys, Expectations(issuer=PUBLIC_URL), now=time.time())


async def test_a_token_on_behalf_of_a_server_has_no_authorized_party(wire: Wire) -> None:
    session = await wire.browser.sign_in("user_1")
    answer = await wire.sidecar.server.post(f"/v1/sessions/{session}/tokens")
    token = succeeded(answer)["jwt"]
    assert verify(token, await wire.keys(), Expectations(issuer=PUBLIC_URL), now=time.time())
    strict = Expectations(issuer=PUBLIC_URL, authorized_parties=[APP_ORIGIN])
    keys = await wire.keys()
    with pytest.raises(TokenRefused):
        verify(token, keys, strict, now=time.time())
