"""`verify` refuses a token with a declared code or returns its claims, the same through both
backends, and accepts only the one spelling of strict JSON that PyJWT accepts and reads alike.
"""

import json
import time
from collections.abc import Iterator
from random import Random

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.utils import base64url_decode

from edgepass import Claims, Expectations, KeySet, TokenRefused, verify
from edgepass._signatures import STANDARD_LIBRARY, find_cryptography
from tests.fuzz.json_changes import change_json, validate_strictly
from tests.support.issuer import (
    ISSUER,
    NOW,
    SigningKey,
    base64url,
    jwks,
    make_key,
    session_claims,
    to_json,
)

# The same keys each time, so that an input that failed once fails again. The RSA key differs, but
# only signs what has been changed before.
KEYS = (
    SigningKey("ec-1", "ES256", ec.derive_private_key(0xEDCE, ec.SECP256R1())),
    SigningKey("okp-1", "EdDSA", ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))),
    make_key(),
)
BY_ID = {key.key_id: key for key in KEYS}
DOCUMENT = jwks(*KEYS)
NATIVE = find_cryptography()
assert NATIVE is not None, "pip install 'edgepass[fast]'"
BACKENDS = (NATIVE, STANDARD_LIBRARY)
KEY_SETS = tuple(KeySet.from_jwks(DOCUMENT, backend=backend) for backend in BACKENDS)
PARTIES = ("https://app.example.com", "https://admin.example.com")
EXPECTED = (Expectations(ISSUER), Expectations(ISSUER, "api", PARTIES))
REQUIRED = {"require": ["iss", "sub", "sid", "iat", "exp"], "verify_iss": True}
# The first byte of an input says how the rest becomes a token.
AS_IT_IS, SIGN_JSON, SIGN_SEGMENTS, EXTEND_SIGNATURE = range(4)
SEPARATOR = b"\n"
WORDS = (
    *(f'"{name}":'.encode() for name in ("alg", "kid", "typ", "crit", "b64", "jku", "jwk")),
    *(f'"{name}":'.encode() for name in (*session_claims(), "aud")),
    *(f'"{key.algorithm}"'.encode() for key in KEYS),
    *(f'"{key.key_id}"'.encode() for key in KEYS),
    *(b'"none"', b'"HS256"', b'"Ed25519"', b'"JWT"', b'"api"', b'"pending"'),
    *(b'"crit":["exp"],', b'"b64":false,', b'"sub":"user_2",', b'"alg":"RS256",'),
    *(b"null", b"true", b"false", b"NaN", b"-Infinity", b"1e999", b"18446744073709551616"),
    *(b"\\u0000", b"\\ud800", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"[[[[[[[[[[[[[[[[[", b'{"":'),
    *(str(NOW + seconds).encode() for seconds in (-5, -4, 0, 5, 6, 300, 301)),
    *(b".", b"..", b"=", b"==", b"-", b"_", b"+", b"/"),
)


def declared(kind: type[TokenRefused]) -> set[str]:
    return {kind.code}.union(*map(declared, kind.__subclasses__()))


DECLARED = declared(TokenRefused) - {TokenRefused.code}


def seeds() -> Iterator[bytes]:
    """Yield inputs that become valid tokens, and some that nearly do, at every edge of time."""
    for number, key in enumerate(KEYS):
        header, payload = key.header(), to_json(session_claims())
        content = header + SEPARATOR + payload
        yield bytes([SIGN_JSON | number << 2]) + content
        yield bytes([EXTEND_SIGNATURE | number << 2]) + content + SEPARATOR + b"<\0"
        segments = base64url(header) + SEPARATOR + base64url(payload)
        yield bytes([SIGN_SEGMENTS | number << 2]) + segments
        if key.algorithm != "RS256":
            yield bytes([AS_IT_IS]) + key.sign(header, payload)
    for extra in ({"aud": "api"}, {"aud": ["api", "web"]}, {"nbf": NOW + 5}, {"nbf": NOW + 8}):
        claims = to_json(session_claims(**extra))
        yield bytes([SIGN_JSON | 1 << 4]) + KEYS[0].header() + SEPARATOR + claims
    for moment in (NOW - 68, NOW - 65, NOW - 64, NOW + 5, NOW + 6, NOW + 8):
        claims = to_json(session_claims(moment))
        yield bytes([SIGN_JSON]) + KEYS[0].header() + SEPARATOR + claims
    claims = to_json(session_claims(name="\ud83d\ude00 é", nested={"a": [1.5, -1, [None]]}))
    yield bytes([SIGN_JSON]) + KEYS[0].header(typ="jwt", x5u="u") + SEPARATOR + claims


