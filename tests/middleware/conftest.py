"""A client for the fake issuer's keys, and what it tells about changes."""

from collections.abc import AsyncIterator

import pytest

from edgepass._jwks_client import JwksClient
from edgepass._keyring import Keyring
from tests.support.issuer import FakeIssuer


@pytest.fixture
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture
def changes() -> list[str]:
    return []


@pytest.fixture
async def client(issuer: FakeIssuer, keyring, changes) -> AsyncIterator[JwksClient]:
    client = JwksClient(issuer.url + "/jwks.json", keyring, lambda: changes.append("changed"))
    yield client
    await client.stop()
