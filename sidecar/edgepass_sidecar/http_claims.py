"""The claims source that is a hook of the app: one signed POST over HTTPS, its answer bounded."""

import asyncio
import ipaddress
import re
import time
from collections.abc import Callable, Sequence
from secrets import token_bytes

import orjson

from edgepass_sidecar.http_client import httpx, make_client, parse_hook_url
from edgepass_sidecar.identifier import SessionId, UserId, random_text
from edgepass_sidecar.service.claims_source import (
    DEFAULT_FRESH_FOR,
    ClaimsUnavailable,
    ClaimsUnusable,
    FetchedClaims,
)
from edgepass_sidecar.webhook_signature import parse_webhook_secret, webhook_headers

DEFAULT_TIMEOUT = 1.0
MAXIMUM_ANSWER_BYTES = 64 * 1024
_AT_ONCE = 64
_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",  # what inflates is not bounded by what is read
    "content-type": "application/json",
    "user-agent": "edgepass",
}
_NO_CLAIMS = frozenset((404, 410))
# Who answers so is too busy or not there; any other status is about this one question.
_DOWN = frozenset((408, 429, 502, 503, 504))
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NEVER_FRESH = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:$|[,\s=])", re.IGNORECASE)


class HttpClaimsSource:
    """Asks `url` for claims, within `timeout` seconds for all of it, from connecting on.

    `secret` is `whsec_…`, or several of them while one is rotated. Plain http is
    for loopback only: who can change claims on their way can grant any role.
    Raises `ValueError`, which repeats neither, for what cannot be used.
    """

    def __init__(
        self,
        url: str,
        secret: str | Sequence[str],
        timeout: float = DEFAULT_TIMEOUT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = _parse_hook_url(url)
        secrets = (secret,) if isinstance(secret, str) else secret
        self._keys = tuple(parse_webhook_secret(each) for each in secrets)
        if not self._keys or timeout <= 0:
            raise ValueError("the claims source needs a secret, and a timeout above 0 seconds")
        self._timeout = timeout
        self._clock = clock
        self._client = make_client(at_once=_AT_ONCE)

    async def fetch(
        self, user_id: UserId, session_id: SessionId, organization_id: str | None
    ) -> FetchedClaims:
        """Return what the app says, {} for 404 and 410, or raise `ClaimsUnavailable`."""
        question = {
            "user_id": user_id,
            "session_id": session_id,
            "organization_id": organization_id,
        }
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(orjson.dumps(question))
        except TimeoutError:
            raise ClaimsUnavailable(
                f"the hook gave no whole answer within {self._timeout} seconds"
            ) from None
        except httpx.ConnectError as error:
            raise ClaimsUnavailable(f"the hook cannot be reached: {error}") from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            # Only its name: its text quotes what the other side sent.
            raise ClaimsUnavailable(
                f"the exchange with the hook broke: {type(error).__name__}"
            ) from None

    async def close(self) -> None:
        await self._client.aclose()

    async def _exchange(self, question: bytes) -> FetchedClaims:
        message_id = "msg_" + random_text(token_bytes(16))
        signed = webhook_headers(self._keys, message_id, int(self._clock()), question)
        async with self._client.stream(
            "POST", self._url, content=question, headers=_HEADERS | signed
        ) as answer:
            body = await _read(answer)
        if answer.status_code in _NO_CLAIMS:
            return FetchedClaims({}, _fresh_for(answer))
        if answer.status_code in _DOWN:
            raise ClaimsUnavailable(f"the hook answers with status {answer.status_code}")
        return FetchedClaims(_parse_claims(answer, body), _fresh_for(answer))


def _parse_hook_url(text: str) -> httpx.URL:
    url = parse_hook_url(text)
    if url.scheme == "http" and not _is_loopback(url.host):
        raise ValueError("the URL must be https: plain http is for loopback addresses only")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _read(answer: httpx.Response) -> bytes | None:
    """Return the body as it was sent, `None` if there is more of it than 64 kB."""
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAXIMUM_ANSWER_BYTES:
            return None
    return bytes(body)


def _parse_claims(answer: httpx.Response, body: bytes | None) -> dict[str, object]:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status_code != 200:
        # A redirect too: where claims come from is decided by the settings.
        raise ClaimsUnusable(f"the hook answers with status {answer.status_code}")
    if body is None:
        raise ClaimsUnusable(f"the hook's answer is longer than {MAXIMUM_ANSWER_BYTES} bytes")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise ClaimsUnusable("the hook's answer is compressed, which was not asked for")
    if kind != "application/json":
        raise ClaimsUnusable("the hook's answer is not of the type application/json")
    try:
        claims = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ClaimsUnusable("the hook's answer is not JSON") from None
    if not isinstance(claims, dict):
        raise ClaimsUnusable("the hook's answer is not a JSON object")
    return claims


def _fresh_for(answer: httpx.Response) -> float:
    directives = answer.headers.get("cache-control", "")
    if _NEVER_FRESH.search(directives):
        return 0.0
    max_age = _MAX_AGE.search(directives)
    return float(max_age[1]) if max_age else DEFAULT_FRESH_FOR
