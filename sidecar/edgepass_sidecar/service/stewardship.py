"""What the app's servers settle about a session while it lives."""

from collections.abc import Callable
from typing import Any

from edgepass_sidecar import client as decisions
from edgepass_sidecar.client import Client, Decision, Factor
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.core import ATTEMPTS, Core, say_again_if_late
from edgepass_sidecar.service.refusal import Refused, too_many_races
from edgepass_sidecar.service.revocation import load_session
from edgepass_sidecar.session import LIVE, Session, standing
from edgepass_sidecar.store import Commit

# Seconds from the promise of a token until it is minted: the app may be asked for claims.
MINTED_WITHIN = 10.0


async def update_session(core: Core, identifier: SessionId, changes: dict[str, Any]) -> Session:
    """Set tasks, claims or data. Without a task left the session is pending no more."""
    return await _change(
        core,
        identifier,
        lambda client, now: decisions.change_session(client, identifier, changes, now),
    )


async def record_verification(core: Core, identifier: SessionId, factor: Factor) -> Session:
    """Record that the user was verified once more (step-up); tokens say so from here on."""
    return await _change(
        core,
        identifier,
        lambda client, now: decisions.verify_factor(client, identifier, factor, now),
    )


async def promise_token(core: Core, identifier: SessionId, lifetime: int) -> None:
    """Remember, before it is minted, a token that will live for `lifetime` seconds.

    It is longer than others do: what is said of the session's end must outlast it.
    """
    await _change(
        core,
        identifier,
        lambda client, now: decisions.promise_token(
            client, identifier, now + MINTED_WITHIN + lifetime, now
        ),
    )


async def _change(
    core: Core, identifier: SessionId, decide: Callable[[Client, float], Decision]
) -> Session:
    for _ in range(ATTEMPTS):
        session = await load_session(core, identifier)
        now = core.clock()
        stands = standing(session, now)
        if stands not in LIVE:
            # Not 401, which is for credentials: this server's own is fine.
            raise Refused(422, "session_over", f"The session is {stands}: nothing was changed.")
        client = await core.store.load_client(session.client_id)
        assert client is not None, "a session is never stored without its client"
        if client.find_session(identifier) is None:
            continue  # it ended between the two readings
        changed, events = decide(client, now)
        if await core.store.commit(Commit(client=changed, events=events)):
            await say_again_if_late(core, events)
            return changed.find_session(identifier) or session
    raise too_many_races()
