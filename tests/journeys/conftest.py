"""A running sidecar, shared by the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.support.processes import Sidecar

ORIGIN = "http://app.example.com"


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with Sidecar(tmp_path_factory.mktemp("sidecar"), ORIGIN) as running:
        yield running
