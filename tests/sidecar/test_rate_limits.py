"""Rate limits: who is asked to wait, for how long, and whose budget nobody else can spend."""

import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import pytest
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from edgepass_sidecar.api import backend, feed, frontend
from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.operation import Access
from edgepass_sidecar.api.rate_limits import (
    AREAS,
    BACKEND,
    BACKEND_PER_KEY,
    FRONTEND,
    FRONTEND_PER_ADDRESS,
    FRONTEND_PER_CLIENT,
    MAXIMUM_PROVEN,
    PROVEN_AGAIN_AFTER,
    PROVEN_FOR,
    PUBLIC,
    PUBLIC_PER_ADDRESS,
    SIGN_IN,
    SIGN_INS_PER_ADDRESS,
    Kind,
    RateLimits,
    address_key,
    area_of,
    refusal,
)
from edgepass_sidecar.token_bucket import Budget
from tests.conftest import Clock
from tests.support.sidecar import (
    APP_ORIGIN,
    PUBLIC_URL,
    Browser,
    Server,
    Sidecar,
    error_code,
    succeeded,
)
from tests.support.standards import FULL

SIGN_INS = "/v1/client/sign_ins"
TOKENS = "/v1/client/sessions/sess_1/tokens"
CLIENT = "/v1/client"
USERS = "/v1/users"
KEY_SET = "/.well-known/jwks.json"
COOKIE = "__Host-client"


@dataclass
class Gate:
    """An app that accepts some credentials, and reads them as the sidecar does."""

    accepted: set[str] = field(default_factory=lambda: {"good"})
    asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        shown = {name: value.decode() for name, value in scope["headers"]}
        secret = shown.get(b"cookie", shown.get(b"authorization", "")).split("=")[-1].split(" ")[-1]
        is_public = scope["path"] in (KEY_SET, CLIENT)
        status = 200 if is_public or secret in self.accepted else 401
        await answer({}, status)(scope, receive, send)


