"""`edgepass doctor`: looks at a deployment from outside and says what is wrong with it."""

from collections.abc import Collection, Iterator

from edgepass_sidecar.http_client import httpx
from edgepass_sidecar.settings import Settings

PATIENCE = 5.0  # seconds for each answer
Finding = tuple[bool, str]


def examine(settings: Settings, key_ids: Collection[str]) -> Iterator[Finding]:
    """Yield what was found at the public URL, each with whether it is in order.

    The settings were read, the store opened and the signing keys decrypted
    before this is called; `key_ids` are those that this store publishes.
    """
    yield True, f"settings are in order; the store answers and its {settings.algorithm} keys open"
    with httpx.Client(timeout=PATIENCE, follow_redirects=False) as client:
        try:
            health = client.get(f"{settings.public_url}/v1/health")
            discovery = client.get(f"{settings.public_url}/.well-known/openid-configuration")
            key_set = client.get(f"{settings.public_url}/.well-known/jwks.json")
        except httpx.HTTPError as error:
            yield (
                False,
                f"{settings.public_url} cannot be reached ({error}): is the sidecar running?",
            )
            return
    yield health.status_code == 200, f"/v1/health answers {health.status_code}"
    yield from _examine_discovery(settings, discovery)
    yield from _examine_key_set(key_ids, key_set)


def _examine_discovery(settings: Settings, answer: httpx.Response) -> Iterator[Finding]:
    issuer = _member(answer, "issuer")
    if issuer == settings.public_url:
        yield True, f"discovery names {issuer} as the issuer, as edges expect"
    else:
        yield False, f"discovery names {issuer!r} as the issuer: another sidecar is at this URL"


def _examine_key_set(key_ids: Collection[str], answer: httpx.Response) -> Iterator[Finding]:
    keys = _member(answer, "keys")
    members = keys if isinstance(keys, list) else []
    published = {key.get("kid") for key in members if isinstance(key, dict)}
    if key_ids and published == set(key_ids):
        yield True, f"/.well-known/jwks.json has this store's public keys ({len(key_ids)})"
    else:
        yield False, "/.well-known/jwks.json has other keys than this store: is it another store?"


def _member(answer: httpx.Response, name: str) -> object:
    try:
        document = answer.json()
    except ValueError:
        return None
    return document.get(name) if isinstance(document, dict) else None
