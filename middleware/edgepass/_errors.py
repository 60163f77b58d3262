"""Every reason to refuse a request's credential, as one tree (RFC 7515, RFC 7519, RFC 6750).

TokenRefused
├── CredentialRefused
│   ├── AuthorizationRepeated
│   ├── AuthorizationMalformed
│   ├── CookieRepeated
│   └── CookieTooLarge
├── TokenTooLarge
├── TokenMalformed
├── TokenTypeMismatch
├── CriticalHeaderUnsupported
├── AlgorithmNotAllowed
├── KeyIdMissing
├── UnknownKey
├── SignatureInvalid
├── ClaimMissing
├── ClaimMalformed
├── IssuerMismatch
├── AudienceMismatch
├── AuthorizedPartyMismatch
├── TokenExpired
├── TokenNotYetValid
├── TokenIssuedInFuture
├── TokenLifetimeTooLong
├── SessionPending
├── SessionRevoked
├── ClaimsStale
├── SessionMismatch
├── RevocationsStale
├── KeysUnavailable
└── KeySetRefused
"""


class TokenRefused(Exception):
    """A token, or what should have carried one, is not acceptable.

    `code` is a stable snake_case word, the same in logs, in counts, in answers
    and in the documentation. The text never repeats any part of the token.
    """

    code = "token_refused"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class CredentialRefused(TokenRefused):
    """The request carries its credential in a way that we do not take."""

    code = "credential_refused"


class AuthorizationRepeated(CredentialRefused):
    """Two Authorization fields: nobody can say which one was meant (RFC 9110 section 11.6.2)."""

    code = "authorization_repeated"


class AuthorizationMalformed(CredentialRefused):
    """The Bearer scheme is there, but what follows is not one token (RFC 6750 section 2.1)."""

    code = "authorization_malformed"


class CookieRepeated(CredentialRefused):
    """Two session cookies: a sibling domain may have tossed one in (RFC 6265bis section 8.6)."""

    code = "cookie_repeated"


class CookieTooLarge(CredentialRefused):
    """The Cookie header is longer than 16,384 bytes, and no Bearer token was sent."""

    code = "cookie_too_large"


class TokenTooLarge(TokenRefused):
    """The token is longer than `Expectations.maximum_token_bytes`."""

    code = "token_too_large"


class TokenMalformed(TokenRefused):
    """Not a compact JWS in its one spelling, or its JSON is not strict (RFC 7515 section 5.2)."""

    code = "token_malformed"


class TokenTypeMismatch(TokenRefused):
    """The header's `typ` names another kind of token (RFC 8725 section 3.11)."""

    code = "token_type_mismatch"


class CriticalHeaderUnsupported(TokenRefused):
    """The header has `crit`; no extension is understood here (RFC 7515 section 4.1.11)."""

    code = "critical_header_unsupported"


class AlgorithmNotAllowed(TokenRefused):
    """`alg` is not allowed, or is not the one its key is for (RFC 8725 section 3.1)."""

    code = "algorithm_not_allowed"


class KeyIdMissing(TokenRefused):
    """The header has no usable `kid`."""

    code = "key_id_missing"


class UnknownKey(TokenRefused):
    """The key set has no usable key of this `kid`."""

    code = "unknown_key"


class SignatureInvalid(TokenRefused):
    """The signature is not that of the key over these bytes."""

    code = "signature_invalid"


class ClaimMissing(TokenRefused):
    """One of iss, sub, sid, iat, exp is absent."""

    code = "claim_missing"


class ClaimMalformed(TokenRefused):
    """A claim has the wrong type or a value no honest issuer writes."""

    code = "claim_malformed"


class IssuerMismatch(TokenRefused):
    """`iss` is not the expected issuer, compared whole."""

    code = "issuer_mismatch"


class AudienceMismatch(TokenRefused):
    """`aud` does not name the expected audience (RFC 7519 section 4.1.3)."""

    code = "audience_mismatch"


class AuthorizedPartyMismatch(TokenRefused):
    """`azp` is absent or not one of the authorized parties."""

    code = "authorized_party_mismatch"


class TokenExpired(TokenRefused):
    """`exp` plus the leeway has been reached (RFC 7519 section 4.1.4)."""

    code = "token_expired"


class TokenNotYetValid(TokenRefused):
    """`nbf` minus the leeway is still ahead (RFC 7519 section 4.1.5)."""

    code = "token_not_yet_valid"


class TokenIssuedInFuture(TokenRefused):
    """`iat` minus the leeway is still ahead: a clock is wrong."""

    code = "token_issued_in_future"


class TokenLifetimeTooLong(TokenRefused):
    """`exp` minus `iat` exceeds `Expectations.maximum_lifetime`."""

    code = "token_lifetime_too_long"


class SessionPending(TokenRefused):
    """The session has a task to finish before it counts as signed in (`sts` is `pending`)."""

    code = "session_pending"


class SessionRevoked(TokenRefused):
    """The session, or all of its user's, ended since the token was issued; the feed told of it."""

    code = "session_revoked"


class ClaimsStale(TokenRefused):
    """The user's or session's claims changed since the token was issued: a fresh one has them."""

    code = "claims_stale"


class SessionMismatch(TokenRefused):
    """The token that should renew a connection is of another session or user."""

    code = "session_mismatch"


class RevocationsStale(TokenRefused):
    """The revocation feed has been silent for too long, and the edge was told to refuse then."""

    code = "revocations_stale"


class KeysUnavailable(TokenRefused):
    """No key set was ever had from the issuer, or the last one is over 24 hours old."""

    code = "keys_unavailable"


class KeySetRefused(TokenRefused):
    """A document is not a usable JWK Set (RFC 7517 section 5)."""

    code = "key_set_refused"