@dataclass
class Asker:
    """Asks the limited app from any address."""

    clock: Clock = field(default_factory=Clock)
    gate: Gate = field(default_factory=Gate)
    scale: float | None = 1.0

    def __post_init__(self) -> None:
        self.limits = RateLimits(
            self.gate,
            address_of=lambda scope: scope["client"][0],
            cookie_name=COOKIE,
            timer=self.clock,
            scale=self.scale,
        )

    async def ask(self, path: str, address: str = "192.0.2.1", **headers: str) -> int:
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": fields,
            "client": (address, 1),
        }
        statuses = []

        async def send(message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self.limits(scope, None, send)
        (status,) = statuses
        return status

    async def count(self, path: str, address: str = "192.0.2.1", **headers: str) -> int:
        """Ask until told to wait, and return how often it was not."""
        for number in range(1_000_000):
            if await self.ask(path, address, **headers) == 429:
                return number
        raise AssertionError("never told to wait")

    async def prove(self, secret: str = "good", address: str = "198.51.100.1") -> None:
        assert await self.ask(TOKENS, address, cookie=f"{COOKIE}={secret}") == 200


@pytest.fixture
def asker() -> Asker:
    return Asker()


GOOD = {"cookie": f"{COOKIE}=good"}


@pytest.mark.parametrize(
    ("path", "budget"),
    [
        (KEY_SET, PUBLIC_PER_ADDRESS),
        ("/edgepass.js", PUBLIC_PER_ADDRESS),
        ("/nowhere", PUBLIC_PER_ADDRESS),
        ("/v1/health", PUBLIC_PER_ADDRESS),
        (SIGN_INS, SIGN_INS_PER_ADDRESS),
        (TOKENS, FRONTEND_PER_ADDRESS),
        (CLIENT, FRONTEND_PER_ADDRESS),
        (USERS, BACKEND_PER_KEY),
    ],
)
async def test_each_kind_of_request_has_its_budget_per_address(
    asker: Asker, path: str, budget: Budget
) -> None:
    assert await asker.count(path) == budget.burst
    assert await asker.ask(path, "192.0.2.2") != 429
    asker.clock.advance(1)
    assert await asker.count(path) == budget.rate


def test_signing_in_is_the_strictest_and_public_documents_are_generous() -> None:
    addressed = (FRONTEND_PER_ADDRESS, BACKEND_PER_KEY, PUBLIC_PER_ADDRESS)
    assert all(SIGN_INS_PER_ADDRESS.rate < budget.rate for budget in addressed)
    assert all(SIGN_INS_PER_ADDRESS.burst < budget.burst for budget in addressed)
    assert PUBLIC_PER_ADDRESS.rate > BACKEND_PER_KEY.rate


def test_kinds_with_equal_budgets_are_still_two() -> None:
    budget = Budget(rate=1, burst=1)
    assert len({Kind(per_address=budget), Kind(per_address=budget)}) == 2


async def test_kinds_do_not_spend_each_other_s_budget(asker: Asker) -> None:
    await asker.count(SIGN_INS)
    for path in (KEY_SET, TOKENS, USERS):
        assert await asker.ask(path) != 429


async def test_what_is_refused_never_reaches_the_app(asker: Asker) -> None:
    await asker.count(SIGN_INS)
    asked = asker.gate.asked
    assert await asker.ask(SIGN_INS) == 429
    assert asker.gate.asked == asked


async def test_ten_thousand_pages_behind_one_address_mint_every_43_seconds() -> None:
    asker = Asker(gate=Gate({str(number) for number in range(10_000)}))
    for _ in range(3 if FULL else 2):  # as if nobody were ever remembered as proven
        for number in range(10_000):
            asker.clock.advance(43 / 10_000)
            asker.limits._limits[FRONTEND].proven.clear()
            assert await asker.ask(TOKENS, cookie=f"{COOKIE}={number}") == 200


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "::FFFF:C000:0201", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:0DB8:0:0:ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8:0:1::", "2001:db8:0:0:ffff::", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::1", "192.0.2.1", False),
        ("", "unknown", True),
        ("", "192.0.2.1", False),
        ("", "::", False),
        ("0.0.0.0", "::", False),
        ("192.0.2.1", "3221225985", False),
    ],
)
async def test_an_address_counts_however_it_is_spelled(
    asker: Asker, one: str, other: str, same: bool
) -> None:
    assert (address_key(one) == address_key(other)) is same
    await asker.count(SIGN_INS, one)
    assert (await asker.ask(SIGN_INS, other) == 429) is same


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (TOKENS, {"cookie": f"a=b; {COOKIE}={{}}"}),
        (TOKENS, {"authorization": "{}"}),
        (TOKENS, {"authorization": "Bearer {}"}),
        (USERS, {"authorization": "Bearer {}"}),
    ],
)
async def test_a_credential_that_was_accepted_has_a_budget_of_its_own(
    asker: Asker, path: str, headers: dict[str, str]
) -> None:
    good = {name: value.format("good") for name, value in headers.items()}
    bad = {name: value.format("bad") for name, value in headers.items()}
    budget = BACKEND_PER_KEY if path == USERS else FRONTEND_PER_CLIENT
    assert await asker.ask(path, **good) == 200
    await asker.count(path, **bad)
    assert await asker.ask(path, "192.0.2.2", **bad) == 401
    # Its address has nothing left, and each of the others gives it no more.
    assert await asker.count(path, **good) == budget.burst
    assert await asker.ask(path, "192.0.2.3", **good) == 429


async def test_a_proven_client_spends_nothing_of_its_address(asker: Asker) -> None:
    await asker.prove()
    await asker.count(TOKENS, **GOOD)
    assert await asker.count(TOKENS) == FRONTEND_PER_ADDRESS.burst


async def test_garbage_under_ever_new_credentials_counts_against_its_address(asker: Asker) -> None:
    allowed = 0
    for number in range(2 * FRONTEND_PER_ADDRESS.burst):
        allowed += await asker.ask(TOKENS, cookie=f"{COOKIE}=bad{number}") != 429
    assert allowed == FRONTEND_PER_ADDRESS.burst


