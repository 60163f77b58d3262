"""Tokens already verified: found by all of their bytes, until they expire, within bounds."""

from collections.abc import Callable

import pytest

from edgepass import Expectations, SignedIn
from edgepass._auth import Claims, SessionId
from edgepass._claims import validate_claims
from edgepass._credential import MAXIMUM_COOKIE_BYTES, Credential
from edgepass._errors import SessionRevoked
from edgepass._revocations import Revocations
from edgepass._token_cache import TokenCache
from tests.middleware.calls import bearer, session_cookie
from tests.support.issuer import ISSUER, NOW, session_claims

TOKEN = b"header.payload." + b"s" * 40
LookUp = Callable[[TokenCache, bytes, float], SignedIn | None]


def find(cache: TokenCache, token: bytes, now: float = NOW) -> SignedIn | None:
    return cache.find(Credential(token, is_bearer=True), now)


def recall(cache: TokenCache, token: bytes, now: float = NOW) -> SignedIn | None:
    return cache.recall(bearer(token), now)


def find_cookie(cache: TokenCache, token: bytes, now: float = NOW) -> SignedIn | None:
    return cache.find(Credential(token, is_bearer=False), now)


def recall_cookie(cache: TokenCache, token: bytes, now: float = NOW) -> SignedIn | None:
    return cache.recall(session_cookie(token), now)


either_way = pytest.mark.parametrize("look_up", [find, recall])
every_way = pytest.mark.parametrize("look_up", [find, recall, find_cookie, recall_cookie])


def claims_of(user: str = "user_1") -> Claims:
    return validate_claims(session_claims(sub=user), Expectations(ISSUER), NOW)


def insert(
    cache: TokenCache, token: bytes, look_up: LookUp = find, user: str = "user_1"
) -> SignedIn:
    is_bearer = look_up in (find, recall)
    return cache.insert(Credential(token, is_bearer), NOW + 60, claims_of(user), 1)


def filled(count: int, maximum: int = 10) -> TokenCache:
    cache = TokenCache(Revocations(), maximum)
    for number in range(count):
        insert(cache, b"%050d" % number)
    return cache


@every_way
def test_a_token_is_found_with_its_own_claims(look_up: LookUp) -> None:
    cache = TokenCache(Revocations())
    signed_in = insert(cache, TOKEN, look_up)
    assert look_up(cache, TOKEN, NOW) is signed_in
    assert signed_in.claims == claims_of()


@every_way
@pytest.mark.parametrize(("now", "found"), [(59.999, True), (60, False), (60.001, False)])
def test_a_token_is_found_until_it_is_refused(look_up: LookUp, now: float, found: bool) -> None:
    cache = TokenCache(Revocations())
    insert(cache, TOKEN, look_up)
    assert (look_up(cache, TOKEN, NOW + now) is not None) is found


@every_way
def test_a_clock_that_says_nothing_finds_nothing(look_up: LookUp) -> None:
    cache = TokenCache(Revocations())
    insert(cache, TOKEN, look_up)
    assert look_up(cache, TOKEN, float("nan")) is None


@every_way
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
        b"Bearer " + TOKEN,
        b" " + TOKEN,
    ],
)
def test_a_token_with_the_same_tail_is_another_token(look_up: LookUp, other: bytes) -> None:
    cache = TokenCache(Revocations())
    insert(cache, TOKEN, look_up)
    assert look_up(cache, other, NOW) is None


@either_way
def test_two_tokens_with_one_tail_never_share_claims(look_up: LookUp) -> None:
    cache = TokenCache(Revocations())
    other = b"x" + TOKEN[1:]
    insert(cache, TOKEN, user="user_1")
    insert(cache, other, user="user_2")
    found = look_up(cache, other, NOW)
    assert found is not None
    assert found.user_id == "user_2"
    assert look_up(cache, TOKEN, NOW) is None


def test_a_token_with_the_same_tail_in_the_older_half_is_another_token() -> None:
    cache = filled(0, maximum=4)
    for token in (TOKEN, b"a" * 50, b"b" * 50):
        insert(cache, token)
    assert find(cache, b"x" + TOKEN[1:]) is None
    assert find(cache, TOKEN) is not None


def test_a_token_in_the_older_half_is_recalled_once_it_was_found() -> None:
    cache = filled(0, maximum=4)
    for token in (TOKEN, b"a" * 50, b"b" * 50):
        insert(cache, token)
    assert recall(cache, TOKEN) is None
    assert find(cache, TOKEN) is recall(cache, TOKEN) is not None


def test_a_token_is_recalled_as_it_was_sent_last() -> None:
    cache = TokenCache(Revocations())
    signed_in = insert(cache, TOKEN)
    assert (recall(cache, TOKEN), recall_cookie(cache, TOKEN)) == (signed_in, None)
    assert find_cookie(cache, TOKEN) is signed_in
    assert (recall(cache, TOKEN), recall_cookie(cache, TOKEN)) == (None, signed_in)


def test_a_cookie_header_that_was_recalled_is_recalled_whole() -> None:
    cache = TokenCache(Revocations())
    insert(cache, TOKEN)
    signed_in = find_cookie(cache, TOKEN)
    headers = [(b"cookie", b"a=b; __session=" + TOKEN)]
    assert cache.recall(headers, 0) is signed_in
    assert list(cache._by_cookies) == [headers[0][1]]
    assert cache.recall(headers, 0) is signed_in
    assert cache.recall([(b"cookie", b"a=c; __session=" + TOKEN)], 0) is signed_in
    # By Bearer in between, so that the cookie alone is not what the token was sent as last.
    assert find(cache, TOKEN) is signed_in
    assert cache.recall([(b"cookie", b"a=d; __session=" + TOKEN)], 0) is None
    assert cache.recall(headers, 0) is signed_in
    assert cache.recall(headers * 2, 0) is None
    assert cache.recall(headers, NOW + 60) is None


