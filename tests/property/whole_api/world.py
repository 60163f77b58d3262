"""A sidecar with something in it, and requests that name what there is."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

import requests
from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation

from tests.support.sidecar import APP_ORIGIN, PUBLIC_URL, SECRET_KEY
from tests.support.standards import FULL

COOKIE = "__Host-client"
# What a generated request carries until it is sent: half of the operations end what
# they are asked about, so each request has a client of its own.
LATER = "later"
_SERVER = {"authorization": f"Bearer {SECRET_KEY}"}
_PAGE = {"origin": APP_ORIGIN}
_NONCE = "__clerk_handshake_nonce"
_NAMES = {
    "user_id": "user_id",
    "session_id": "session_id",
    "_clerk_session_id": "session_id",
    "client_id": "client_id",
    "template": "template",
    "template_id": "template_id",
    "ticket": "ticket",
    "token": "cookie",
    "refresh_token": "refresh_token",
    "request_origin": "origin",
    "redirect_url": "redirect_url",
    "nonce": "nonce",
}
_PLACES = (ParameterLocation.PATH, ParameterLocation.QUERY, ParameterLocation.BODY)


class World:
    """Makes what a request names just before it is sent, through the API itself."""

    def __init__(self, http: requests.Session) -> None:
        self.http = http
        self._asked = 0
        self._mine = Made(self._call)

    def has_time(self) -> bool:
        """Say whether one more request is worth its time: the first 30 are, then one in six."""
        self._asked += 1
        return FULL or self._asked <= 30 or self._asked % 6 == 0

    def has_asked(self) -> bool:
        return self._asked > 0

    def settle(self, case: Case[Any]) -> None:
        """Put into `case` a client token, an origin, and identifiers of what there is.

        What was generated to be wrong stays as it is, and so does one in four of the
        rest, which then names nothing.
        """
        is_of_a_user = "{user_id}" in case.path
        made = Made(self._call, **({} if is_of_a_user else {"user_id": self._mine["user_id"]}))
        self._admit(case, made)
        for place in _PLACES:
            asked = case.get_container(place)
            if isinstance(asked, dict) and not (case.meta and case.meta.is_negative_at(place)):
                asked |= {name: made[key] for name, key in _named(case, asked).items()}
        self.http.cookies.clear()

    def admit(self, case: Case[Any]) -> None:
        """Put only a client token into `case`, each time the same, and an origin."""
        self._admit(case, self._mine)
        self.http.cookies.clear()

    def _admit(self, case: Case[Any], made: "Made") -> None:
        if case.cookies.get(COOKIE) == LATER:
            case.cookies[COOKIE] = made["cookie"]
        if "client" in (case.operation.tags or ()):
            # Nothing behind the check of the origin would be reached, or of the cookie.
            case.headers["Origin"] = APP_ORIGIN
            case.query.pop("_is_native", None)
        if isinstance(case.body, dict):
            # To JSON Schema 60.0 is an integer; how it is spelled is not asked here.
            case.body = {name: _whole(value) for name, value in case.body.items()}

    def _call(
        self, method: str, path: str, headers: dict[str, str], **options: Any
    ) -> requests.Response:
        self.http.cookies.clear()
        answer = self.http.request(
            method, PUBLIC_URL + path, headers=headers, allow_redirects=False, **options
        )
        assert answer.status_code in (200, 307), answer.text
        return answer


def _named(case: Case[Any], asked: dict[str, Any]) -> dict[str, str]:
    """Return the names in `asked` that shall be of something there is, and what that is."""
    known = _NAMES | {"ticket_id": "actor_ticket_id" if "actor" in case.path else "ticket_id"}
    return {
        name: known[name]
        for name, value in asked.items()
        if name in known and isinstance(value, str) and crc32(value.encode()) % 4
    }


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Made:
    """What one request may name, each made when it is first asked for."""

    def __init__(self, call: Callable[..., requests.Response], **known: str) -> None:
        self._call = call
        self._found = {"origin": APP_ORIGIN, "redirect_url": f"{APP_ORIGIN}/there?x=1", **known}

    def __getitem__(self, name: str) -> str:
        if name not in self._found:
            self._found |= _MAKERS[name](self)
        return self._found[name]

    def user(self) -> dict[str, str]:
        return {"user_id": self._post("/v1/users", {})["id"]}

    def ticket(self) -> dict[str, str]:
        made = self._post("/v1/sign_in_tokens", {"user_id": self["user_id"]})
        return {"ticket": made["token"], "ticket_id": made["id"]}

    def actor_ticket(self) -> dict[str, str]:
        body = {"user_id": self["user_id"], "actor": {"sub": "user_who_acts"}}
        return {"actor_ticket_id": self._post("/v1/actor_tokens", body)["id"]}

    def sign_in(self) -> dict[str, str]:
        form = {"strategy": "ticket", "ticket": self["ticket"]}
        answer = self._call("POST", "/v1/client/sign_ins", _PAGE, data=form)
        signed_in = answer.json()["response"]
        return {
            "cookie": answer.cookies[COOKIE],
            "session_id": signed_in["created_session_id"],
            "client_id": signed_in["client_id"],
        }

    def template(self) -> dict[str, str]:
        answer = self._call("GET", "/v1/jwt_templates?limit=500", _SERVER)
        for old in answer.json():  # there may be only so many
            self._call("DELETE", f"/v1/jwt_templates/{old['id']}", _SERVER)
        body = {"name": "theirs", "claims": {"id": "{{user.id}}"}}
        made = self._post("/v1/jwt_templates", body)
        return {"template": made["name"], "template_id": made["id"]}

    def handshake(self) -> dict[str, str]:
        query = {"redirect_url": self["redirect_url"]}
        cookie = {"cookie": f"{COOKIE}={self['cookie']}"}
        answer = self._call("GET", "/v1/client/handshake", cookie, params=query)
        return {"nonce": parse_qs(urlsplit(answer.headers["location"]).query)[_NONCE][0]}

    def refresh_token(self) -> dict[str, str]:
        query = {"nonce": self["nonce"]}
        answer = self._call("GET", "/v1/clients/handshake_payload", _SERVER, params=query)
        (set_cookie,) = (
            text for text in answer.json()["directives"] if text.startswith("__refresh_")
        )
        return {"refresh_token": set_cookie.partition("=")[2].partition(";")[0]}

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, _SERVER, json=body).json()


_MAKERS: dict[str, Callable[[Made], dict[str, str]]] = {
    "user_id": Made.user,
    "ticket": Made.ticket,
    "ticket_id": Made.ticket,
    "actor_ticket_id": Made.actor_ticket,
    "cookie": Made.sign_in,
    "session_id": Made.sign_in,
    "client_id": Made.sign_in,
    "template": Made.template,
    "template_id": Made.template,
    "nonce": Made.handshake,
    "refresh_token": Made.refresh_token,
}