async def test_a_token_that_rotates_with_each_request_counts_against_its_address() -> None:
    asker = Asker(gate=Gate({str(number) for number in range(10_000)}))
    allowed = 0
    for number in range(2 * FRONTEND_PER_ADDRESS.burst):
        allowed += await asker.ask(TOKENS, cookie=f"{COOKIE}={number}") != 429
    assert allowed == FRONTEND_PER_ADDRESS.burst


@pytest.mark.parametrize("path", [CLIENT, KEY_SET, SIGN_INS])
async def test_where_anybody_is_answered_nothing_is_proven(asker: Asker, path: str) -> None:
    asker.gate.accepted.add("bad")
    bad = {"cookie": f"{COOKIE}=bad"}
    assert await asker.ask(path, **bad) == 200
    await asker.count(TOKENS)
    assert await asker.ask(TOKENS, **bad) == 429


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": f"{COOKIE}=good", "authorization": "Bearer x"},
        {"cookie": f"{COOKIE}=good; {COOKIE}=good"},
        {"cookie": f"{COOKIE}=good; a={'b' * 16_384}"},
        {"cookie": f"{COOKIE}="},
        {"cookie": "other=good"},
        {"authorization": ""},
        {"authorization": " \t"},
        {},
    ],
)
async def test_what_is_not_one_credential_counts_against_its_address(
    asker: Asker, headers: dict[str, str]
) -> None:
    await asker.prove()
    assert await asker.count(TOKENS, **headers) == FRONTEND_PER_ADDRESS.burst


@pytest.mark.parametrize(
    "spelling",
    ["Bearer good", "bearer good", "BEARER   good", "Bearer \t good ", " good", "x y Bearer good"],
)
async def test_a_credential_has_one_budget_however_it_is_spelled(
    asker: Asker, spelling: str
) -> None:
    assert await asker.ask(USERS, authorization="Bearer good") == 200
    await asker.count(USERS, authorization="Bearer good")
    assert await asker.ask(USERS, authorization=spelling) == 429


async def test_a_client_token_proves_nothing_to_the_backend_api(asker: Asker) -> None:
    await asker.prove()
    await asker.count(USERS, authorization="Bearer bad")
    assert await asker.ask(USERS, authorization="Bearer good") == 429


async def test_signing_in_counts_against_the_address_whoever_asks(asker: Asker) -> None:
    await asker.prove()
    await asker.count(SIGN_INS)
    assert await asker.ask(SIGN_INS, **GOOD) == 429


@pytest.mark.parametrize(
    ("seconds", "status"), [(PROVEN_FOR - 0.1, 200), (PROVEN_FOR, 429), (PROVEN_FOR + 0.1, 429)]
)
async def test_a_proof_is_remembered_for_ten_minutes(
    asker: Asker, seconds: float, status: int
) -> None:
    await asker.prove()
    asker.clock.advance(seconds)
    await asker.count(TOKENS)
    assert await asker.ask(TOKENS, **GOOD) == status


@pytest.mark.parametrize(
    ("seconds", "status"),
    [(PROVEN_AGAIN_AFTER - 0.1, 429), (PROVEN_AGAIN_AFTER, 200), (PROVEN_AGAIN_AFTER + 0.1, 200)],
)
async def test_a_success_renews_a_proof_of_five_minutes_ago(
    asker: Asker, seconds: float, status: int
) -> None:
    await asker.prove()
    asker.clock.advance(seconds)
    await asker.prove()
    asker.clock.advance(PROVEN_FOR - seconds)
    await asker.count(TOKENS)
    assert await asker.ask(TOKENS, **GOOD) == status


