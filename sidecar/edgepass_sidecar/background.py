"""What a sidecar does besides answering: it follows, writes, sweeps, seals, erases and delivers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from edgepass_sidecar.api.webhook_payload import webhook_payload
from edgepass_sidecar.opening import Clock
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.erasure import keep_erasing
from edgepass_sidecar.service.feed import Feed
from edgepass_sidecar.service.retention import Retention
from edgepass_sidecar.service.sealer import keep_sealing
from edgepass_sidecar.service.sweeper import Sweeper
from edgepass_sidecar.service.webhooks import Webhooks
from edgepass_sidecar.settings import Settings, WrongSetting
from edgepass_sidecar.webhook_addresses import LOOPBACK_TOO, PRIVATE_TOO, PUBLIC_ONLY
from edgepass_sidecar.webhook_sender import WebhookSender


def make_sender(settings: Settings, clock: Clock) -> WebhookSender | None:
    if settings.webhook_url is None:
        return None
    allowed = PUBLIC_ONLY if settings.production else LOOPBACK_TOO
    if settings.allows_private_webhooks:
        allowed = PRIVATE_TOO
    try:
        return WebhookSender(
            settings.webhook_url, settings.webhook_secrets, allowed=allowed, clock=clock
        )
    except ValueError as error:
        raise WrongSetting("WEBHOOK_URL", f"or EDGEPASS_WEBHOOK_SECRET: {error}") from None


async def _begin_webhooks(core: Core, sender: WebhookSender) -> Webhooks:
    webhooks = Webhooks(core, sender.send, partial(webhook_payload, issuer=core.issuer))
    await webhooks.begin()  # before the first request, whose events are the first to be sent
    return webhooks


@contextlib.asynccontextmanager
async def kept_in_background(core: Core, settings: Settings) -> AsyncIterator[Feed]:
    """Work for as long as the context lasts; its value is the feed that edges listen to."""
    feed = Feed(core)
    sender = make_sender(settings, core.clock)
    webhooks = await _begin_webhooks(core, sender) if sender is not None else None
    work = [
        feed.keep_following(),
        core.keys.keep_reloading(),
        core.touches.keep_writing(),
        core.minted.keep_writing(),
        Sweeper(core).keep_sweeping(),
        keep_sealing(core),
        keep_erasing(core),
    ]
    if webhooks is not None:
        work.append(webhooks.keep_delivering())
    if settings.events_kept is not None:
        retention = Retention(core, settings.events_kept, has_webhooks=webhooks is not None)
        work.append(retention.keep_deleting())
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield feed
    finally:
        feed.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if sender is not None:
            await sender.close()