def respelled(text: bytes) -> bytes:
    """Return `text`, with spaces behind it, in base64url whose last bits are not zero."""
    segment = base64url(text + b" " * ((1 - len(text)) % 3))
    return segment[:-1] + bytes([segment[-1] + 1])


def mutate(data: bytes, random: Random) -> bytes:
    """Change one member of the header or of the payload, or the key that signs."""
    how, (first, *others) = data[:1], data[1:].split(SEPARATOR)
    if not others or random.random() < 0.05:
        return bytes([random.randrange(32)]) + data[1:]
    if random.random() < 0.3:
        first = change_json(first, random)
    else:
        others[0] = change_json(others[0], random)
    return how + SEPARATOR.join([first, *others])


def make_token(how: int, content: bytes) -> bytes:
    """Return the token that an input stands for, signed unless it is to be taken as it is."""
    shape = how & 3
    if shape == AS_IT_IS:
        return content
    key = KEYS[(how >> 2 & 3) % len(KEYS)]
    first, _, second = content.partition(SEPARATOR)
    if shape == SIGN_JSON:
        return key.sign(first, second)
    if shape == SIGN_SEGMENTS:
        signing_input = first + b"." + second
        return signing_input + b"." + base64url(key.signature(signing_input))
    second, _, surplus = second.partition(SEPARATOR)
    signing_input = base64url(first) + b"." + base64url(second)
    signature = key.signature(signing_input)
    signature = surplus[1:] + signature if surplus[:1] == b"<" else signature + surplus
    return signing_input + b"." + base64url(signature)


def verdict(token: bytes | str, keys: KeySet, expected: Expectations) -> Claims | str:
    try:
        return verify(token, keys, expected, NOW)
    except TokenRefused as refusal:
        code = refusal.code
    assert code in DECLARED, code
    return code


def read_with_pyjwt(token: bytes, expected: Expectations) -> dict[str, object]:
    """Return what PyJWT reads, or let it raise what it raises.

    It takes the time from the machine, so the leeway brings `NOW` there; being
    one number for both ends of a token's life, that takes two readings. A second
    more for each, because PyJWT cuts off fractions.
    """
    key = BY_ID[jwt.get_unverified_header(token)["kid"]]
    audience = None if expected.audience is None else list(expected.audience)
    ahead = NOW - time.time()
    for leeway, past, future in ((-ahead, True, False), (ahead, False, True)):
        times = {"verify_exp": past, "verify_iat": future, "verify_nbf": future}
        payload: dict[str, object] = jwt.decode(
            token,
            key.private.public_key(),
            [key.algorithm],
            REQUIRED | times | {"verify_aud": audience is not None},
            audience=audience,
            issuer=expected.issuer,
            leeway=leeway + expected.leeway + 1,
        )
    return payload


def check(data: bytes) -> None:
    """Hold `verify` to the invariant on one input."""
    how = data[0] if data else AS_IT_IS
    token, expected = make_token(how, data[1:]), EXPECTED[how >> 4 & 1]
    for keys in KEY_SETS:
        keys._headers.clear()  # what an input is answered must not depend on those before it
    native, standard = (verdict(token, keys, expected) for keys in KEY_SETS)
    assert native == standard, f"cryptography: {native}, standard library: {standard}"
    assert verdict(token, KEY_SETS[0], expected) == native, "another answer the second time"
    if token.isascii():
        text = token.decode("ascii")
        assert verdict(text, KEY_SETS[0], expected) == native, "another answer for text"
    if isinstance(native, Claims):
        header, body, _ = decoded = [base64url_decode(part) for part in token.split(b".")]
        assert b".".join(map(base64url, decoded)) == token, "a second spelling"
        validate_strictly(header)
        validate_strictly(body)
        payload = read_with_pyjwt(token, expected)
        assert json.dumps(payload) == json.dumps(dict(native.payload)), "PyJWT reads other claims"
