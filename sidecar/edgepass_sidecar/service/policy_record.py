"""The policy that decides sessions, on record in the log wherever it differs from before."""

from dataclasses import asdict

from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import EventQuery
from edgepass_sidecar.service.core import Core

_CHANGED = "policy.changed"


async def record_policy(core: Core) -> None:
    """Say in the log what the policy is, unless that is what was last said."""
    policy = asdict(core.policy) | {"token_lifetime": core.token_lifetime}
    query = EventQuery(types=frozenset({_CHANGED}), newest_first=True, limit=1)
    for _, last in await core.store.find_events(query):
        if last.data == policy:
            return
    event = Event(type=_CHANGED, at=core.clock(), data=policy)
    await core.store.append_events((event,))


async def longest_token_lifetime(core: Core, since: float) -> float:
    """Return how many seconds a token may live at most that was minted after `since`.

    That is more than the present setting says where it was lowered since.
    """
    longest = float(core.token_lifetime)
    query = EventQuery(types=frozenset({_CHANGED}), newest_first=True, limit=10)
    for _, event in await core.store.find_events(query):
        longest = max(longest, event.data["token_lifetime"])
        if event.at <= since:
            break
    return longest
