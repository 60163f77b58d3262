"""Webhooks on their way out: one signed POST each, to an address that was checked."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

from edgepass_sidecar.delivery import Delivery, Failure
from edgepass_sidecar.http_client import httpx, make_client, parse_hook_url
from edgepass_sidecar.service.webhooks import AT_ONCE, SENT_WITHIN
from edgepass_sidecar.webhook_addresses import PUBLIC_ONLY, AddressRefused, Reach, validate_address
from edgepass_sidecar.webhook_signature import parse_webhook_secret, webhook_headers

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

CONNECTED_WITHIN = 5.0  # seconds for each of the host's addresses
MAXIMUM_ANSWER_BYTES = 64 * 1024
_HEADERS = {"content-type": "application/json", "user-agent": "edgepass"}
_GONE = 410


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return all addresses of a host, as this machine resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class WebhookSender:
    """Sends to `url` what is signed with each of `secrets`, where its host's addresses reach
    no further than is `allowed`.

    Plain http is for addresses that are not public. Raises `ValueError`, which
    repeats neither URL nor secret, for what cannot be used.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        allowed: frozenset[Reach] = PUBLIC_ONLY,
        timeout: float = SENT_WITHIN,
        clock: Callable[[], float] = time.time,
        resolve: Resolve = resolve,
    ) -> None:
        self._url = parse_hook_url(url)
        self._is_plain = self._url.scheme == "http"
        if self._is_plain and allowed == PUBLIC_ONLY:
            raise ValueError("the URL must be https")
        self._keys = tuple(parse_webhook_secret(each) for each in secrets)
        if not self._keys:
            raise ValueError("webhooks need a secret")
        self._allowed = allowed
        self._timeout = timeout
        self._clock = clock
        self._resolve = resolve
        self._client = make_client(at_once=AT_ONCE, connect_timeout=CONNECTED_WITHIN)

    async def send(self, delivery: Delivery) -> Failure | None:
        """Make one attempt, within `timeout` seconds for all of it; `None`: it was taken."""
        try:
            async with asyncio.timeout(self._timeout):
                return _judge(await self._post(delivery))
        except TimeoutError:
            return Failure(problem=f"there was no whole answer within {self._timeout:g} seconds")
        except AddressRefused as error:
            return Failure(problem=str(error))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Failure(problem=f"the receiver cannot be reached: {error}")
        except (httpx.HTTPError, httpx.StreamError) as error:
            # Only its name: its text quotes what the other side sent.
            return Failure(problem=f"the exchange broke: {type(error).__name__}")

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, delivery: Delivery) -> httpx.Response:
        unreached: httpx.TransportError | None = None
        for address in await self._find_addresses():
            try:
                return await self._post_to(address, delivery)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                unreached = error
        raise unreached or AddressRefused("the host has no address")

    async def _find_addresses(self) -> list[str]:
        host = self._url.raw_host.decode("ascii")
        port = self._url.port or (80 if self._is_plain else 443)
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise AddressRefused("the host's name cannot be resolved") from None
        # One that is refused refuses them all: a name that leads outside and inside is a trap.
        return [
            validate_address(address, allowed=self._allowed, is_plain=self._is_plain)
            for address in found
        ]

    async def _post_to(self, address: str, delivery: Delivery) -> httpx.Response:
        """Post to the very address that was checked: a second look-up might find another.

        Certificates are still those of the host's name.
        """
        timestamp = int(self._clock())
        signed = webhook_headers(self._keys, delivery.message_id, timestamp, delivery.body)
        # Verifiers older than the standard look for the same under the names it came from.
        same = {name.replace("webhook-", "svix-", 1): value for name, value in signed.items()}
        async with self._client.stream(
            "POST",
            self._url.copy_with(host=address),
            content=delivery.body,
            headers=_HEADERS | signed | same | {"host": self._url.netloc.decode("ascii")},
            extensions={"sni_hostname": self._url.raw_host.decode("ascii")},
        ) as answer:
            await _read_some(answer)
            return answer


async def _read_some(answer: httpx.Response) -> None:
    """Read the body, or the first 64 kB of it: a receiver may not like to be cut off."""
    read = 0
    async for chunk in answer.aiter_raw():
        read += len(chunk)
        if read > MAXIMUM_ANSWER_BYTES:
            return


def _judge(answer: httpx.Response) -> Failure | None:
    """Say what an answer means by Standard Webhooks 1.0.0, "Delivery success and failure".

    410 means that the receiver wants no more webhooks; a redirect is a failure.
    """
    if answer.is_success:
        return None
    retry_after = answer.headers.get("retry-after", "")
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10
    return Failure(
        problem=f"the receiver answers with status {answer.status_code}",
        is_final=answer.status_code == _GONE,
        retry_after=float(retry_after) if is_number else 0.0,
    )
