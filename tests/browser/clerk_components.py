"""What a person does with Clerk's components: devices, each with its own browser profile."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.support.processes import Sidecar
from tests.support.sidecar import claims_of

LOADED = "globalThis.Clerk?.loaded"
# A user that the app knows by name; what is expected of the components is drawn from it.
PEOPLE = {
    "ada": {"first_name": "Ada", "last_name": "Lovelace", "username": "ada"},
    "grace": {
        "first_name": "Grace",
        "last_name": "Hopper",
        "email_address": ["grace@example.com"],
    },
}


class Checks:
    """Statements that were tried, and how many of them held."""

    def __init__(self) -> None:
        self.made = self.passed = 0

    @contextmanager
    def __call__(self, statement: str) -> Iterator[None]:
        self.made += 1
        try:
            yield
        except Exception as error:
            error.add_note(f"This does not hold: {statement}.")
            raise
        self.passed += 1


class Device:
    """A browser that nobody has used before, on the app's page, with what it asked and threw."""

    def __init__(
        self, chromium: Browser, app: str, sidecar: Sidecar, pictures: Path, **options: Any
    ) -> None:
        self.context = chromium.new_context(**options)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.strangers: list[str] = []
        self._app, self._sidecar, self._pictures = app, sidecar, pictures
        self._number = itertools.count(1)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        # No host but these two is asked for anything, telemetry and pictures included.
        ours = "|".join(re.escape(url) for url in (app, sidecar.url))
        self.context.route(re.compile(rf"^(?!(?:{ours})/|data:|blob:)"), self._refuse)

    def _refuse(self, route: Route) -> None:
        self.strangers.append(route.request.url)
        route.abort()

    def open(self) -> None:
        self.page.goto(f"{self._app}/")
        self.page.wait_for_function(LOADED)

    def sign_in(self, user_id: str) -> str:
        """Sign in as the app does, with a ticket; return the session's id."""
        with self._sidecar.backend() as backend:
            backend.post("/v1/users", json={"id": user_id, **PEOPLE[user_id]})
            ticket = backend.post("/v1/sign_in_tokens", json={"user_id": user_id}).json()
        session_id: str = self.page.evaluate("ticket => signIn(ticket)", ticket["token"])
        expect(self.page.locator(".cl-userButtonTrigger")).to_be_visible()
        return session_id

    def users(self) -> list[str]:
        listed: list[str] = self.page.evaluate("Clerk.client.sessions.map(each => each.user.id)")
        return sorted(listed)

    def wait_for_user(self, user_id: str | None) -> None:
        waited_for = f"{LOADED} && (Clerk.user?.id ?? null) === user"
        self.page.wait_for_function(f"user => {waited_for}", arg=user_id)

    def subject(self) -> str | None:
        """Return whom the app's server takes this browser for."""
        cookies = {cookie["name"]: cookie["value"] for cookie in self.context.cookies()}
        token = cookies.get("__session")
        return claims_of(token)["sub"] if token else None

    def open_menu(self) -> Locator:
        menu = self.page.locator(".cl-userButtonPopoverCard")
        if not menu.is_visible():
            self.page.locator(".cl-userButtonTrigger").click()
        expect(menu).to_be_visible()
        return menu

    def open_security(self) -> None:
        self.open_menu().get_by_text("Manage account").click()
        self.page.get_by_role("button", name="Security").click()

    @property
    def devices(self) -> Locator:
        """The rows of the profile's page with the user's devices."""
        return self.page.locator(".cl-activeDeviceListItem")

    def take_picture(self, name: str) -> None:
        path = self._pictures / f"{next(self._number):02}-{name}.png"
        # Of what it looks like when nothing moves any more.
        self.page.screenshot(path=path, animations="disabled")
