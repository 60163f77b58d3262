"""A real Chromium, and what runs for it: the demo, or an app with Clerk's components."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.interop.conftest import node
from tests.support.processes import PATIENCE, Process, demo_command, free_port

__all__ = ["node"]  # a fixture of the tests here as well

# A shared machine draws when it likes.
expect.set_options(timeout=PATIENCE * 1000)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Nothing of the browser itself may look for hosts outside this machine, and no page can.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Not for the whole run: its event loop would be in the way of tests that are coroutines.
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the demo and return the app's URL."""
    directory: Path = tmp_path_factory.mktemp("demo")
    app_port = free_port()
    command = demo_command(directory, free_port(), app_port)
    running = Process(command, {}, directory / "demo.log")
    running.start(f"http://127.0.0.1:{app_port}/")
    # The greeting names the app, and comes once both parts answer.
    running.wait_for_log(f"http://127.0.0.1:{app_port}")
    yield f"http://127.0.0.1:{app_port}"
    running.end()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a browser that nobody has used before; it fails the test that has script errors."""
    context = chromium.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
