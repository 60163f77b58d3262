"""Clerk's own components, unmodified, in a real Chromium against the real sidecar.

The packages and their exact versions are in tests/interop/node/package.json. `@clerk/ui`
is loaded from the script that clerk-js 6 would otherwise fetch from Clerk's host.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from edgepass_sidecar.publishable_key import find_publishable_key
from tests.browser.clerk_app import serve_clerk_app
from tests.browser.clerk_components import Checks, Device
from tests.interop.conftest import SCRIPTS
from tests.support.processes import Sidecar, free_port

PACKAGES = SCRIPTS / "node_modules"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
# clerk-js refreshes 17 seconds before the end of a token of 60.
NEXT_REFRESH = 44_000


@dataclass(frozen=True, kw_only=True)
class Client:
    """Scripts in their order, and what npm says that they are."""

    scripts: tuple[str, ...]
    packages: dict[str, str]
    production_key: bool = False
    # Whether a row of the list goes at once, or when the list is drawn the next time.
    redraws_at_once: bool

    @property
    def name(self) -> str:
        return " + ".join(self.packages) + (", pk_live" if self.production_key else ", pk_test")

    @property
    def version(self) -> str:
        return " + ".join(self.packages.values())

    def __str__(self) -> str:
        return f"{self.name}, {self.version}"


JS_5 = {"@clerk/clerk-js": "5.128.0"}
JS_6 = {"@clerk/clerk-js": "6.40.0", "@clerk/ui": "1.36.0"}
SCRIPT_5 = ("clerk-js-5/dist/clerk.browser.js",)
SCRIPTS_6 = ("@clerk/ui/dist/ui.browser.js", "clerk-js-6/dist/clerk.browser.js")
CLIENTS = [
    Client(scripts=SCRIPTS_6, packages=JS_6, redraws_at_once=False),
    Client(scripts=SCRIPTS_6, packages=JS_6, redraws_at_once=False, production_key=True),
    Client(scripts=SCRIPT_5, packages=JS_5, redraws_at_once=True),
]


@dataclass(frozen=True, kw_only=True)
class Stage:
    client: Client
    sidecar: Sidecar
    here: Device
    elsewhere: Device
    checks: Checks


@pytest.fixture(scope="module")
def table() -> Iterator[list[tuple[object, ...]]]:
    """Collect a row per client, and print them at the end."""
    rows: list[tuple[object, ...]] = [("client", "version", "checks", "passed")]
    yield rows
    print()
    for client, version, checks, passed in rows:
        print(f"{client:40} {version:18} {checks:>6} {passed:>6}")


@pytest.fixture(params=CLIENTS, ids=str)
def stage(
    request: pytest.FixtureRequest,
    node: str,
    chromium: Browser,
    tmp_path: Path,
    table: list[tuple[object, ...]],
) -> Iterator[Stage]:
    """An app on one port of this machine, the sidecar on another, and two devices."""
    client: Client = request.param
    port, checks = free_port(), Checks()
    with ExitStack() as stack:
        sidecar = stack.enter_context(Sidecar(tmp_path, f"http://127.0.0.1:{port}"))
        app = stack.enter_context(serve_clerk_app(port, PACKAGES, _tags(client, sidecar)))
        here = Device(chromium, app, sidecar, _directory(tmp_path, "here"))
        phone = _directory(tmp_path, "elsewhere")
        elsewhere = Device(chromium, app, sidecar, phone, user_agent=IPHONE)
        for device in (here, elsewhere):
            stack.callback(device.context.close)
        yield Stage(client=client, sidecar=sidecar, here=here, elsewhere=elsewhere, checks=checks)
    table.append((client.name, client.version, checks.made, checks.passed))
    print(f"screenshots: {tmp_path}")


def _directory(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def _tags(client: Client, sidecar: Sidecar) -> str:
    key = find_publishable_key(sidecar.url, production=client.production_key)
    told = f'data-clerk-publishable-key="{key}" data-clerk-proxy-url="{sidecar.url}"'
    *before, last = client.scripts
    tags = [f'<script src="/{script}"></script>' for script in before]
    return "\n  ".join([*tags, f'<script src="/{last}" {told}></script>'])


def test_a_person_uses_the_components_as_with_clerk(stage: Stage) -> None:
    _the_packages_are_the_pinned_ones(stage)
    _two_accounts_sign_in_and_are_switched(stage)
    session_id = _the_devices_are_listed(stage)
    _one_is_signed_out_from_the_list(stage)
    _it_notices_by_itself(stage, session_id)
    _accounts_sign_out(stage)
    _nothing_went_wrong_on_the_way(stage)


def _the_packages_are_the_pinned_ones(stage: Stage) -> None:
    with stage.checks("the scripts are of the packages and versions that are claimed"):
        found = {}
        for script in stage.client.scripts:
            folder = PACKAGES / script.rpartition("/dist/")[0]
            manifest = json.loads((folder / "package.json").read_text("utf-8"))
            found[manifest["name"]] = manifest["version"]
        assert found == stage.client.packages


def _two_accounts_sign_in_and_are_switched(stage: Stage) -> None:
    here, checks = stage.here, stage.checks
    with checks("the page loads without a session"):
        here.open()
        here.take_picture("signed-out")
        assert here.users() == []
    with checks("tickets sign two accounts in, the second one active"):
        here.sign_in("ada")
        here.sign_in("grace")
        assert here.users() == ["ada", "grace"]
        assert here.subject() == "grace"
    with checks("the button's menu shows both, by name, with what else is known of them"):
        menu = here.open_menu()
        previews = menu.locator(".cl-userPreview")
        expect(previews).to_have_text(["Grace Hoppergrace@example.com", "Ada Lovelaceada"])
        here.take_picture("both-accounts")
    with checks("each account has a picture that can be shown"):
        pictures = menu.locator("img")
        expect(pictures).to_have_count(2)
        shown = "pictures => pictures.map(each => each.complete && each.naturalWidth > 0)"
        assert pictures.evaluate_all(shown) == [True, True]
    with checks("a click switches to the other, for the app's server as well"):
        menu.get_by_text("Ada Lovelace").click()
        here.wait_for_user("ada")
        assert here.subject() == "ada"
        expect(here.open_menu().locator(".cl-userPreview").first).to_contain_text("Ada Lovelace")
        here.take_picture("switched")


def _the_devices_are_listed(stage: Stage) -> str:
    here, elsewhere, checks = stage.here, stage.elsewhere, stage.checks
    with checks("the same account signs in on a phone"):
        elsewhere.page.clock.install()
        elsewhere.open()
        session_id = elsewhere.sign_in("ada")
        assert elsewhere.users() == ["ada"]
    with checks("the profile lists both devices, this one first and marked"):
        here.open_security()
        rows = here.devices
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("This device")
        expect(rows.nth(1)).not_to_contain_text("This device")
        here.take_picture("devices")
    with checks("each with its machine, its browser and its address"):
        expect(rows.nth(0)).to_contain_text("Linux")
        expect(rows.nth(0)).to_contain_text("Headless Chrome ")
        expect(rows.nth(1)).to_contain_text("iPhone")
        expect(rows.nth(1)).to_contain_text("Safari 17.5")
        expect(rows).to_contain_text(["127.0.0.1", "127.0.0.1"])
    return session_id


def _one_is_signed_out_from_the_list(stage: Stage) -> None:
    here, checks = stage.here, stage.checks
    rows = here.devices
    with checks("this device cannot be signed out from the list, the other one can"):
        expect(rows.nth(0).locator(".cl-menuButton")).to_have_count(0)
        rows.nth(1).locator(".cl-menuButton").click()
        sign_out = here.page.get_by_text("Sign out of device")
        expect(sign_out).to_be_visible()
        here.take_picture("sign-out-of-device")
        with here.page.expect_response(lambda answer: answer.url.count("/revoke?") == 1) as revoked:
            sign_out.click()
        assert revoked.value.status == 200
    with checks("its row goes"):
        if not stage.client.redraws_at_once:
            here.page.get_by_role("button", name="Profile", exact=True).click()
            here.take_picture("profile")
            here.page.get_by_role("button", name="Security").click()
        expect(rows).to_have_count(1)
        here.take_picture("one-device")
        here.page.keyboard.press("Escape")
        expect(rows).to_have_count(0)


def _it_notices_by_itself(stage: Stage, session_id: str) -> None:
    elsewhere, checks = stage.elsewhere, stage.checks
    with checks("the store knows it as revoked"), stage.sidecar.backend() as backend:
        assert backend.get(f"/v1/sessions/{session_id}").json()["status"] == "revoked"
    with checks("the phone is signed out by its next refresh, which nobody asks it for"):
        assert elsewhere.page.evaluate("Clerk.user.id") == "ada"
        elsewhere.take_picture("before-its-refresh")
        with elsewhere.page.expect_response(lambda answer: "/tokens" in answer.url) as refresh:
            elsewhere.page.clock.fast_forward(NEXT_REFRESH)
        assert refresh.value.status == 401
        elsewhere.wait_for_user(None)
        expect(elsewhere.page.locator(".cl-userButtonTrigger")).to_have_count(0)
        elsewhere.take_picture("signed-out")
        assert elsewhere.subject() is None


def _accounts_sign_out(stage: Stage) -> None:
    here, checks = stage.here, stage.checks
    with checks("one account signs out, the other stays"):
        with here.page.expect_navigation():  # the app is loaded anew, with the account that is left
            here.open_menu().get_by_text("Sign out", exact=True).click()
        here.wait_for_user("grace")
        assert here.users() == ["grace"]
        expect(here.open_menu().locator(".cl-userPreview")).to_have_count(1)
        here.take_picture("one-account")
        assert here.subject() == "grace"
    with checks("it can come back beside the other"):
        session_id = here.sign_in("ada")
        assert here.users() == ["ada", "grace"]
    with checks("all accounts sign out at once"):
        with here.page.expect_navigation():
            here.open_menu().get_by_text("Sign out of all accounts").click()
        here.wait_for_user(None)
        expect(here.page.locator(".cl-userButtonTrigger")).to_have_count(0)
        here.take_picture("signed-out")
        assert here.users() == []
        assert here.subject() is None
    with checks("the store knows them as removed"), stage.sidecar.backend() as backend:
        assert backend.get(f"/v1/sessions/{session_id}").json()["status"] == "removed"


def _nothing_went_wrong_on_the_way(stage: Stage) -> None:
    with stage.checks("no host was asked but the app's and the sidecar's"):
        assert stage.here.strangers + stage.elsewhere.strangers == []
    with stage.checks("no script failed"):
        assert stage.here.errors + stage.elsewhere.errors == []
    with stage.checks("no answer was a fault of the sidecar"):
        assert '"status":5' not in stage.sidecar.process.log
