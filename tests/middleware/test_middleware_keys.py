"""The middleware and its issuer: cold starts, outages, rotations, and senders who mean harm."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from edgepass import EdgepassMiddleware, KeySet, SignedIn, SignedOut
from edgepass._keyring import USABLE_FOR
from tests.middleware.calls import App, bearer, call, http, websocket
from tests.support.issuer import (
    NOW,
    Answer,
    FakeIssuer,
    base64url,
    jwks,
    key_set_answer,
    make_key,
    to_json,
)

KEY, OTHER, FAST = make_key(), make_key("RS256", "key-2"), make_key("ES256", "key-3")


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
async def guard(issuer: FakeIssuer, app, clock) -> AsyncIterator[EdgepassMiddleware]:
    issuer.answer = key_set_answer(KEY, FAST)
    guard = EdgepassMiddleware(app, issuer=issuer.url, public=["/login"], clock=clock)
    yield guard
    await guard._keys.stop()


async def status_of(guard: EdgepassMiddleware, token: bytes) -> tuple[int, str]:
    reply = await http(guard, "/", bearer(token))
    return reply.status, "" if reply.status == 200 else reply.code


OK = (200, "")
UNKNOWN = (401, "unknown_key")


async def test_it_asks_the_well_known_place_and_only_once(guard, issuer) -> None:
    assert await status_of(guard, issuer.mint()) == OK
    assert await status_of(guard, issuer.mint(jti="another")) == OK
    assert len(issuer.requests) == 1
    assert issuer.requests[0].startswith(b"GET /.well-known/jwks.json HTTP/1.1\r\n")


async def test_a_request_without_a_token_fetches_nothing(guard, issuer) -> None:
    assert (await http(guard, "/")).code == "credential_missing"
    assert (await http(guard, "/", bearer(b""))).code == "authorization_malformed"
    assert (await http(guard, "/a//b", bearer(issuer.mint()))).code == "path_not_canonical"
    assert issuer.fetches == 0


async def test_a_cold_start_under_1000_requests_is_one_fetch_and_1000_right_answers(
    guard, issuer, app
) -> None:
    issuer.answer = Answer(body=to_json(jwks(KEY, FAST)), delay=0.2)
    stranger = make_key("ES256", "stranger")
    tokens, answers = [], []
    for number in range(250):
        user = f"user_{number}"
        tokens.append(issuer.mint(FAST, sub=user))
        tokens.append(issuer.mint(FAST, now=NOW - 100, sub=user))
        tokens.append(stranger.sign(FAST.header(), b'{"sub":"user_%d"}' % number))
        tokens.append(issuer.mint(FAST, sub=user, iss="https://other.example"))
        answers += [OK, (401, "token_expired"), (401, "signature_invalid")]
        answers += [(401, "issuer_mismatch")]
    assert await asyncio.gather(*(status_of(guard, token) for token in tokens)) == answers
    assert issuer.fetches == 1
    users = Counter(scope["user"].user_id for scope in app.scopes)
    assert users == Counter(f"user_{number}" for number in range(250))


async def test_keys_never_had_are_503_and_no_401(guard, issuer) -> None:
    issuer.answer = Answer(status=500)
    reply = await http(guard, "/", bearer(issuer.mint()))
    assert (reply.status, reply.code) == (503, "keys_unavailable")
    assert reply.headers[b"retry-after"] == b"2"
    assert b"www-authenticate" not in reply.headers
    assert (await http(guard, "/")).status == 401
    assert (await http(guard, "/login", bearer(issuer.mint()))).status == 200


async def test_keys_never_had_close_a_websocket(guard, issuer, app) -> None:
    issuer.answer = Answer(status=500)
    (close,) = await websocket(guard, "/", bearer(issuer.mint()))
    assert (close["type"], close["reason"]) == ("websocket.close", "keys_unavailable")
    assert not app.scopes


async def test_an_issuer_that_is_down_at_the_start_is_not_asked_by_every_request(
    guard, issuer
) -> None:
    issuer.answer = Answer(status=500)
    for _ in range(200):
        assert await status_of(guard, issuer.mint()) == (503, "keys_unavailable")
    assert issuer.fetches <= 1 + 3


async def test_an_outage_costs_no_good_token(guard, issuer) -> None:
    assert await status_of(guard, issuer.mint()) == OK
    issuer.refuse_connections()
    for number in range(20):
        assert await status_of(guard, issuer.mint(jti=f"{number}")) == OK
    assert await status_of(guard, issuer.mint(OTHER)) == UNKNOWN
    assert await status_of(guard, issuer.mint(jti="after")) == OK


@pytest.mark.parametrize(
    ("age", "answer"),
    [(USABLE_FOR - 60, OK), (USABLE_FOR, (503, "keys_unavailable"))],
)
async def test_the_last_good_keys_serve_for_24_hours_of_outage(guard, issuer, age, answer) -> None:
    keyring = guard._keys._keyring
    keyring.replace(KeySet.from_jwks(jwks()), time.monotonic() - age, 300, 0.0)
    issuer.answer = Answer(status=500)
    assert await status_of(guard, issuer.mint()) == answer


async def test_a_new_key_is_accepted_with_its_first_token(guard, issuer) -> None:
    assert await status_of(guard, issuer.mint()) == OK
    issuer.answer = key_set_answer(KEY, OTHER)
    assert await status_of(guard, issuer.mint(OTHER)) == OK
    assert await status_of(guard, issuer.mint()) == OK
    assert issuer.fetches == 2


async def test_a_new_key_is_accepted_by_all_who_wait_for_it(guard, issuer) -> None:
    assert await status_of(guard, issuer.mint()) == OK
    issuer.answer = Answer(body=to_json(jwks(KEY, OTHER)), delay=0.05)
    tokens = [issuer.mint(OTHER)] * 100 + [issuer.mint()] * 100
    assert await asyncio.gather(*(status_of(guard, token) for token in tokens)) == [OK] * 200
    assert issuer.fetches == 2


async def test_a_withdrawn_key_takes_its_cached_tokens_along(guard, issuer) -> None:
    old = issuer.mint(KEY)
    assert await status_of(guard, old) == OK
    issuer.answer = key_set_answer(OTHER)
    assert await status_of(guard, issuer.mint(OTHER)) == OK
    assert await status_of(guard, old) == UNKNOWN


async def test_a_key_replaced_under_its_kid_takes_its_cached_tokens_along(guard, issuer) -> None:
    old = issuer.mint(KEY)
    assert await status_of(guard, old) == OK
    replaced = OTHER.jwk(kid="key-1")
    issuer.answer = Answer(body=to_json({"keys": [replaced, FAST.jwk()]}))
    assert await status_of(guard, issuer.mint(make_key("RS256", "key-9"))) == UNKNOWN
    assert await status_of(guard, old) == (401, "signature_invalid")


async def test_a_thousand_tokens_with_kids_made_up_cause_three_fetches(guard, issuer) -> None:
    good = issuer.mint()
    assert await status_of(guard, good) == OK
    for number in range(1_000):
        assert await status_of(guard, FAST.sign(FAST.header(kid=f"{number}"), b"{}")) == UNKNOWN
    assert issuer.fetches <= 1 + 3
    assert await status_of(guard, good) == OK


async def test_a_thousand_of_them_at_once_cause_no_more(guard, issuer) -> None:
    assert await status_of(guard, issuer.mint()) == OK
    tokens = [FAST.sign(FAST.header(kid=f"{number}"), b"{}") for number in range(1_000)]
    assert set(await asyncio.gather(*(status_of(guard, token) for token in tokens))) == {UNKNOWN}
    assert issuer.fetches <= 1 + 3


async def test_made_up_kids_delay_no_good_token(guard, issuer) -> None:
    assert await status_of(guard, issuer.mint()) == OK
    await issuer.next_request()
    issuer.answer = Answer(hold=asyncio.Event())
    waiting = asyncio.create_task(status_of(guard, issuer.mint(OTHER)))
    await issuer.next_request()
    assert await status_of(guard, issuer.mint(jti="another")) == OK
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_thousand_bad_signatures_cause_no_fetch_and_evict_no_key(guard, issuer) -> None:
    good = issuer.mint()
    assert await status_of(guard, good) == OK
    keys = await guard._keys.find_keys()
    stem = good.rpartition(b".")[0] + b"."
    for number in range(1_000):
        forged = stem + base64url(number.to_bytes(256))
        assert await status_of(guard, forged) == (401, "signature_invalid")
    assert issuer.fetches == 1
    assert await guard._keys.find_keys() is keys
    assert len(guard._cache) == 1


async def test_garbage_is_never_cached(guard, issuer) -> None:
    for token in (b"garbage", issuer.mint(now=NOW - 100), issuer.mint(sts="pending")):
        await status_of(guard, token)
    assert len(guard._cache) == 0


async def test_a_leader_who_goes_away_does_not_take_the_fetch_along(guard, issuer) -> None:
    hold = asyncio.Event()
    issuer.answer = Answer(body=to_json(jwks()), hold=hold)
    leader = asyncio.create_task(status_of(guard, issuer.mint()))
    await issuer.next_request()
    others = [asyncio.create_task(status_of(guard, issuer.mint())) for _ in range(20)]
    await asyncio.sleep(0)
    leader.cancel()
    await asyncio.wait([leader])
    hold.set()
    assert await asyncio.gather(*others) == [OK] * 20
    assert issuer.fetches == 1


@pytest.mark.parametrize(("before", "after"), [(64, 66), (30, 3600)])
async def test_a_token_that_expires_while_keys_are_fetched_is_refused(
    guard, issuer, clock, before: float, after: float
) -> None:
    hold = asyncio.Event()
    issuer.answer = Answer(body=to_json(jwks()), hold=hold)
    clock.now = NOW + before
    waiting = asyncio.create_task(status_of(guard, issuer.mint()))
    await issuer.next_request()
    clock.now = NOW + after
    hold.set()
    assert await waiting == (401, "token_expired")


async def test_two_issuers_with_the_same_kid_are_kept_apart(guard, issuer, clock) -> None:
    async with FakeIssuer() as second:
        second.answer = Answer(body=to_json({"keys": [OTHER.jwk(kid="key-1")]}))
        other_guard = EdgepassMiddleware(App(), issuer=second.url, clock=clock)
        assert await status_of(guard, issuer.mint()) == OK
        assert await status_of(other_guard, issuer.mint()) == (401, "signature_invalid")
        forged = OTHER.sign(KEY.header(), b"{}")
        assert await status_of(guard, forged) == (401, "signature_invalid")
        await other_guard._keys.stop()


async def test_an_issuer_may_end_in_a_slash_and_keys_may_live_elsewhere(issuer, clock) -> None:
    app = App()
    slashed = EdgepassMiddleware(app, issuer=issuer.url + "/", clock=clock)
    assert await status_of(slashed, issuer.mint(iss=issuer.url + "/")) == OK
    assert await status_of(slashed, issuer.mint()) == (401, "issuer_mismatch")
    elsewhere = EdgepassMiddleware(
        app, issuer="https://auth.example.com", jwks_uri=issuer.url + "/keys", clock=clock
    )
    assert await status_of(elsewhere, issuer.mint(iss="https://auth.example.com")) == OK
    targets = [request.split()[1] for request in issuer.requests]
    assert targets == [b"/.well-known/jwks.json", b"/keys"]
    for guard in (slashed, elsewhere):
        await guard._keys.stop()


async def test_lifespan_fetches_before_the_first_request_and_cleans_up(issuer, clock) -> None:
    async def app(scope, receive, send) -> None:
        await receive()
        await issuer.next_request()
        await receive()

    tasks = asyncio.all_tasks()
    guard = EdgepassMiddleware(app, issuer=issuer.url, clock=clock)
    await call(guard, {"type": "lifespan"}, {"type": "lifespan.startup"})
    assert issuer.fetches == 1
    assert not asyncio.all_tasks() - tasks - issuer._tasks


async def test_an_app_without_lifespan_is_served_all_the_same(issuer, clock) -> None:
    async def app(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        states.append(scope["edgepass"])
        await App()(scope, receive, send)

    states: list[SignedIn | SignedOut] = []
    guard = EdgepassMiddleware(app, issuer=issuer.url, clock=clock)
    with pytest.raises(NotImplementedError):
        await call(guard, {"type": "lifespan"})
    assert await status_of(guard, issuer.mint()) == OK
    assert states[0].is_authenticated
    await guard._keys.stop()
