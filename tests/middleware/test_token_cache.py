"""Tokens already verified: found by all of their bytes, until they expire, within bounds."""

import pytest

from edgepass import Expectations
from edgepass._auth import SessionId
from edgepass._claims import validate_claims
from edgepass._errors import SessionRevoked
from edgepass._revocations import Revocations
from edgepass._token_cache import TokenCache
from tests.support.issuer import ISSUER, NOW, session_claims

TOKEN = b"header.payload." + b"s" * 40


def claims_of(user: str = "user_1"):
    return validate_claims(session_claims(sub=user), Expectations(ISSUER), NOW)


def filled(count: int, maximum: int = 10) -> TokenCache:
    cache = TokenCache(Revocations(), maximum)
    for number in range(count):
        cache.insert(b"%050d" % number, NOW + 60, claims_of())
    return cache


def test_a_token_is_found_with_its_own_claims() -> None:
    cache = TokenCache(Revocations())
    claims = claims_of()
    cache.insert(TOKEN, NOW + 60, claims)
    assert cache.find(TOKEN, NOW) == claims


@pytest.mark.parametrize(("now", "found"), [(59.999, True), (60, False), (60.001, False)])
def test_a_token_is_found_until_it_is_refused(now: float, found: bool) -> None:
    cache = TokenCache(Revocations())
    cache.insert(TOKEN, NOW + 60, claims_of())
    assert (cache.find(TOKEN, NOW + now) is not None) is found


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"s" * 24,
        b"s" * 40,
        b"x" + TOKEN,
        TOKEN[1:],
        b"H" + TOKEN[1:],
        TOKEN + b"s",
        TOKEN[:-1],
    ],
)
def test_a_token_with_the_same_tail_is_another_token(other: bytes) -> None:
    cache = TokenCache(Revocations())
    cache.insert(TOKEN, NOW + 60, claims_of())
    assert cache.find(other, NOW) is None


def test_two_tokens_with_one_tail_never_share_claims() -> None:
    cache = TokenCache(Revocations())
    other = b"x" + TOKEN[1:]
    cache.insert(TOKEN, NOW + 60, claims_of("user_1"))
    cache.insert(other, NOW + 60, claims_of("user_2"))
    found = cache.find(other, NOW)
    assert found is not None
    assert found.user_id == "user_2"
    assert cache.find(TOKEN, NOW) is None


def test_a_token_with_the_same_tail_in_the_older_half_is_another_token() -> None:
    cache = filled(0, maximum=4)
    cache.insert(TOKEN, NOW + 60, claims_of())
    cache.insert(b"a" * 50, NOW + 60, claims_of())
    cache.insert(b"b" * 50, NOW + 60, claims_of())
    assert cache.find(b"x" + TOKEN[1:], NOW) is None
    assert cache.find(TOKEN, NOW) is not None


@pytest.mark.parametrize("maximum", [2, 3, 10, 11])
def test_the_number_of_tokens_is_bounded(maximum: int) -> None:
    cache = filled(0, maximum)
    for number in range(100):
        cache.insert(b"%050d" % number, NOW + 60, claims_of())
        assert len(cache) <= maximum


def test_the_latest_tokens_stay() -> None:
    cache = filled(1_000, maximum=100)
    assert cache.find(b"%050d" % 999, NOW) is not None
    assert cache.find(b"%050d" % 950, NOW) is not None
    assert cache.find(b"%050d" % 1, NOW) is None


def test_a_token_in_use_outlives_any_number_of_others() -> None:
    cache = filled(0, maximum=100)
    cache.insert(TOKEN, NOW + 60, claims_of())
    for number in range(1_000):
        cache.insert(b"%050d" % number, NOW + 60, claims_of())
        assert cache.find(TOKEN, NOW) is not None


def test_a_cleared_cache_knows_nothing_and_goes_on_working() -> None:
    cache = filled(100)
    cache.clear()
    assert len(cache) == 0
    assert cache.find(b"%050d" % 99, NOW) is None
    cache.insert(TOKEN, NOW + 60, claims_of())
    assert cache.find(TOKEN, NOW) is not None


def test_a_token_dies_with_the_revocation_of_its_session_and_of_no_other() -> None:
    revocations = Revocations()
    cache, claims = TokenCache(revocations), claims_of()
    cache.insert(TOKEN, NOW + 60, claims)
    revocations.end_session(SessionId("sess_9"), claims.user_id, NOW, NOW + 60)
    assert [cache.find(TOKEN, NOW) for _ in range(2)] == [claims] * 2
    revocations.end_session(claims.session_id, claims.user_id, NOW, NOW + 60)
    for _ in range(2):
        with pytest.raises(SessionRevoked):
            cache.find(TOKEN, NOW)
