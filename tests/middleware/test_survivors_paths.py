"""Which paths are remembered: as many and as long ones as allowed, and none beyond."""

import pytest

from edgepass import _paths
from edgepass._paths import CanonicalPaths
from tests.middleware.calls import http_scope


@pytest.mark.parametrize(("length", "remembered"), [(255, 1), (256, 1), (257, 0)])
def test_a_path_of_up_to_256_characters_is_remembered(length: int, remembered: int) -> None:
    paths = CanonicalPaths()
    assert paths.accepts(http_scope("/".ljust(length, "x")))
    assert len(paths.seen) == remembered


def test_1024_paths_are_remembered_and_never_more() -> None:
    paths, most = CanonicalPaths(), 0
    for number in range(3_000):
        assert paths.accepts(http_scope(f"/{number}"))
        most = max(most, len(paths.seen))
    assert most == 1_024


def test_a_remembered_path_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = CanonicalPaths()
    assert paths.accepts(http_scope("/a"))
    monkeypatch.setattr(_paths, "is_canonical", lambda path, raw: False)
    assert paths.accepts(http_scope("/a"))
    assert not paths.accepts(http_scope("/b"))
