"""Private keys: made, sealed under the master key (AES-256-GCM), opened, and signed with."""

import json
import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from edgepass_sidecar.signing_keys import SigningKey

MASTER_KEY_BYTES = 32
# Clerk's SDKs read a key given as PEM only at this size and exponent.
_RSA_BITS, _RSA_EXPONENT = 2048, 65537
_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2.1
_P256_BYTES = 32  # of each half of a signature (RFC 7518 section 3.4)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class WrongMasterKey(Exception):
    """A stored signing key was not sealed under this master key."""


class LocalSigner:
    """Signs with a private key that this process holds."""

    def __init__(self, key_id: str, algorithm: str, private_key: PrivateKey) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self._private_key = private_key
        self.sign = _signing_with(private_key)


def _signing_with(private_key: PrivateKey) -> Callable[[bytes], bytes]:
    # Not PyJWT, which makes scheme and digest anew for each token and goes from numbers
    # to bytes by way of hexadecimal text: a sixth of what ES256 takes.
    digest = SHA256()
    if isinstance(private_key, rsa.RSAPrivateKey):
        scheme = padding.PKCS1v15()
        return lambda message: private_key.sign(message, scheme, digest)
    if isinstance(private_key, ed25519.Ed25519PrivateKey):
        return private_key.sign
    # Hashed here: cryptography asks of what class a digest is, for each token, in Python.
    ecdsa = ec.ECDSA(Prehashed(digest))

    def sign(message: bytes) -> bytes:
        r, s = decode_dss_signature(private_key.sign(sha256(message).digest(), ecdsa))
        return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)

    return sign


def make_signing_key(
    algorithm: str, master_key: bytes, *, created_at: float, active_at: float
) -> SigningKey:
    """Make a key pair for `algorithm`, the private half sealed under `master_key`."""
    private_key = _generate(algorithm)
    key_id = f"key_{secrets.token_hex(12)}"
    private_der = private_key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return SigningKey(
        key_id=key_id,
        algorithm=algorithm,
        public_jwk=_public_jwk(private_key, algorithm, key_id),
        sealed_private=_seal(private_der, master_key, key_id),
        created_at=created_at,
        active_at=active_at,
    )


def open_signer(key: SigningKey, master_key: bytes) -> LocalSigner:
    """Open a sealed key for signing, or raise `WrongMasterKey`."""
    nonce, ciphertext = key.sealed_private[:_NONCE_BYTES], key.sealed_private[_NONCE_BYTES:]
    try:
        private_der = AESGCM(master_key).decrypt(nonce, ciphertext, key.key_id.encode())
    except (InvalidTag, ValueError):
        raise WrongMasterKey(
            f"signing key {key.key_id} in the store was sealed under another EDGEPASS_MASTER_KEY"
        ) from None
    private_key = serialization.load_der_private_key(private_der, None)
    assert isinstance(private_key, PrivateKey)
    return LocalSigner(key.key_id, key.algorithm, private_key)


def _generate(algorithm: str) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def _public_jwk(private_key: PrivateKey, algorithm: str, key_id: str) -> dict[str, Any]:
    encoded = jwt.get_algorithm_by_name(algorithm).to_jwk(private_key.public_key())
    members = encoded if isinstance(encoded, dict) else json.loads(encoded)
    public = {name: members[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in members}
    return {"kid": key_id, "alg": algorithm, "use": "sig", **public}


def _seal(private_der: bytes, master_key: bytes, key_id: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    # The key id as associated data: a sealed key cannot be moved to another id.
    return nonce + AESGCM(master_key).encrypt(nonce, private_der, key_id.encode())
