"""Users as the app tells us of them through the backend API."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import UserId, user_id
from edgepass_sidecar.service.core import ATTEMPTS, Core, load_user, say_again_if_late
from edgepass_sidecar.service.refusal import Refused, too_many_races
from edgepass_sidecar.user import User

_SHORTEST_STEP = 0.001  # seconds; the wire has milliseconds


async def create_user(core: Core, wanted_id: str | None, profile: dict[str, Any]) -> User:
    """Store a user under the app's own id for it, or under a new one."""
    now = core.clock()
    identifier = UserId(wanted_id) if wanted_id else user_id(core.random(16))
    user = User(id=identifier, created_at=now, updated_at=now, **profile)
    event = Event(type="user.created", at=now, user_id=user.id)
    if not await core.store.insert_user(user, (event,)):
        raise _taken()
    return user


async def update_user(core: Core, identifier: UserId, changes: dict[str, Any]) -> User:
    return await change_user(
        core, identifier, lambda user: replace(user, **changes), "user.updated"
    )


async def change_user(
    core: Core, identifier: UserId, change: Callable[[User], User], event_type: str
) -> User:
    for _ in range(ATTEMPTS):
        stored = await load_user(core, identifier)
        now = core.clock()
        # Never the same time twice: it is by this that a lost race shows.
        updated_at = max(now, stored.updated_at + _SHORTEST_STEP)
        user = replace(change(stored), updated_at=updated_at)
        events = _events_of_change(stored, user, event_type, now)
        if await core.store.update_user(user, stored.updated_at, events):
            await say_again_if_late(core, events)
            return user
        if await load_user(core, identifier) == stored:
            raise _taken()
    raise too_many_races()


async def bump_claims(core: Core, identifier: UserId) -> User:
    """Make tokens that a user has stale at every edge: what the app says of them has changed."""
    return await change_user(core, identifier, lambda user: user, "claims.bumped")


def _events_of_change(before: User, after: User, event_type: str, now: float) -> tuple[Event, ...]:
    data = {"not_before": after.not_before} if after.not_before != before.not_before else {}
    event = Event(type=event_type, at=now, user_id=after.id, data=data)
    if after.claims == before.claims:
        return (event,)
    return event, Event(type="claims.bumped", at=now, user_id=after.id)


def _taken() -> Refused:
    return Refused(422, "form_identifier_exists", "Another user has this id or external_id.")
