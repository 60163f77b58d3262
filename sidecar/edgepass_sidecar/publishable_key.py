"""The publishable key: what tells a client SDK where the frontend API is, and names its cookies."""

from base64 import b64encode, urlsafe_b64encode
from hashlib import sha1

_SUFFIX_LENGTH = 8


def find_publishable_key(public_url: str, *, production: bool) -> str | None:
    """Return the key for a frontend API, or `None` where its host cannot be in one.

    SDKs refuse a host without a dot, which `localhost` and IPv6 addresses are. The
    padding is left out, as their own `buildPublishableKey` does.
    """
    host = public_url.partition("://")[2]
    if "." not in host:
        return None
    kind = "live" if production else "test"
    return f"pk_{kind}_{b64encode(f'{host}$'.encode('ascii')).decode('ascii').rstrip('=')}"


def cookie_suffix(publishable_key: str) -> str:
    """Return what follows `_` in the names of cookies that are this key's and no other's.

    It is of the text: a key with its padding written out has another suffix.
    """
    # The SDKs' choice of hash; it keeps instances apart and protects nothing.
    digest = sha1(publishable_key.encode("ascii"), usedforsecurity=False).digest()
    return urlsafe_b64encode(digest).decode("ascii")[:_SUFFIX_LENGTH]