@pytest.mark.parametrize("pause", [1, 43, 60, 300])
async def test_who_comes_back_within_five_minutes_is_proven_for_good(
    asker: Asker, pause: float
) -> None:
    for _ in range(int(3 * PROVEN_FOR // pause)):
        await asker.prove()
        asker.clock.advance(pause)
    await asker.count(TOKENS)
    assert await asker.ask(TOKENS, **GOOD) == 200


async def test_each_success_renews_a_proof(asker: Asker) -> None:
    for _ in range(5):
        await asker.prove()
        asker.clock.advance(PROVEN_FOR - 1)
    await asker.count(TOKENS)
    assert await asker.ask(TOKENS, **GOOD) == 200


async def test_a_credential_that_is_refused_is_proven_no_more(asker: Asker) -> None:
    await asker.prove()
    asker.gate.accepted.clear()
    assert await asker.ask(TOKENS, **GOOD) == 401
    await asker.count(TOKENS)
    assert await asker.ask(TOKENS, **GOOD) == 429


async def test_no_secret_is_kept(asker: Asker) -> None:
    secret = "s3cret" * 8
    asker.gate.accepted.add(secret)
    await asker.prove(secret)
    await asker.ask(TOKENS, cookie=f"{COOKIE}={secret}")
    limit = asker.limits._limits[FRONTEND]
    held = [*limit.proven, *limit.credentials._fuller, *limit.addresses._fuller]
    assert sorted(len(key) for key in held) == [4, 32, 32]
    assert secret.encode() not in b"".join(held)


def test_what_is_remembered_is_bounded(asker: Asker) -> None:
    for limit in asker.limits._limits.values():
        assert limit.proven.maxsize == MAXIMUM_PROVEN
        for number in range(60_000):
            limit.addresses.take(number, 1.0)
        assert len(limit.addresses) == 50_000


async def test_a_scale_multiplies_every_budget() -> None:
    assert await Asker(scale=2).count(SIGN_INS) == 2 * SIGN_INS_PER_ADDRESS.burst
    assert await Asker(scale=0.1).count(SIGN_INS) == 0.1 * SIGN_INS_PER_ADDRESS.burst
    assert await Asker(scale=1e-9).count(SIGN_INS) == 1


async def test_without_a_scale_there_are_no_limits() -> None:
    asker = Asker(scale=None)
    statuses = {await asker.ask(SIGN_INS) for _ in range(10 * int(SIGN_INS_PER_ADDRESS.burst))}
    assert statuses == {401}


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_none_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        Asker(scale=scale)


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_what_is_not_http_passes(kind: str) -> None:
    reached = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["type"])

    limits = RateLimits(app, address_of=lambda _: "", cookie_name=COOKIE, timer=Clock())
    await limits({"type": kind}, None, None)
    assert reached == [kind]


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [(1e-6, "1"), (0.2, "1"), (1.0, "1"), (1.0001, "2"), (59.5, "60"), (60.0, "60")],
)
def test_a_refusal_says_in_whole_seconds_when_to_come_back(wait: float, seconds: str) -> None:
    assert refusal(wait).headers["retry-after"] == seconds


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/client", FRONTEND),
        ("/v1/client/", FRONTEND),
        ("/v1/clients", BACKEND),
        ("/v1/clients/client_1", BACKEND),
        ("/v1/client/sign_ins", SIGN_IN),
        ("/v1/client/sign_ins/x", SIGN_IN),
        ("/v1/client/sign_insx", FRONTEND),
        ("/v1/me/sessions", FRONTEND),
        ("/v1/menu", BACKEND),
        ("/v1/healthy", BACKEND),
        ("/v10", PUBLIC),
        ("/V1/client", PUBLIC),
        ("//v1/client", PUBLIC),
        ("", PUBLIC),
        ("/", PUBLIC),
    ],
)
def test_a_path_is_judged_by_whole_segments(path: str, kind: Kind) -> None:
    assert area_of(path).kind is kind


def test_an_area_stands_before_those_that_hold_it() -> None:
    for index, area in enumerate(AREAS):
        assert not any(wider.has(area.path) for wider in AREAS[:index])


# --- around the real routes


@asynccontextmanager
async def run_limited(sidecar: Sidecar, clock: Clock, scale: float) -> AsyncIterator[Sidecar]:
    """Run the sidecar behind its limits and CORS, for callers on one address."""
    limits = RateLimits(
        sidecar.app,
        address_of=lambda scope: scope["client"][0],
        cookie_name=COOKIE,
        timer=clock,
        scale=scale,
    )
    shared = CORSMiddleware(limits, allow_origins=[APP_ORIGIN], allow_credentials=True)
    transport = httpx.ASGITransport(shared)
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # browsers keep their own
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, cookies=jar) as http:
        yield Sidecar(sidecar.app, http)


