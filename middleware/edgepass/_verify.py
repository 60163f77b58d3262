"""From the bytes of a token to claims to trust, in one pure function (RFC 7519 section 7.2)."""

from edgepass._auth import Claims
from edgepass._claims import Expectations, validate_claims
from edgepass._errors import AlgorithmNotAllowed, SignatureInvalid, TokenMalformed, TokenTooLarge
from edgepass._json import parse_object
from edgepass._jws import parse_jws
from edgepass._key_set import KeySet


def verify(token: str | bytes, keys: KeySet, expected: Expectations, now: float) -> Claims:
    """Return the claims of `token`, or raise the `TokenRefused` that says what is wrong with it.

    No I/O, no clock, no state that could change the answer: `now` is in seconds
    since the epoch. Nothing in the payload is parsed before the signature over
    it has been verified. `UnknownKey` is the one refusal that newer keys could cure.
    """
    if len(token) > expected.maximum_token_bytes:
        raise TokenTooLarge(f"the token is longer than {expected.maximum_token_bytes} bytes")
    if isinstance(token, str):
        if not token.isascii():
            raise TokenMalformed("the token has characters outside ASCII")
        token = token.encode("ascii")
    header, signing_input, body, signature = parse_jws(token)
    recalled = keys.recall(header)
    algorithm, key, originally_issued_at = resolved = recalled or keys.resolve(header)
    if algorithm not in expected.algorithms:
        raise AlgorithmNotAllowed("alg is not one of the allowed algorithms")
    if not key.signature_key.verify(signature, signing_input):
        raise SignatureInvalid("the signature is not valid")
    if recalled is None:
        keys.remember(header, resolved)
    try:
        payload = parse_object(body)
    except ValueError:
        raise TokenMalformed("the token's payload is not a strict JSON object") from None
    return validate_claims(payload, expected, now, originally_issued_at)
