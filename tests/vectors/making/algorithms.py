"""Vectors on `alg`: none, HMAC under the public key, and names that disagree with the key."""

import hashlib
import hmac
from collections.abc import Iterator

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.vectors.making.tools import (
    ABSENT,
    EC,
    KEYS,
    OKP,
    PAYLOAD,
    RSA,
    SigningKey,
    Vector,
    b64,
    claims,
    to_json,
    unb64,
)

CONFUSION = "CVE-2015-9235, CVE-2016-10555, CVE-2017-11424, CVE-2022-29217, CVE-2024-33663"
ALLOW_LIST = "RFC 8725 section 3.1"
NOT_ALLOWED = "algorithm_not_allowed"
MALFORMED = "token_malformed"


def make() -> Iterator[Vector]:
    yield from _honest()
    yield from _none()
    yield from _hmac()
    yield from _names()
    yield from _allow_lists()
    yield from _key_algorithms()


def _honest() -> Iterator[Vector]:
    for key in KEYS:
        name = f"{key.algorithm.lower()}-is-accepted"
        yield Vector(name=name, comment="RFC 7519 section 7.2", token=key.mint(), claims=claims())
    yield Vector(
        name="ed25519-is-accepted-where-it-is-configured",
        comment="RFC 9864 section 2.2",
        token=OKP.sign(OKP.header(alg="Ed25519")),
        keys="without-alg-and-use",
        expectations={"algorithms": ["Ed25519"]},
        claims=claims(),
    )


def _none() -> Iterator[Vector]:
    comment = "RFC 8725 section 3.2, CVE-2015-2951: unsecured tokens"
    spellings = {"none": "none", "none-with-a-capital": "None", "none-in-capitals": "NONE"}
    for spelling, alg in {**spellings, "none-in-mixed-case": "nOnE"}.items():
        stem = b64(RSA.header(alg=alg)) + b"." + b64(PAYLOAD)
        yield Vector(
            name=f"{spelling}-unsigned", comment=comment, token=stem + b".", code=MALFORMED
        )
        for what, signature in (("junk", b"junk"), ("signature", RSA.signature(stem))):
            yield Vector(
                name=f"{spelling}-with-a-{what}",
                comment=comment,
                token=stem + b"." + b64(signature),
                code=NOT_ALLOWED,
            )
    header = b64(RSA.header(alg="none", kid=ABSENT))
    yield Vector(
        name="none-without-a-kid",
        comment=comment,
        token=header + b"." + b64(PAYLOAD) + b"." + b64(b"junk"),
        code="key_id_missing",
    )


def _secrets() -> Iterator[tuple[str, SigningKey, bytes]]:
    public = RSA.private.public_key()
    spki = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pkcs1 = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    n = RSA.jwk()["n"]
    yield "spki-pem", RSA, spki
    yield "spki-pem-without-newline", RSA, spki.strip()
    yield "spki-pem-with-crlf", RSA, spki.replace(b"\n", b"\r\n")
    yield "spki-pem-with-two-newlines", RSA, spki + b"\n"
    yield "spki-pem-behind-a-byte-order-mark", RSA, b"\xef\xbb\xbf" + spki
    yield "spki-pem-body-alone", RSA, b"".join(spki.split(b"\n")[1:-2])
    yield "pkcs1-pem", RSA, pkcs1
    yield "pkcs1-pem-without-newline", RSA, pkcs1.strip()
    yield "spki-der", RSA, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    yield "pkcs1-der", RSA, public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    yield "openssh", RSA, public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    yield "modulus-bytes", RSA, unb64(n)
    yield "modulus-bytes-with-a-sign-byte", RSA, b"\x00" + unb64(n)
    yield "modulus-base64url", RSA, n.encode()
    yield "modulus-hexadecimal", RSA, unb64(n).hex().encode()
    yield "modulus-decimal", RSA, str(public.public_numbers().n).encode()
    yield "jwk-json", RSA, to_json(RSA.jwk())
    yield "jwks-json", RSA, to_json({"keys": [RSA.jwk()]})
    yield "key-id", RSA, RSA.key_id.encode()
    yield "nothing", RSA, b""
    ec_public, okp_public = EC.private.public_key(), OKP.private.public_key()
    yield (
        "spki-pem-of-p-256",
        EC,
        ec_public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    )
    yield (
        "point-of-p-256",
        EC,
        ec_public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    )
    yield "jwk-json-of-p-256", EC, to_json(EC.jwk())
    yield "bytes-of-ed25519", OKP, okp_public.public_bytes_raw()
    yield "jwk-json-of-ed25519", OKP, to_json(OKP.jwk())


def _mac(key: SigningKey, secret: bytes, bits: int, **changes: object) -> bytes:
    stem = b64(key.header(alg=f"HS{bits}", **changes)) + b"." + b64(PAYLOAD)
    return stem + b"." + b64(hmac.digest(secret, stem, getattr(hashlib, f"sha{bits}")))