@pytest.fixture
async def limited(sidecar: Sidecar, clock: Clock) -> AsyncIterator[Sidecar]:
    async with run_limited(sidecar, clock, scale=1.0) as running:
        yield running


KEYED = (Access.SERVER, Access.EDGE)
ROUTES = [
    (method, re.sub(r"\{\w+\}", "unknown", route.path))
    for route in (*frontend.ROUTES, *backend.ROUTES, *feed.ROUTES)
    for method in sorted(route.methods or ())
]


def test_every_route_with_a_key_proves_it() -> None:
    keyed = [each for each in (*backend.ROUTES, *feed.ROUTES) if each.access in KEYED]
    assert keyed
    assert all(area_of(route.path).proves for route in keyed)


def test_the_proving_areas_have_routes() -> None:
    proving = {area_of(path) for _, path in ROUTES if area_of(path).proves}
    assert proving == {area for area in AREAS if area.proves}


@pytest.mark.parametrize(("method", "path"), [r for r in ROUTES if area_of(r[1]).proves])
async def test_no_route_that_proves_a_credential_succeeds_without_one(
    sidecar: Sidecar, method: str, path: str
) -> None:
    garbage = {
        "origin": APP_ORIGIN,
        "authorization": "Bearer x",
        "cookie": f"{COOKIE}=client_{'0' * 25}.{'0' * 64}",
    }
    for left_out in ("authorization", "cookie"):
        headers = {name: value for name, value in garbage.items() if name != left_out}
        assert (await sidecar.http.request(method, path, headers=headers)).status_code == 401


async def test_a_refusal_can_be_read_by_the_page_that_asked(limited: Sidecar) -> None:
    browser = limited.browser()
    for _ in range(int(SIGN_INS_PER_ADDRESS.burst)):
        assert (await browser.present("x")).status_code == 422
    answer = await browser.present("x")
    assert (answer.status_code, error_code(answer)) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == APP_ORIGIN
    assert "www-authenticate" not in answer.headers


async def test_a_browser_that_hammers_is_stopped_and_the_others_are_not(
    limited: Sidecar, clock: Clock
) -> None:
    one, other = limited.browser(), limited.browser()
    hammered, quiet = await one.sign_in("user_1"), await other.sign_in("user_2")
    await one.refresh(hammered)
    statuses = [(await one.act(hammered)).status_code for _ in range(150)]
    assert statuses.count(200) == FRONTEND_PER_CLIENT.burst
    assert set(statuses) == {200, 429}
    assert await other.refresh(quiet)
    clock.advance(1)
    assert await one.refresh(hammered)


async def test_who_has_only_a_client_s_id_cannot_spend_its_budget(limited: Sidecar) -> None:
    browser = limited.browser()
    session = await browser.sign_in()
    await browser.refresh(session)
    assert browser.token is not None
    forged = browser.with_token(browser.token[:-64] + "0" * 64)
    for _ in range(2 * int(FRONTEND_PER_CLIENT.burst)):
        assert (await forged.act(session)).status_code == 401
    assert await browser.refresh(session)


async def test_a_server_s_key_has_its_own_budget(limited: Sidecar) -> None:
    succeeded(await limited.server.get("/v1/sessions"))
    guesser = Server(limited.http, key="sk_test_" + "0" * 48)
    statuses = [
        (await guesser.get("/v1/sessions")).status_code
        for _ in range(int(BACKEND_PER_KEY.burst) + 10)
    ]
    assert statuses.count(429) == 11
    succeeded(await limited.server.get("/v1/sessions"))


async def test_a_sign_out_in_a_loop_ends_with_the_address_s_budget(
    sidecar: Sidecar, clock: Clock
) -> None:
    scale, spent = 1.0 if FULL else 0.1, 0
    async with run_limited(sidecar, clock, scale) as limited:
        browser = Browser(limited.http, limited.server)
        await browser.sign_in()
        while (await browser.sign_out()).status_code == 200:
            spent += 1
    assert spent == FRONTEND_PER_ADDRESS.scaled(scale).burst
