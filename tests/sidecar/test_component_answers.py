"""What an SDK's components cannot do without: a picture of each user, a client, an address."""

from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from edgepass_sidecar.api.avatars import avatar_url, initials
from edgepass_sidecar.service.core import SHARED_FOR
from tests.conftest import Clock
from tests.support.issuer import NOW
from tests.support.sidecar import Browser, Sidecar, make_user, succeeded


@pytest.mark.parametrize(
    ("said", "letters"),
    [
        ({"first_name": "Ada", "last_name": "Lovelace", "username": "countess"}, "AL"),
        ({"first_name": "ada"}, "A"),
        ({"last_name": "Lovelace"}, "L"),
        ({"first_name": "", "username": "countess"}, "C"),
        ({"first_name": "«¿Émilie?»"}, "É"),
        ({"first_name": "李"}, "李"),
        ({"first_name": "<b>", "last_name": "&amp;"}, "BA"),
        ({"first_name": "👩‍🔬", "email_address": "ada@example.com"}, "A"),
        ({"first_name": "\0\ud800", "external_id": "42"}, "4"),
        ({}, "U"),  # of the id, user_1
    ],
)
def test_a_user_without_a_picture_has_their_initials(said: dict[str, str], letters: str) -> None:
    assert initials(make_user("1", **said)) == letters


def test_without_a_letter_there_is_still_a_picture() -> None:
    nobody = make_user("1", id="-")
    assert initials(nobody) == ""
    assert ET.fromstring(_svg(avatar_url(nobody))).tag.endswith("svg")


def test_no_name_is_markup_in_the_picture() -> None:
    user = make_user("1", first_name="<script>alert()</script>", last_name="'&\"#%")
    picture = ET.fromstring(_svg(avatar_url(user)))
    assert [element.tag.rpartition("}")[2] for element in picture] == ["rect", "text"]
    assert "".join(picture.itertext()) == "S"


def test_a_picture_is_one_url_in_ascii() -> None:
    url = avatar_url(make_user("1", first_name="李"))
    assert url.isascii()
    assert not set(url) & set(' "<>#')
    assert "avatar_placeholder" in url  # or components offer to remove it


def _svg(url: str) -> str:
    kind, _, picture = url.partition(",")
    assert kind == "data:image/svg+xml"
    return unquote(picture)


async def test_a_session_shows_the_picture_and_that_it_is_none_of_the_users(
    browser: Browser,
) -> None:
    await browser.sign_in()
    (session,) = (await browser.client())["sessions"]
    for shown in (session["user"], session["public_user_data"]):
        assert shown["image_url"] == shown["profile_image_url"] == avatar_url(make_user("1"))
        assert shown["has_image"] is False
    backend = succeeded(await browser.server.get("/v1/users/user_1"))
    assert (backend["image_url"], backend["has_image"]) == ("", False)


async def test_the_apps_own_picture_stays_what_it_is(browser: Browser) -> None:
    url = "https://app.example.com/ada.png"
    await browser.server.post("/v1/users", {"id": "user_1", "image_url": url})
    await browser.sign_in()
    (session,) = (await browser.client())["sessions"]
    for shown in (session["user"], session["public_user_data"]):
        assert (shown["image_url"], shown["profile_image_url"]) == (url, url)
        assert shown["has_image"] is True


async def test_a_device_is_revoked_with_a_new_token_for_the_session_that_asks(
    sidecar: Sidecar, clock: Clock
) -> None:
    here, elsewhere = sidecar.browser(), sidecar.browser()
    own, other = await here.sign_in(), await elsewhere.sign_in()
    before = await here.client()
    clock.advance(SHARED_FOR)

    body = succeeded(await here.send("POST", f"/v1/me/sessions/{other}/revoke"))

    assert (body["response"]["id"], body["response"]["status"]) == (other, "revoked")
    (session,) = body["client"]["sessions"]
    assert session["id"] == own == body["client"]["last_active_session_id"]
    assert session["last_active_token"] != before["sessions"][0]["last_active_token"]
    assert (await elsewhere.client())["sessions"] == []


async def test_who_revokes_the_session_that_asks_has_none_left(browser: Browser) -> None:
    own = await browser.sign_in()

    cookie = f"{browser.cookie_name}={browser.token}; __client_uat={NOW}"
    answer = await browser.send("POST", f"/v1/me/sessions/{own}/revoke", headers={"cookie": cookie})

    assert succeeded(answer)["client"]["sessions"] == []
    changed = [field.partition(";")[0] for field in answer.headers.get_list("set-cookie")]
    assert "__client_uat=0" in changed
    assert (await browser.act(own)).status_code == 401


async def test_one_of_several_accounts_signs_out_to_the_apps_start(sidecar: Sidecar) -> None:
    environment = succeeded(await sidecar.http.get("/v1/environment"))
    assert environment["display_config"]["after_sign_out_one_url"] == "/"
