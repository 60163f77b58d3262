"""fastapi-clerk-auth, unmodified from PyPI, guards a FastAPI app with our key set."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import jwt
import pytest
from fastapi import Depends, FastAPI
from fastapi_clerk_auth import (  # type: ignore[import-untyped]
    ClerkConfig,
    ClerkHTTPBearer,
    HTTPAuthorizationCredentials,
)

from tests.interop.clerk_python import (
    Row,
    altered,
    count,
    forged,
    key_id_of,
    table_row,
)
from tests.interop.conftest import ORIGIN
from tests.interop.late_sidecar import LATE_BY
from tests.support.processes import PATIENCE, Browser, Sidecar


@pytest.fixture(scope="module", autouse=True)
def row(sidecar: Sidecar) -> Iterator[Row]:
    yield from table_row(sidecar, "fastapi-clerk-auth", "0.0.9")


@pytest.fixture(autouse=True)
def counted(row: Row, request: pytest.FixtureRequest) -> Iterator[None]:
    yield from count(row, request)


class GuardedApp:
    """A FastAPI app of one route, as the package's own page shows it, and what calls it."""

    def __init__(self, sidecar: Sidecar, *, debug_mode: bool = False, **config: Any) -> None:
        jwks_url = f"{sidecar.url}/.well-known/jwks.json"
        self.bearer = ClerkHTTPBearer(
            ClerkConfig(jwks_url=jwks_url, **config), debug_mode=debug_mode
        )
        app = FastAPI()

        @app.get("/")
        def read(
            credentials: Annotated[HTTPAuthorizationCredentials, Depends(self.bearer)],
        ) -> dict[str, Any] | None:
            decoded: dict[str, Any] | None = credentials.decoded
            return decoded

        self._transport = httpx.ASGITransport(app)

    async def get(self, authorization: str | None) -> httpx.Response:
        headers = {} if authorization is None else {"authorization": authorization}
        async with httpx.AsyncClient(transport=self._transport, base_url=ORIGIN) as http:
            return await http.get("/", headers=headers)

    async def status(self, token: str) -> int:
        return (await self.get(f"Bearer {token}")).status_code


async def test_a_token_is_let_in_with_its_claims(sidecar: Sidecar, browser: Browser) -> None:
    session_id = browser.sign_in("ada")
    answer = await GuardedApp(sidecar).get(f"Bearer {browser.token(session_id)}")

    assert answer.status_code == 200
    claims = answer.json()
    assert (claims["sub"], claims["sid"], claims["azp"]) == ("ada", session_id, ORIGIN)
    assert claims["iss"] == sidecar.url


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic eDp5", "Bearer x"])
async def test_no_token_is_kept_out(sidecar: Sidecar, authorization: str | None) -> None:
    assert (await GuardedApp(sidecar).get(authorization)).status_code == 403


async def test_an_expired_token_is_kept_out(late: Sidecar) -> None:
    browser = late.browser()
    token = browser.token(browser.sign_in("ada"))

    assert await GuardedApp(late).status(token) == 403
    strict = GuardedApp(late, debug_mode=True)
    with pytest.raises(jwt.ExpiredSignatureError):
        await strict.status(token)
    assert await GuardedApp(late, leeway=LATE_BY).status(token) == 200


async def test_a_token_with_changed_claims_is_kept_out(sidecar: Sidecar, token: str) -> None:
    changed = altered(token, sub="root")

    assert await GuardedApp(sidecar).status(changed) == 403
    strict = GuardedApp(sidecar, debug_mode=True)
    with pytest.raises(jwt.InvalidSignatureError):
        await strict.status(changed)


async def test_a_token_under_a_foreign_key_of_the_same_name_is_kept_out(
    sidecar: Sidecar, token: str
) -> None:
    app = GuardedApp(sidecar)

    assert [await app.status(each) for each in (forged(token), token)] == [403, 200]
    strict = GuardedApp(sidecar, debug_mode=True)
    with pytest.raises(jwt.InvalidSignatureError):
        await strict.status(forged(token))


async def test_a_token_under_an_unknown_key_is_kept_out(sidecar: Sidecar, token: str) -> None:
    app = GuardedApp(sidecar)
    unknown = forged(token, key_id="other")

    assert [await app.status(each) for each in (unknown, token)] == [403, 200]
    strict = GuardedApp(sidecar, debug_mode=True)
    with pytest.raises(jwt.PyJWKClientError, match="other"):
        await strict.status(unknown)


async def test_a_token_of_another_sidecar_is_kept_out(sidecar: Sidecar, late: Sidecar) -> None:
    browser = late.browser()
    token = browser.token(browser.sign_in("ada"))

    # Its time is forgiven, so that it is its key that keeps it out.
    assert await GuardedApp(late, verify_exp=False).status(token) == 200
    assert await GuardedApp(sidecar, verify_exp=False).status(token) == 403


async def test_the_issuer_can_be_demanded(sidecar: Sidecar, token: str) -> None:
    demanding = {
        issuer: GuardedApp(sidecar, issuer=issuer, verify_iss=True)
        for issuer in (sidecar.url, f"{sidecar.url}/", "https://auth.example.com")
    }
    assert [await app.status(token) for app in demanding.values()] == [200, 403, 403]


async def test_a_rotated_key_is_noticed(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Sidecar(tmp_path_factory.mktemp("rotated"), ORIGIN) as sidecar:
        browser = sidecar.browser()
        session_id = browser.sign_in("ada")
        before = browser.token(session_id)
        # One fetches each time. The other keeps the first set for five minutes, and finds
        # the next key in it: a key is published before it signs.
        fetching, keeping = GuardedApp(sidecar, jwks_cache_set=False), GuardedApp(sidecar)
        assert await fetching.status(before) == 200

        published = sidecar.run("keys", "rotate", "--now").split()[0]
        wait_until_published(browser, published)
        assert await keeping.status(before) == 200
        after = wait_for_a_token_under(browser, session_id, published)
        for app in (fetching, keeping):
            assert [await app.status(token) for token in (before, after)] == [200, 200]


def wait_until_published(browser: Browser, key_id: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while key_id not in browser.http.get("/.well-known/jwks.json").text:
        assert time.monotonic() < deadline, "the new key was never published"
        time.sleep(0.1)


def wait_for_a_token_under(browser: Browser, session_id: str, key_id: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while key_id_of(token := browser.token(session_id)) != key_id:
        assert time.monotonic() < deadline, "the new key never signed"
        time.sleep(0.1)
    return token
