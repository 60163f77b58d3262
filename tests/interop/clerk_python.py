"""What tests of Clerk's Python clients share: the SDK, forged tokens, a row of the table."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import httpx
import jwt
import pytest
from clerk_backend_api import Clerk, models
from clerk_backend_api.models import ClerkBaseError
from clerk_backend_api.utils import BackoffStrategy, RetryConfig
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.interop.test_other_verifiers import pem_of
from tests.support.processes import SECRET_KEY, Browser, Sidecar

# By default it would retry a 5xx for an hour, and a test that meets one would seem to hang.
NO_RETRIES = RetryConfig("none", BackoffStrategy(1, 1, 1.0, 1), retry_connection_errors=False)
PAGE = "http://app.example.com/page"
_foreign_key = rsa.generate_private_key(65537, 2048)


@dataclass
class Row:
    """One line of the table of clients, as the JavaScript ones print theirs."""

    client: str
    version: str
    checks: int = 0
    passed: int = 0

    def __str__(self) -> str:
        return f"{self.client} {self.version}: {self.checks} checks, {self.passed} passed"


def table_row(sidecar: Sidecar, client: str, pinned: str) -> Iterator[Row]:
    """Yield the row of a module's tests and print it; what is installed must be what is pinned.

    At the end the sidecar must not have answered a single 5xx, to whomever.
    """
    assert version(client) == pinned
    row = Row(client, pinned)
    yield row
    print(row)
    failures = re.findall(r"answered 5\d\d", sidecar.process.log)
    assert not failures, failures


def count(row: Row, request: pytest.FixtureRequest) -> Iterator[None]:
    """Count the test that runs; by the end of its body pytest has counted it among the failed."""
    failed = request.session.testsfailed
    row.checks += 1
    yield
    row.passed += request.session.testsfailed == failed


@asynccontextmanager
async def clerk_sdk(sidecar: Sidecar, key: str = SECRET_KEY) -> AsyncIterator[Clerk]:
    """Make an SDK, and see at its end that it met no 5xx: it would have retried each in silence."""
    statuses: list[int] = []

    def note(response: httpx.Response) -> None:
        statuses.append(response.status_code)

    async def note_later(response: httpx.Response) -> None:
        note(response)

    with httpx.Client(event_hooks={"response": [note]}) as http:
        async with httpx.AsyncClient(event_hooks={"response": [note_later]}) as async_http:
            yield Clerk(
                bearer_auth=key,
                server_url=f"{sidecar.url}/v1",
                client=http,
                async_client=async_http,
                retry_config=NO_RETRIES,
            )
    failures = [status for status in statuses if status >= 500]
    assert not failures, failures


def sign_in_with(browser: Browser, ticket: str | None) -> tuple[int, dict[str, Any]]:
    assert ticket is not None
    body = {"strategy": "ticket", "ticket": ticket}
    answer = browser.http.post("/v1/client/sign_ins", data=body)
    return answer.status_code, answer.json()


def refusal_of(
    call: Callable[[], object], kind: type[ClerkBaseError] = models.ClerkErrors
) -> tuple[int, str]:
    """Return the status and the code of the SDK's own error.

    It is an `SDKError` where the SDK has no model for the status of an operation.
    """
    with pytest.raises(kind) as caught:
        call()
    if isinstance(caught.value, models.ClerkErrors):
        [error] = caught.value.data.errors
        return caught.value.status_code, error.code
    [detail] = json.loads(caught.value.body)["errors"]
    return caught.value.status_code, detail["code"]


def pem(sidecar: Sidecar) -> str:
    with sidecar.backend() as backend:
        return pem_of(backend.get("/v1/jwks").json())


def with_header(token: str) -> httpx.Request:
    return httpx.Request("GET", PAGE, headers={"authorization": f"Bearer {token}"})


def with_cookie(token: str, name: str = "__session") -> httpx.Request:
    return httpx.Request("GET", PAGE, headers={"cookie": f"theme=dark; {name}={token}"})


def forged(token: str, *, key_id: str | None = None, **claims: object) -> str:
    """Sign the claims of `token`, changed by `claims`, with a key that is not the sidecar's."""
    header = jwt.get_unverified_header(token)
    payload = claims_of(token) | claims
    named = {**header, "kid": key_id or header["kid"]}
    return jwt.encode(payload, _foreign_key, "RS256", headers=named)


def altered(token: str, **claims: object) -> str:
    """Change claims of `token` and keep its signature."""
    header, _, signature = token.split(".")
    payload = forged(token, key_id=None, **claims).split(".")[1]
    return f"{header}.{payload}.{signature}"


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def key_id_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])
