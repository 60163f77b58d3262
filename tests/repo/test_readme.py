"""The README does what it says: its Python runs, its shell lines run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.support.processes import PATIENCE, Sidecar, free_port, wait_until_it_answers

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHELL = [text for language, text in BLOCKS if language == "sh"]


def run_python(text: str) -> dict[str, object]:
    names: dict[str, object] = {}
    exec(compile(text, "README.md", "exec"), names)
    return names


def point_at(text: str, issuer: str) -> str:
    assert "http://127.0.0.1:8787" in text
    return text.replace("http://127.0.0.1:8787", issuer)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> object:
    with Sidecar(tmp_path_factory.mktemp("sidecar"), "http://127.0.0.1:8000") as sidecar:
        yield sidecar


def test_eight_lines_of_python_are_enough_to_wrap_an_app() -> None:
    lines = [line for line in PYTHON[0].splitlines() if line.strip()]

    assert len(lines) <= 8
    assert any("EdgepassMiddleware(" in line for line in lines)


def test_the_first_app_greets_who_is_signed_in(started: Sidecar) -> None:
    app = run_python(point_at(PYTHON[0], started.url))["app"]
    browser = started.browser()
    token = browser.token(browser.sign_in("ada"))

    with TestClient(app) as client:
        assert client.get("/").status_code == 401
        answer = client.get("/", headers={"authorization": f"Bearer {token}"})

    assert answer.text == "Hello ada"


def test_the_second_app_tells_signed_in_from_signed_out(started: Sidecar) -> None:
    app = run_python(point_at(PYTHON[1], started.url))["app"]
    browser = started.browser()
    token = browser.token(browser.sign_in("ada"))

    client = TestClient(app)  # without its context, as under a server that has no lifespan

    assert client.get("/").text == "nobody: credential_missing"
    assert client.get("/x").status_code == 401
    answer = client.get("/x", headers={"authorization": f"Bearer {token}"})

    assert re.fullmatch(r"ada, verified in \d+\.\d microseconds", answer.text)


def test_a_token_is_refused_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    run_python(PYTHON[2])

    assert capsys.readouterr().out == "token_malformed\n"


def test_every_python_block_is_run_by_a_test() -> None:
    assert len(PYTHON) == 3


def test_the_make_targets_exist() -> None:
    targets = [line.split()[1] for line in SHELL[0].splitlines() if line.startswith("make ")]
    assert targets == ["demo", "test"]

    for target in targets:
        dry_run = ["make", "--dry-run", "--silent", target]
        subprocess.run(dry_run, cwd=ROOT, check=True, capture_output=True)


def test_the_sidecars_lines_run_as_they_are(tmp_path: Path) -> None:
    lines = SHELL[1]
    assert lines.rstrip().endswith("edgepass serve")
    # In the shell's place, so that it is the sidecar that is told to end.
    script = lines.replace("edgepass serve", "exec edgepass serve")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("EDGEPASS_")}
    port = free_port()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    with (tmp_path / "printed").open("wb") as printed, (tmp_path / "said").open("wb") as said:
        started = subprocess.Popen(
            ["bash", "-euc", script],
            cwd=tmp_path,
            env=kept | {"PATH": path, "EDGEPASS_LISTEN": f"127.0.0.1:{port}"},
            stdout=printed,
            stderr=said,
        )
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/v1/health", started, within=60.0)
        finally:
            started.terminate()
            ended_with = started.wait(PATIENCE)

    text = (tmp_path / "printed").read_text("utf-8")
    messages = (tmp_path / "said").read_text("utf-8")
    assert ended_with == 0, messages
    assert text.startswith("sk_test_")
    assert "session_token\t" in text
    assert f"edgepass serves http://127.0.0.1:{port}" in messages


def test_every_document_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text("utf-8"))

    assert [link for link in links if not (ROOT / link).exists()] == []
