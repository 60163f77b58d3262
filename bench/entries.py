"""What revocations cost an edge that keeps them: in time for each request, and in memory."""

import secrets
import time
from collections.abc import Callable, Iterator
from itertools import count, islice

from bench.harness import CHUNK, Contestant, Contestants, Measurement, Plan, measure
from bench.peer_apps import bare_app
from bench.request import (
    BARE,
    SIGNED_IN,
    AnyContestant,
    Exchange,
    Exchanges,
    _bearer,
    _contestant,
    _requests,
)
from bench.revocation_memory import (
    KEPT_FOR,
    LEEWAY,
    applying_to,
    measure_memory,
    message,
    session_id,
)
from bench.tokens import ISSUER, SESSION_ID, SigningKey, as_bytes, make_key, mint_tokens
from edgepass import Claims, EdgepassMiddleware, Expectations, KeySet, TokenRefused, verify
from edgepass._auth import SessionId, UserId
from edgepass._credential import Credential
from edgepass._revocations import Revocations

ENTRIES, FEW = 100_000, 64
TITLE = "entries: an edge that keeps {:,} revocations, in direct calls"
NOTES = (
    "net is over an empty call; a ratio is between net times",
    f"{ENTRIES:,} entries are 1,500 revocations a second: each is kept for a token's life of 60 s "
    "and the leeway",
    "feed on: with an edge key, so that connections are looked after as well",
    "after a message: each token's first request since the edge heard of some revocation, so that "
    "it is looked up again",
    "a message: one session's, read from bytes and applied, while that many entries are kept and "
    "as many end as come",
)
EMPTY = "empty call"
OFF, ON = "feed off", "feed on, no entries"
REVOKED = "401 session_revoked"
_EDGE_KEY = f"sk_test_{secrets.token_hex(24)}"
_FAR_AHEAD = 10_000.0  # seconds: no entry ends while it is measured


def run(plan: Plan) -> Measurement:
    return measure_entries(plan, ENTRIES)


def measure_entries(plan: Plan, entries: int) -> Measurement:
    memory = measure_memory(entries)
    notes = (
        *NOTES,
        f"memory for each entry of {entries:,}: {memory.allocated:.0f} bytes allocated, "
        f"{memory.resident:.0f} by which a fresh process grew",
    )
    title = TITLE.format(entries)
    return measure(contestants(entries), plan, benchmark="entries", title=title, notes=notes)


def contestants(entries: int) -> Contestants:
    key = make_key("ES256")
    return [_empty(), *_look_ups(key, entries), *_requests_of(key, entries), *_messages(entries)]


def _empty() -> Contestant[None, None]:
    return Contestant(
        name=EMPTY,
        arguments=lambda number: [None] * number,
        call=lambda argument: argument,
        read=str,
        expected="None",
    )


def _look_ups(key: SigningKey, most: int) -> Iterator[Contestant[Claims, str]]:
    claims = _verified(key, mint_tokens(key, 1)[0])
    first = f"validate, {0:,} entries"
    for entries in (0, most):
        revocations = Revocations()
        _fill(revocations, entries)
        yield Contestant(
            name=f"validate, {entries:,} entries",
            arguments=lambda number: [claims] * number,
            call=_validate_with(revocations),
            read=str,
            expected="stands",
            against=(first,) if entries else (),
        )


def _validate_with(revocations: Revocations) -> Callable[[Claims], str]:
    def validate(claims: Claims) -> str:
        try:
            revocations.validate(claims)
        except TokenRefused as refusal:
            return refusal.code
        return "stands"

    return validate


