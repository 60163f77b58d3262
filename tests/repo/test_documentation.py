"""The documents name every setting, every command, every code that there is."""

import re
from pathlib import Path

import pytest

from edgepass._refusals import REFUSALS
from edgepass_sidecar.api import backend, feed, frontend, scripts, well_known
from edgepass_sidecar.settings import PREFIX

ROOT = Path(__file__).parents[2]
SIDECAR = (ROOT / "docs" / "sidecar.md").read_text("utf-8")
MIDDLEWARE = (ROOT / "docs" / "middleware.md").read_text("utf-8")
PACKAGE = ROOT / "sidecar" / "edgepass_sidecar"


def sources(*names: str) -> str:
    return "\n".join(path.read_text("utf-8") for name in names for path in PACKAGE.glob(name))


def test_every_refusal_code_of_the_middleware_is_documented() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", MIDDLEWARE, re.MULTILINE))

    assert set(REFUSALS) <= documented


def test_every_setting_is_documented_and_no_other() -> None:
    taken = set(re.findall(r'_take\(\s*"(\w+)"', sources("settings.py")))
    documented = set(re.findall(rf"^\| `{PREFIX}(\w+)` \|", SIDECAR, re.MULTILINE))

    assert len(taken) > 10
    assert documented == taken


def test_every_error_code_of_the_sidecar_is_documented() -> None:
    text = sources("service/*.py", "api/*.py", "api/*/*.py", "cli.py")
    used = set(re.findall(r'(?:Refused|error_answer)\(\s*\d{3}, "(\w+)"', text))
    used |= set(re.findall(r'\d{3}: "(\w+)"', text))
    documented = set(re.findall(r"`(\w+)`", SIDECAR.partition("## Errors")[2]))

    assert len(used) > 15
    assert used <= documented


@pytest.mark.parametrize(
    "route",
    [*frontend.ROUTES, *backend.ROUTES, *feed.ROUTES, *well_known.ROUTES, *scripts.ROUTES],
    ids=lambda route: f"{min(route.methods)} {route.path}",
)
def test_every_route_is_documented(route: object) -> None:
    path = re.sub(r"\{\w+\}", "{id}", route.path)
    methods = route.methods - {"HEAD"}

    assert all(f"`{method} {path}" in SIDECAR for method in methods)
