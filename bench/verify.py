"""What it costs to turn a token into claims, or into a refusal."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.utils import base64url_decode

from bench.harness import Contestant, Measurement, Plan, measure
from bench.peers import (
    Verifier,
    cached_pyjwt_verifier,
    clerk_guard_verifier,
    clerk_verifier,
    pyjwt_verifier,
    read_verdict,
)
from bench.tokens import (
    ALGORITHMS,
    ISSUER,
    USER_ID,
    SigningKey,
    Taker,
    TextTaker,
    always,
    always_text,
    as_bytes,
    as_text,
    deeply_nested,
    forge,
    full_stops,
    huge_header,
    make_key,
    mint_tokens,
)
from edgepass import Claims, Expectations, KeySet, SignedIn, TokenRefused, verify
from edgepass._credential import Credential
from edgepass._revocations import Revocations
from edgepass._signatures import STANDARD_LIBRARY, Backend, find_cryptography
from edgepass._token_cache import TokenCache

TITLE = "verify: one token to claims, in one call"
NOTES = (
    "net is the time over an empty call; a ratio is between net times",
    "first sight: every token is another one, of another second; of the headers that a key's "
    "verified tokens had, edgepass keeps all but the time",
    "the peers get a parsed key where they take one; clerk-backend-api takes PEM text only",
    "PyJWT, clerk-backend-api and fastapi-clerk-auth do not cache what they verified; the row "
    "with TTLCache adds what an application would, and does not look at exp again on a hit",
    "clerk-backend-api does not compare iss",
)
BARE = "empty call"
CACHED = "PyJWT + TTLCache, warm"
_EXPECTED = Expectations(issuer=ISSUER)

Signed = tuple[bytes, bytes]
Answer = Claims | str
AnyContestant = Contestant[Any, Any]


def run(plan: Plan) -> Measurement:
    return measure(contestants(), plan, benchmark="verify", title=TITLE, notes=NOTES)


def contestants() -> list[AnyContestant]:
    keys = {algorithm: make_key(algorithm) for algorithm in ALGORITHMS}
    tokens = {algorithm: mint_tokens(key) for algorithm, key in keys.items()}
    key, ours = keys["RS256"], tokens["RS256"]
    return [
        _empty_call(ours),
        *(_raw_check(keys[name], tokens[name]) for name in ALGORITHMS),
        _warm(key, ours),
        *_first_sights("cryptography", _require_cryptography(), keys, tokens),
        *_first_sights("standard library", STANDARD_LIBRARY, keys, tokens),
        *_refusals(key, ours),
        *_peers(keys, tokens),
    ]


def _empty_call(tokens: list[bytes]) -> AnyContestant:
    def ignore(token: bytes) -> str:
        return "nothing"

    return Contestant(
        name=BARE, arguments=as_bytes(tokens), call=ignore, read=str, expected="nothing"
    )


def _raw_check(key: SigningKey, tokens: list[bytes]) -> AnyContestant:
    """Return the floor: the signature alone, nothing decoded and nothing parsed."""
    check = _checker(key)
    valid = _signed_parts(key, tokens)
    forged = _signed_parts(key, forge(tokens))

    def attempt(signed: Signed) -> bool:
        try:
            check(*signed)
        except InvalidSignature:
            return False
        return True

    return Contestant(
        name=f"raw {key.algorithm} check",
        arguments=lambda count: valid[:count],
        call=attempt,
        read=str,
        expected="True",
        also=((lambda count: forged[:count], "False"),),
    )


def _checker(key: SigningKey) -> Callable[[bytes, bytes], None]:
    public, digest = key.public, SHA256()
    if key.algorithm == "RS256":
        scheme = padding.PKCS1v15()
        return lambda signature, message: public.verify(signature, message, scheme, digest)
    if key.algorithm == "ES256":
        ecdsa = ec.ECDSA(digest)
        return lambda signature, message: public.verify(signature, message, ecdsa)
    return lambda signature, message: public.verify(signature, message)


def _signed_parts(key: SigningKey, tokens: list[bytes]) -> list[Signed]:
    parts = []
    for token in tokens:
        message, _, encoded = token.rpartition(b".")
        signature = base64url_decode(encoded)
        if key.algorithm == "ES256":
            r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
            signature = encode_dss_signature(r, s)
        parts.append((signature, message))
    return parts


def _warm(key: SigningKey, tokens: list[bytes]) -> AnyContestant:
    """Return how the middleware finds a token again that it has verified before."""
    cache, clock, token = TokenCache(Revocations()), time.time, tokens[0]
    claims = verify(token, KeySet.from_jwks(key.jwks), _EXPECTED, clock())
    credential = Credential(token, is_bearer=True)
    cache.insert(credential, claims.expires_at + _EXPECTED.leeway, claims, 0)

    def recall(headers: list[tuple[bytes, bytes]]) -> SignedIn | None:
        return cache.recall(headers, clock())

    def sent(taker: Taker) -> Callable[[int], list[Any]]:
        return lambda count: [[(b"authorization", b"Bearer " + one)] for one in taker(count)]

    return Contestant(
        name="edgepass, warm",
        arguments=sent(as_bytes([token])),
        call=recall,
        read=lambda found: found.user_id if found else "nobody",
        expected=USER_ID,
        also=((sent(as_bytes(forge(tokens[:2]))), "nobody"),),
        against=(CACHED,),
    )


def _first_sights(
    path: str, backend: Backend, keys: dict[str, SigningKey], tokens: dict[str, list[bytes]]
) -> Iterator[AnyContestant]:
    for algorithm in ALGORITHMS:
        key_set = KeySet.from_jwks(keys[algorithm].jwks, backend=backend)
        for _ in key_set.widen():
            pass  # an edge does so within seconds of having a key
        yield Contestant(
            name=f"edgepass, first sight {algorithm}, {path}",
            arguments=as_bytes(tokens[algorithm]),
            call=_edgepass_verifier(key_set),
            read=_read_answer,
            expected=USER_ID,
            also=((as_bytes(forge(tokens[algorithm])), "signature_invalid"),),
            against=(f"PyJWT, {algorithm}", f"raw {algorithm} check"),
        )


# From Python 3.13 on the standard parser goes as deep as 8 kB can nest.
_PYJWT_ON_NESTED = "MissingRequiredClaimError" if sys.version_info >= (3, 13) else "DecodeError"


def _refusals(key: SigningKey, tokens: list[bytes]) -> Iterator[AnyContestant]:
    yield from _refusal(
        key,
        "bad signature",
        (as_bytes(forge(tokens)), "signature_invalid"),
        (as_text(forge(tokens)), "InvalidSignatureError"),
    )
    for what, token, ours, theirs in (
        ("1 MB of header", huge_header(key), "token_too_large", "InvalidSignatureError"),
        ("1,000,000 full stops", full_stops(), "token_too_large", "DecodeError"),
        ("8 kB nested, signed", deeply_nested(key), "token_malformed", _PYJWT_ON_NESTED),
    ):
        yield from _refusal(key, what, (always(token), ours), (always_text(token), theirs))


def _refusal(
    key: SigningKey, what: str, ours: tuple[Taker, str], theirs: tuple[TextTaker, str]
) -> Iterator[AnyContestant]:
    name = f"PyJWT, refused: {what}"
    yield Contestant(
        name=f"edgepass, refused: {what}",
        arguments=ours[0],
        call=_edgepass_verifier(KeySet.from_jwks(key.jwks)),
        read=_read_answer,
        expected=ours[1],
        against=(name,),
    )
    yield _peer(name, pyjwt_verifier(key), theirs[0], theirs[1])


def _peers(keys: dict[str, SigningKey], tokens: dict[str, list[bytes]]) -> Iterator[AnyContestant]:
    for algorithm in ALGORITHMS:
        refusal = (as_text(forge(tokens[algorithm])), "InvalidSignatureError")
        sent = as_text(tokens[algorithm])
        verifier = pyjwt_verifier(keys[algorithm])
        yield _peer(f"PyJWT, {algorithm}", verifier, sent, USER_ID, (refusal,))
    key, ours = keys["RS256"], tokens["RS256"]
    yield _peer(CACHED, cached_pyjwt_verifier(key), as_text(ours[:1]), USER_ID)
    for name, verifier, code in (
        ("clerk-backend-api", clerk_verifier(key), "TOKEN_INVALID_SIGNATURE"),
        ("fastapi-clerk-auth", clerk_guard_verifier(key), "refused"),
    ):
        refusal = (as_text(forge(ours)), code)
        yield _peer(name, verifier, as_text(ours), USER_ID, (refusal,), ("PyJWT, RS256",))


def _peer(
    name: str,
    verifier: Verifier,
    arguments: TextTaker,
    expected: str,
    also: tuple[tuple[TextTaker, str], ...] = (),
    against: tuple[str, ...] = (),
) -> AnyContestant:
    return Contestant(
        name=name,
        arguments=arguments,
        call=verifier,
        read=read_verdict,
        expected=expected,
        also=also,
        against=against,
    )


def _edgepass_verifier(keys: KeySet) -> Callable[[bytes], Answer]:
    clock = time.time

    def attempt(token: bytes) -> Answer:
        try:
            return verify(token, keys, _EXPECTED, clock())
        except TokenRefused as refusal:
            return refusal.code

    return attempt


def _read_answer(answer: Answer) -> str:
    return answer if isinstance(answer, str) else answer.user_id


def _require_cryptography() -> Backend:
    backend = find_cryptography()
    if backend is None:
        raise SystemExit("this benchmark needs cryptography: pip install 'edgepass[dev]'")
    return backend
