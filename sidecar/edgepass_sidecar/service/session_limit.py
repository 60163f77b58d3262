"""Room for one more session of a user, where the policy limits how many there may be."""

from edgepass_sidecar.client import Client
from edgepass_sidecar.policy import AtLimit
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.revocation import list_all, revoke_session
from edgepass_sidecar.session import LIVE
from edgepass_sidecar.store import SessionQuery
from edgepass_sidecar.user import User


async def make_room(core: Core, user: User, client: Client | None) -> None:
    """Refuse a sign-in of `user` on `client` beyond the limit, or end the sessions in its way.

    The commit that follows counts again, so that two sign-ins at once cannot
    both take the last place.
    """
    maximum = core.policy.maximum_sessions
    if maximum is None:
        return
    live = await list_all(core, SessionQuery(user_id=user.id, statuses=LIVE))
    # A session of the same user on the same client is replaced, whatever the limit.
    others = [s for s in live if client is None or s.client_id != client.id]
    surplus = len(others) + 1 - maximum
    if surplus <= 0:
        return
    if core.policy.at_limit is AtLimit.REFUSE:
        raise Refused(
            403,
            "session_limit_reached",
            f"The user has {maximum} sessions, the most there may be: sign out on another device.",
        )
    others.sort(key=lambda session: session.last_active_at)
    for session in others[:surplus]:
        await revoke_session(core, session.id, by="policy", reason="session limit")