def _hmac() -> Iterator[Vector]:
    for name, key, secret in _secrets():
        yield Vector(
            name=f"hs256-under-{name}",
            comment=f"{CONFUSION}: the public key as a secret",
            token=_mac(key, secret, 256),
            code=NOT_ALLOWED,
        )
    pem = next(_secrets())[2]
    for bits in (384, 512):
        yield Vector(
            name=f"hs{bits}-under-spki-pem",
            comment=f"{CONFUSION}: the public key as a secret",
            token=_mac(RSA, pem, bits),
            code=NOT_ALLOWED,
        )
    yield Vector(
        name="hs256-under-spki-pem-of-a-key-without-alg",
        comment=f"{CONFUSION}: the key's kind decides, not its alg",
        token=_mac(RSA, pem, 256),
        keys="without-alg-and-use",
        code=NOT_ALLOWED,
    )
    yield Vector(
        name="hs256-under-a-secret-in-the-key-set",
        comment="RFC 7518 section 3.2: no HMAC, even where the issuer publishes a secret",
        token=_mac(RSA, b"published secret, 32 bytes long.", 256, kid="oct"),
        keys={"keys": [{**_oct(), "kid": "oct"}, RSA.jwk()]},
        code="unknown_key",
    )


def _oct() -> dict[str, str]:
    secret = b64(b"published secret, 32 bytes long.").decode()
    return {"kty": "oct", "alg": "HS256", "use": "sig", "k": secret}


OTHER_NAMES = {
    "lower-case": "rs256",
    "mixed-case": "Rs256",
    "with-a-space-behind": "RS256 ",
    "with-a-space-before": " RS256",
    "with-a-nul": "RS256\x00",
    "with-a-newline": "RS256\n",
    "in-full-width-digits": "RS\uff12\uff15\uff16",
    "twice": "RS256,RS256",
    "empty": "",
    "rs384": "RS384",
    "rs512": "RS512",
    "ps256": "PS256",
    "rs1": "RS1",
    "rsa-oaep": "RSA-OAEP",
    "dir": "dir",
    "pbes2": "PBES2-HS256+A128KW",
    "xml-signature-uri": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
}


def _names() -> Iterator[Vector]:
    for name, alg in OTHER_NAMES.items():
        yield Vector(
            name=f"alg-{name}",
            comment=f"{ALLOW_LIST}: matched exactly, by case and by character",
            token=RSA.sign(RSA.header(alg=alg)),
            code=NOT_ALLOWED,
        )
    for alg in ("eddsa", "EDDSA", "Eddsa", "ed25519", "Ed25519", "Ed448"):
        yield Vector(
            name=f"alg-{alg.lower()}-spelled-{sum(map(str.isupper, alg))}-capitals",
            comment=f"{ALLOW_LIST}, RFC 9864: other names for the curve's algorithm",
            token=OKP.sign(OKP.header(alg=alg)),
            code=NOT_ALLOWED,
        )
    for alg in ("ES256K", "ES384", "ES512", "es256"):
        yield Vector(
            name=f"alg-{alg}-for-p-256".replace("es256", "lower-case-es256").lower(),
            comment="RFC 7518 section 3.4: the curve belongs to the algorithm",
            token=EC.sign(EC.header(alg=alg)),
            code=NOT_ALLOWED,
        )
    shapes = {
        "absent": ABSENT,
        "null": None,
        "a-number": 256,
        "true": True,
        "a-list": ["RS256"],
        "an-object": {"RS256": True},
    }
    for name, shape in shapes.items():
        yield Vector(
            name=f"alg-is-{name}",
            comment="RFC 7515 section 4.1.1: alg is a string and must be present",
            token=RSA.sign(RSA.header(alg=shape)),
            code=MALFORMED,
        )


def _allow_lists() -> Iterator[Vector]:
    for key in KEYS:
        others = [other.algorithm for other in KEYS if other is not key]
        yield Vector(
            name=f"{key.algorithm.lower()}-outside-the-allow-list",
            comment=ALLOW_LIST,
            token=key.mint(),
            expectations={"algorithms": others},
            code=NOT_ALLOWED,
        )
        for other in KEYS:
            if other is not key:
                yield Vector(
                    name=f"{other.algorithm.lower()}-for-a-key-of-{key.algorithm.lower()}",
                    comment=f"{ALLOW_LIST}, GHSA-jq35-7prp-9v3f: the key decides",
                    token=key.sign(key.header(alg=other.algorithm)),
                    code=NOT_ALLOWED,
                )
    for header, allowed in (("Ed25519", "EdDSA"), ("EdDSA", "Ed25519")):
        yield Vector(
            name=f"{header.lower()}-where-only-{allowed.lower()}-is-configured",
            comment="RFC 9864: two names, and each has to be configured",
            token=OKP.sign(OKP.header(alg=header)),
            keys="without-alg-and-use",
            expectations={"algorithms": [allowed]},
            code=NOT_ALLOWED,
        )


def _key_algorithms() -> Iterator[Vector]:
    comment = "RFC 7517 section 4.4, RFC 8725 section 3.1: a key is for one algorithm"
    for key, alg in ((RSA, "PS256"), (RSA, "RS512"), (RSA, "HS256"), (EC, "ES384"), (OKP, "ES256")):
        yield Vector(
            name=f"the-key-says-{alg.lower()}-the-token-{key.algorithm.lower()}",
            comment=comment,
            token=key.mint(),
            keys={"keys": [key.jwk(alg=alg)]},
            code="unknown_key",
        )
    yield Vector(
        name="the-key-says-ed25519-the-token-eddsa",
        comment=comment,
        token=OKP.mint(),
        keys={"keys": [OKP.jwk(alg="Ed25519")]},
        code=NOT_ALLOWED,
    )
    for alg in (256, None, ["RS256"]):
        yield Vector(
            name=f"the-key-says-{type(alg).__name__.lower()}",
            comment=f"{comment}, named by a string",
            token=RSA.mint(),
            keys={"keys": [RSA.jwk(alg=alg)]},
            code=None if alg is None else "unknown_key",
            claims=claims() if alg is None else None,
        )