def _requests_of(key: SigningKey, entries: int) -> Iterator[AnyContestant]:
    tokens = mint_tokens(key, CHUNK)
    warm = _requests(_bearer(as_bytes(tokens)))
    full = f"feed on, {entries:,} entries"
    yield _contestant(BARE, bare_app, warm, "200 nobody")
    for name, edge_key, kept, against in (
        (OFF, None, 0, (BARE,)),
        (ON, _EDGE_KEY, 0, (_warm(OFF),)),
        (full, _EDGE_KEY, entries, (_warm(OFF), _warm(ON))),
    ):
        app = _edge(key, tokens, edge_key, kept)
        yield _contestant(_warm(name), app, warm, SIGNED_IN, against=against)
    app = _edge(key, tokens, _EDGE_KEY, entries)
    renewed = _after_a_message(app, warm)
    yield _contestant(
        f"{_warm(full)}, after a message", app, renewed, SIGNED_IN, against=(_warm(OFF),)
    )
    app = _edge(key, tokens, _EDGE_KEY, entries)
    app._revocations.end_session(
        SessionId(SESSION_ID), UserId("user_1"), 0.0, time.time() + _FAR_AHEAD
    )
    yield _contestant(f"revoked (401), {full}", app, warm, REVOKED)


def _warm(feed: str) -> str:
    return f"warm bearer, {feed}"


def _edge(
    key: SigningKey, tokens: list[bytes], edge_key: str | None, entries: int
) -> EdgepassMiddleware:
    """Return an edge that has seen these tokens and keeps so many entries."""
    app = EdgepassMiddleware(
        bare_app,
        issuer=ISSUER,
        keys=KeySet.from_jwks(key.jwks),
        edge_key=edge_key,
    )
    _fill(app._revocations, entries)
    # As a first request would: it also starts to listen, and nobody speaks here.
    for token in tokens:
        claims = _verified(key, token)
        credential = Credential(token, is_bearer=True)
        app._cache.insert(credential, claims.expires_at + LEEWAY, claims, 0)
    return app


def _after_a_message(app: EdgepassMiddleware, requests: Exchanges) -> Exchanges:
    """Return `requests`, of as many tokens, before which one more session is revoked."""
    sessions = map(session_id, count(len(app._revocations)))

    def made(number: int) -> list[Exchange]:
        app._revocations.end_session(
            SessionId(next(sessions)), UserId("user_1"), 0.0, time.time() + _FAR_AHEAD
        )
        return requests(number)

    return made


def _messages(most: int) -> Iterator[Contestant[tuple[bytes, float], int]]:
    for entries in (FEW, most):
        yield Contestant(
            name=_message_row(entries),
            arguments=_coming(entries),
            call=applying_to(_kept(entries)),
            # What has ended goes in its own time, and not with each message.
            read=lambda kept, entries=entries: "kept" if 0 <= kept - entries < CHUNK else str(kept),  # type: ignore[misc]
            expected="kept",
            against=(_message_row(FEW),) if entries != FEW else (),
        )


def _message_row(entries: int) -> str:
    return f"a message, {entries:,} entries"


def _kept(entries: int) -> Revocations:
    """Return so many entries, of which one ends for each message that is still to come."""
    revocations, apart = Revocations(), KEPT_FOR / entries
    for number in range(entries):
        revocations.end_session(
            SessionId(session_id(number)), UserId(f"user_{number}"), 0.0, number * apart
        )
    return revocations


def _coming(entries: int) -> Callable[[int], list[tuple[bytes, float]]]:
    """Return what makes the next messages, each with the time at which it comes."""
    apart = KEPT_FOR / entries
    coming = ((message(entries + number, number * apart), number * apart) for number in count())
    return lambda number: list(islice(coming, number))


def _fill(revocations: Revocations, entries: int) -> None:
    until = time.time() + _FAR_AHEAD
    for number in range(entries):
        revocations.end_session(SessionId(session_id(number)), UserId(f"user_{number}"), 0.0, until)
    if len(revocations) != entries:
        raise RuntimeError(f"{len(revocations)} entries are kept, not {entries}")


def _verified(key: SigningKey, token: bytes) -> Claims:
    return verify(token, KeySet.from_jwks(key.jwks), Expectations(ISSUER), time.time())
