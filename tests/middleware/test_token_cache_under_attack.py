"""The token cache while strangers pour tokens in: bounded, and honest traffic keeps its hits."""

import tracemalloc
from collections.abc import Callable

import pytest

from edgepass._auth import Claims
from edgepass._credential import Credential
from edgepass._json import parse_object
from edgepass._revocations import Revocations
from edgepass._token_cache import MAXIMUM_TOKENS, TokenCache
from tests.support.issuer import session_claims, to_json
from tests.support.standards import FULL

NOW = 1_800_000_000.0
TOKEN_BYTES = 919
DISTINCT = 2_000_000 if FULL else 100_000  # ten times what the cache holds
MEGABYTE = 1 << 20


def credential(number: int) -> Credential:
    # Like a signature's, the last bytes differ; the rest is as long as a real one.
    return Credential((b"%d" % number).zfill(TOKEN_BYTES), is_bearer=True)


def body(number: int) -> bytes:
    organization = {"id": "org_1", "slg": "acme", "rol": "admin", "per": "read", "fpm": "1"}
    members = session_claims(sub=f"user_{number}", jti=f"{number:022}", o=organization)
    return to_json(members)


def claims(number: int) -> Claims:
    return Claims({"sub": f"user_{number}", "sid": "sess_1", "iat": NOW, "exp": NOW + 60})


@pytest.fixture
def measured_growth() -> Callable[[Callable[[], None]], int]:
    def measure(work: Callable[[], None]) -> int:
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure


@pytest.mark.parametrize("is_bearer", [True, False])
def test_distinct_tokens_take_at_most_32_megabytes_however_many_come(
    measured_growth: Callable[[Callable[[], None]], int], is_bearer: bool
) -> None:
    # What a cache holds are its last two generations: a few of them show what any
    # number would take.
    cache = TokenCache(Revocations())
    bodies = [body(number) for number in range(2 * MAXIMUM_TOKENS)]

    def pour_in() -> None:
        for number, each in enumerate(bodies):
            token = credential(number).token
            cache.insert(Credential(token, is_bearer), NOW + 60, Claims(parse_object(each)), 1)
            # In the longest header that is kept whole.
            header = (b"__session=" + token).ljust(2_048, b";")
            assert is_bearer or cache.recall([(b"cookie", header)], NOW) is not None

    assert measured_growth(pour_in) < 32 * MEGABYTE
    assert len(cache) <= MAXIMUM_TOKENS


def test_distinct_tokens_leave_no_more_entries_than_the_bound_however_many_come() -> None:
    cache, same = TokenCache(Revocations()), claims(0)
    for number in range(DISTINCT):
        cache.insert(Credential(number.to_bytes(32), is_bearer=True), NOW + 60, same, 1)
        if number % 10_000 == 0:
            assert len(cache) <= MAXIMUM_TOKENS
    assert len(cache) <= MAXIMUM_TOKENS


@pytest.mark.parametrize("garbage_for_each", [1, 10, 100])
def test_honest_traffic_keeps_its_hits_while_garbage_pours_in(garbage_for_each: int) -> None:
    # Garbage is looked up and never inserted: only what was verified is.
    cache, people, rounds = TokenCache(Revocations()), 1_000, 20
    hits = 0
    for turn in range(rounds):
        for person in range(people):
            if cache.find(credential(person), NOW) is not None:
                hits += 1
            else:
                cache.insert(credential(person), NOW + 60, claims(person), 1)
            for stray in range(garbage_for_each if turn < 2 else 1):
                assert cache.find(credential((stray + 1) << 64), NOW) is None
    assert hits >= 0.9 * people * rounds


def test_honest_traffic_keeps_its_hits_among_stolen_but_valid_tokens() -> None:
    # Ten verified strangers for each honest request: the honest ones stay,
    # because what is used once in a generation goes on to the next.
    cache, people, rounds = TokenCache(Revocations()), 100, 100
    hits, stranger = 0, 1 << 64
    for _ in range(rounds):
        for person in range(people):
            if cache.find(credential(person), NOW) is not None:
                hits += 1
            else:
                cache.insert(credential(person), NOW + 60, claims(person), 1)
            for _ in range(10):
                stranger += 1
                cache.insert(credential(stranger), NOW + 60, claims(person), 1)
    assert hits >= 0.9 * people * rounds
