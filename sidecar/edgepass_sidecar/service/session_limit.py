"""Room for one more session of a user, where the policy limits how many there may be."""

from collections.abc import Sequence

from edgepass_sidecar.client import Client
from edgepass_sidecar.event import Event
from edgepass_sidecar.policy import AtLimit
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import list_all, revoke_session
from edgepass_sidecar.session import LIVE, Session
from edgepass_sidecar.store import SessionQuery
from edgepass_sidecar.user import User


async def find_in_the_way(core: Core, user: User, client: Client | None) -> list[Session]:
    """Return what must end for `user` to sign in on `client`, or raise `Refused` (403).

    The commit that follows counts again, so that two sign-ins at once cannot
    both take the last place.
    """
    maximum = core.policy.maximum_sessions
    if maximum is None:
        return []
    live = await list_all(core, SessionQuery(user_id=user.id, statuses=LIVE))
    # A session of the same user on the same client is replaced, whatever the limit.
    others = [s for s in live if s.actor is None and (client is None or s.client_id != client.id)]
    surplus = len(others) + 1 - maximum
    if surplus <= 0:
        return []
    data = {"maximum_sessions": maximum, "at_limit": core.policy.at_limit}
    reached = Event(type="session.limit_reached", at=core.clock(), user_id=user.id, data=data)
    await core.store.append_events((reached,))
    if core.policy.at_limit is AtLimit.REFUSE:
        raise Refused(
            403,
            "session_limit_reached",
            f"The user has {maximum} sessions, the most there may be: sign out on another device.",
        )
    return sorted(others, key=lambda session: session.last_active_at)[:surplus]


async def evict(core: Core, sessions: Sequence[Session]) -> None:
    for session in sessions:
        await revoke_session(core, session.id, by="policy", reason="session limit")
