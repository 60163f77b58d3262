"""Tables that are narrow when a test begins, and at the end how many cases of each set ran."""

import pytest

from edgepass._signatures import _ed25519, _p256
from tests.support.standards import count_lines


@pytest.fixture
def fresh_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a test base points of its own: those of the process stay as wide as they once were."""
    generator = _p256._multiples(_p256._GX, _p256._GY, _p256._G_WIDTH)
    base = _ed25519._multiples(_ed25519._BX, _ed25519._BY, _ed25519._B_WIDTH)
    for module, name, multiples in ((_p256, "_G", generator), (_ed25519, "_B", base)):
        multiples.load()
        monkeypatch.setattr(module, name, multiples)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = count_lines()
    if lines:
        terminalreporter.section("cases of each set")
        for line in lines:
            terminalreporter.write_line(line)
