"""What a refused request is told, to the byte, over HTTP and instead of a handshake (RFC 6750)."""

import json
import re

import pytest

from edgepass._errors import CredentialRefused, KeysUnavailable, RevocationsStale, TokenRefused
from edgepass._refusals import CREDENTIAL_MISSING, PATH_NOT_CANONICAL, REFUSALS
from tests.middleware.calls import REJECTION_EXTENSION, call, http_scope, websocket_scope

CONNECT = {"type": "websocket.connect"}


def kinds(root: type[TokenRefused] = TokenRefused) -> list[type[TokenRefused]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


BAD_CREDENTIALS = [kind.code for kind in kinds(CredentialRefused)]
NOT_NOW = [KeysUnavailable.code, RevocationsStale.code]
BAD_TOKENS = [
    kind.code
    for kind in kinds()
    if not issubclass(kind, CredentialRefused) and kind.code not in NOT_NOW
]


def headers(code: str) -> dict[bytes, bytes]:
    return dict(REFUSALS[code].headers)


def test_every_code_has_its_refusal() -> None:
    codes = {kind.code for kind in kinds()} | {CREDENTIAL_MISSING, PATH_NOT_CANONICAL}
    assert set(REFUSALS) == codes
    assert all(REFUSALS[code].code == code for code in codes)


@pytest.mark.parametrize("code", BAD_TOKENS)
def test_a_bad_token_is_401_invalid_token(code: str) -> None:
    challenge = f'Bearer realm="edgepass", error="invalid_token", error_description="{code}"'
    assert REFUSALS[code].status == 401
    assert headers(code)[b"www-authenticate"] == challenge.encode()
    assert json.loads(REFUSALS[code].body) == {"error": "invalid_token", "code": code}


@pytest.mark.parametrize("code", BAD_CREDENTIALS)
def test_a_bad_way_to_send_it_is_400_invalid_request(code: str) -> None:
    challenge = f'Bearer realm="edgepass", error="invalid_request", error_description="{code}"'
    assert REFUSALS[code].status == 400
    assert headers(code)[b"www-authenticate"] == challenge.encode()
    assert json.loads(REFUSALS[code].body) == {"error": "invalid_request", "code": code}


def test_no_credential_is_401_without_an_error_code() -> None:
    assert REFUSALS[CREDENTIAL_MISSING].status == 401
    assert headers(CREDENTIAL_MISSING)[b"www-authenticate"] == b'Bearer realm="edgepass"'


@pytest.mark.parametrize("code", NOT_NOW)
def test_what_the_issuer_has_not_told_is_503_for_which_a_retry_is_the_cure(code: str) -> None:
    assert REFUSALS[code].status == 503
    assert int(headers(code)[b"retry-after"]) > 0
    assert b"www-authenticate" not in headers(code)


def test_an_ambiguous_path_is_400() -> None:
    assert REFUSALS[PATH_NOT_CANONICAL].status == 400


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_is_json_of_the_stated_length_and_never_stored(code: str) -> None:
    refusal = REFUSALS[code]
    assert json.loads(refusal.body)["code"] == code
    assert headers(code)[b"content-type"] == b"application/json"
    assert headers(code)[b"content-length"] == str(len(refusal.body)).encode()
    assert headers(code)[b"cache-control"] == b"no-store"


@pytest.mark.parametrize("code", REFUSALS)
def test_headers_are_lower_case_pairs_without_line_ends(code: str) -> None:
    for name, value in REFUSALS[code].headers:
        assert re.fullmatch(rb"[a-z-]+", name)
        assert re.fullmatch(rb"[\x20-\x7e]+", value)


@pytest.mark.parametrize("code", ["token_expired", "cookie_repeated", "keys_unavailable"])
async def test_over_http_it_is_a_start_and_a_body(code: str) -> None:
    refusal = REFUSALS[code]
    start, body = await call(refusal.send, http_scope())
    assert start["type"] == "http.response.start"
    assert (start["status"], start["headers"]) == (refusal.status, refusal.headers)
    assert body["type"] == "http.response.body"
    assert body["body"] == refusal.body
    assert not body.get("more_body")


@pytest.mark.parametrize("code", ["token_expired", "cookie_repeated", "keys_unavailable"])
async def test_a_handshake_gets_the_same_answer_where_the_server_can_send_it(code: str) -> None:
    refusal = REFUSALS[code]
    scope = websocket_scope(extensions=REJECTION_EXTENSION)
    start, body = await call(refusal.send, scope, CONNECT)
    assert start["type"] == "websocket.http.response.start"
    assert (start["status"], start["headers"]) == (refusal.status, refusal.headers)
    assert body["type"] == "websocket.http.response.body"
    assert body["body"] == refusal.body


@pytest.mark.parametrize("extensions", [{}, REJECTION_EXTENSION])
async def test_nothing_is_sent_before_the_handshake_was_read(extensions) -> None:
    order = []

    async def receive():
        order.append("websocket.connect")
        return CONNECT

    async def send(message) -> None:
        order.append(message["type"])

    await REFUSALS["token_expired"].send(websocket_scope(extensions=extensions), receive, send)
    assert order.index("websocket.connect") == 0
    assert len(order) > 1


@pytest.mark.parametrize("extensions", [{}, None, {"websocket.other": {}}])
async def test_a_handshake_is_closed_before_it_is_accepted_elsewhere(extensions) -> None:
    scope = websocket_scope(extensions=extensions)
    (close,) = await call(REFUSALS["token_expired"].send, scope, CONNECT)
    assert close == {"type": "websocket.close", "code": 3000, "reason": "token_expired"}


async def test_what_a_server_does_to_the_headers_does_not_stay() -> None:
    before = list(REFUSALS["token_expired"].headers)
    start, _ = await call(REFUSALS["token_expired"].send, http_scope())
    start["headers"].append((b"server", b"x"))
    assert REFUSALS["token_expired"].headers == before