def test_a_cookie_header_of_a_session_revoked_since_is_not_recalled() -> None:
    revocations = Revocations()
    cache = TokenCache(revocations)
    headers = session_cookie(TOKEN)
    signed_in = cache.insert(Credential(TOKEN, False), NOW + 60, claims_of(), 1)
    assert cache.recall(headers, NOW) is cache.recall(headers, NOW) is signed_in
    revocations.end_session(signed_in.session_id, signed_in.user_id, NOW, NOW + 65)
    assert list(cache._by_cookies) == [headers[0][1]]
    assert cache.recall(headers, NOW) is None


def test_cookie_headers_are_kept_no_longer_than_their_tokens() -> None:
    cache = filled(0, maximum=4)
    insert(cache, TOKEN)
    find_cookie(cache, TOKEN)
    assert recall_cookie(cache, TOKEN) is not None
    cache.clear()
    assert recall_cookie(cache, TOKEN) is None
    insert(cache, TOKEN)
    find_cookie(cache, TOKEN)
    assert recall_cookie(cache, TOKEN) is not None
    for token in (b"a" * 50, b"b" * 50):
        insert(cache, token)
    assert recall_cookie(cache, TOKEN) is None


def test_cookie_headers_that_are_kept_are_few_and_short() -> None:
    cache = filled(0, maximum=25)
    insert(cache, TOKEN)
    find_cookie(cache, TOKEN)
    most = 0
    for number in range(50):
        cookies = b"n=%d; __session=%b" % (number, TOKEN)
        assert cache.recall([(b"cookie", cookies)], 0) is not None
        most = max(most, len(cache._by_cookies))
    assert most == 4
    for length, is_kept in ((2_048, True), (2_049, False)):
        cookies = (b"__session=%b; x=" % TOKEN).ljust(length, b"x")
        assert cache.recall([(b"cookie", cookies)], 0) is not None
        assert (cookies in cache._by_cookies) is is_kept


def test_a_token_that_is_refused_pushes_no_cookie_header_out() -> None:
    revocations = Revocations()
    cache = TokenCache(revocations)
    insert(cache, TOKEN, find_cookie)
    assert recall_cookie(cache, TOKEN, NOW + 60) is None
    assert cache._by_cookies == {}
    revocations.doubt()
    assert cache.recall([(b"cookie", b"a=b; __session=" + TOKEN)], NOW) is not None
    assert cache._by_cookies == {}
    assert recall_cookie(cache, TOKEN) is recall_cookie(cache, TOKEN) is not None
    assert len(cache._by_cookies) == 1


def test_a_cookie_header_that_is_too_long_is_not_hashed() -> None:
    class Hashed(bytes):
        def __hash__(self) -> int:
            raise AssertionError("hashing it takes time, and it may be as long as a server allows")

    header = Hashed((b"__session=" + TOKEN + b"; x=").ljust(MAXIMUM_COOKIE_BYTES + 1, b"x"))
    assert filled(1).recall([(b"cookie", header)], 0) is None


@pytest.mark.parametrize("maximum", [2, 3, 10, 11])
def test_the_number_of_tokens_is_bounded(maximum: int) -> None:
    cache = filled(0, maximum)
    for number in range(100):
        insert(cache, b"%050d" % number)
        assert len(cache) <= maximum


def test_the_latest_tokens_stay() -> None:
    cache = filled(1_000, maximum=100)
    assert find(cache, b"%050d" % 999) is not None
    assert find(cache, b"%050d" % 950) is not None
    assert find(cache, b"%050d" % 1) is None


def test_a_token_in_use_outlives_any_number_of_others() -> None:
    cache = filled(0, maximum=100)
    insert(cache, TOKEN)
    for number in range(1_000):
        insert(cache, b"%050d" % number)
        assert recall(cache, TOKEN) is not None or find(cache, TOKEN) is not None


@either_way
def test_a_cleared_cache_knows_nothing_and_goes_on_working(look_up: LookUp) -> None:
    cache = filled(100)
    cache.clear()
    assert len(cache) == 0
    assert look_up(cache, b"%050d" % 99, NOW) is None
    insert(cache, TOKEN)
    assert look_up(cache, TOKEN, NOW) is not None


def test_a_token_dies_with_the_revocation_of_its_session_and_of_no_other() -> None:
    revocations = Revocations()
    cache = TokenCache(revocations)
    signed_in = insert(cache, TOKEN)
    revocations.end_session(SessionId("sess_9"), signed_in.user_id, NOW, NOW + 60)
    assert [recall(cache, TOKEN), find(cache, TOKEN), recall(cache, TOKEN)] == [signed_in] * 3
    revocations.end_session(signed_in.session_id, signed_in.user_id, NOW, NOW + 60)
    for _ in range(2):
        assert recall(cache, TOKEN) is None
        with pytest.raises(SessionRevoked):
            find(cache, TOKEN)


@either_way
def test_what_was_looked_up_among_the_revocations_is_not_looked_up_again(look_up: LookUp) -> None:
    class Counted(Revocations):
        count = 0

        def validate(self, claims: Claims) -> None:
            self.count += 1
            super().validate(claims)

    revocations = Counted()
    cache = TokenCache(revocations)
    insert(cache, TOKEN)
    assert look_up(cache, TOKEN, NOW) is not None
    assert revocations.count == 0
    for number in range(3):
        revocations.end_session(SessionId(f"sess_9{number}"), claims_of().user_id, NOW, NOW + 60)
        for _ in range(3):
            assert look_up(cache, TOKEN, NOW) is not None
        assert revocations.count == number + 1
