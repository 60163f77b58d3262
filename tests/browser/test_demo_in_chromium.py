"""Two accounts in one browser, with edgepass.js: sign in, switch, refresh, revoke, sign out."""

import re

from playwright.sync_api import Browser, Page, expect


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()
    expect(page.locator("#accounts")).to_contain_text(f"{name}active")


def cookie(page: Page, name: str) -> str:
    return next((c["value"] for c in page.context.cookies() if c["name"] == name), "")


def test_a_person_signs_in_and_sees_what_the_app_knows(page: Page, demo: str) -> None:
    page.goto(demo)
    sign_in(page, "Ada Lovelace")

    expect(page.locator("#claims")).to_contain_text('"sub": "ada"')
    expect(page.locator("#microseconds")).to_have_text(re.compile(r"^\d+\.\d$"))
    expect(page.locator("#sessions .row")).to_have_count(1)
    expect(page.locator("#sessions")).to_contain_text("this one")


def test_no_script_can_read_the_client_token(page: Page, demo: str) -> None:
    page.goto(demo)
    sign_in(page, "Ada Lovelace")

    client_token = cookie(page, "__client")
    assert client_token.startswith("client_")
    assert client_token.partition(".")[0] not in page.evaluate("document.cookie")


def test_two_accounts_are_switched_and_signed_out(page: Page, demo: str) -> None:
    page.goto(demo)
    sign_in(page, "Ada Lovelace")
    sign_in(page, "Grace Hopper")
    expect(page.locator("#claims")).to_contain_text('"sub": "grace"')

    page.get_by_role("button", name="Switch").click()
    expect(page.locator("#accounts")).to_contain_text("Ada Lovelaceactive")
    expect(page.locator("#claims")).to_contain_text('"sub": "ada"')

    page.get_by_role("button", name="Sign out of all").click()
    expect(page.locator("#signed-in")).to_be_hidden()
    assert cookie(page, "__session") == ""


def test_a_reload_finds_the_session_again(page: Page, demo: str) -> None:
    page.goto(demo)
    sign_in(page, "Ada Lovelace")

    page.reload()

    expect(page.locator("#accounts")).to_contain_text("Ada Lovelaceactive")


def test_a_session_that_is_revoked_elsewhere_is_gone_at_the_next_refresh(
    page: Page, demo: str, chromium: Browser
) -> None:
    page.goto(demo)
    sign_in(page, "Edsger Dijkstra")
    other = chromium.new_context().new_page()
    other.goto(demo)
    sign_in(other, "Edsger Dijkstra")
    expect(other.locator("#sessions .row")).to_have_count(2)

    elsewhere = other.locator("#sessions .row").filter(has_not_text="this one")
    elsewhere.get_by_role("button", name="Revoke").click()
    expect(other.locator("#sessions .row")).to_have_count(1)

    page.get_by_role("button", name="Verify a fresh token").click()
    expect(page.locator("#signed-in")).to_be_hidden()
    other.context.close()


def test_a_token_is_refreshed_by_how_long_it_lives_whatever_the_clock_says(
    page: Page, demo: str
) -> None:
    # A device whose clock is an hour fast still refreshes after 70 % of a minute, not at once.
    page.clock.install()
    page.goto(demo)
    sign_in(page, "Ada Lovelace")
    refreshes: list[str] = []
    page.on("request", lambda r: refreshes.append(r.url) if r.url.endswith("/tokens") else None)
    page.clock.set_system_time("2030-01-01T00:00:00Z")

    page.clock.run_for(40_000)
    assert refreshes == []

    with page.expect_response(re.compile(r"/tokens$")):
        page.clock.run_for(3_000)
    assert len(refreshes) == 1
