"""Revoking: one session, all of a user or a client, and the user's right to have any."""

import math
from collections.abc import Callable
from dataclasses import replace

from edgepass_sidecar.client import finish_sessions
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.service.core import ATTEMPTS, Core, authenticate, refusal_of_missing
from edgepass_sidecar.service.refusal import (
    not_found,
    session_over,
    session_pending,
    too_many_races,
)
from edgepass_sidecar.service.users import change_user
from edgepass_sidecar.session import LIVE, Session, Status, standing
from edgepass_sidecar.store import Commit, SessionQuery
from edgepass_sidecar.user import User

_PAGE = 500


async def load_session(core: Core, identifier: SessionId) -> Session:
    session = await core.store.find_session(identifier)
    if session is None:
        raise not_found("session")
    return core.touches.latest_of(session)


async def list_all(core: Core, query: SessionQuery) -> list[Session]:
    """Return every session that is asked for, newest first, read a page at a time."""
    found: list[Session] = []
    while True:
        # By the last one seen and not by its number: the list may shrink meanwhile.
        older_than = found[-1] if found else None
        page = await core.store.list_sessions(
            replace(query, older_than=older_than, limit=_PAGE), core.clock()
        )
        found += page.items
        if len(page.items) < _PAGE:
            return found


async def revoke_session(core: Core, identifier: SessionId, **why: str) -> Session:
    """Revoke a session; once this returns, no token is minted for it. Again changes nothing.

    `why` goes into the event: `by` whom, and the `reason`.
    """
    for _ in range(ATTEMPTS):
        session = await load_session(core, identifier)
        if not session.is_live:
            return session
        client = await core.store.load_client(session.client_id)
        assert client is not None, "a session is never stored without its client"
        client = core.touches.latest(client)
        if client.find_session(identifier) is None:
            continue  # it ended between the two readings
        changed, events = finish_sessions(
            client, Status.REVOKED, core.clock(), lambda other: other.id == identifier, **why
        )
        if await core.store.commit(Commit(client=changed, events=events)):
            return changed.find_session(identifier) or session
    raise too_many_races()


async def revoke_sessions_of_user(
    core: Core,
    user_id: UserId,
    chosen: Callable[[Session], bool] = lambda _: True,
    **why: str,
) -> int:
    """Revoke the `chosen` sessions of a user on all clients; return how many there were."""
    return await _revoke_all(core, SessionQuery(user_id=user_id, unfinished=True), chosen, why)


async def find_own_session(
    core: Core, presented: str | None, session_id: SessionId | None
) -> Session:
    """Return the live session of the presented client that asks: this one, or its active one.

    Raises `Refused` (401, 404) where there is none.
    """
    recognised = await authenticate(core, presented)
    wanted = session_id or recognised.client.last_active_session_id
    if wanted is None:
        raise not_found("session")
    session = recognised.find_session(wanted)
    if session is None:
        raise await refusal_of_missing(core, recognised.client, wanted)
    stands = standing(session, core.clock())
    if stands not in LIVE:
        raise session_over(stands)
    return session


async def list_devices(core: Core, asking: Session, *, active_only: bool) -> list[Session]:
    """Return the sessions of the asking session's user on all clients, newest first."""
    _validate_done(asking)
    statuses = LIVE if active_only else frozenset[Status]()
    return await list_all(core, SessionQuery(user_id=asking.user_id, statuses=statuses))


async def revoke_device(core: Core, asking: Session, identifier: SessionId) -> Session:
    """Let a user end a session of their own on any client. Of others' they learn nothing."""
    _validate_done(asking)
    session = await core.store.find_session(identifier)
    if session is None or session.user_id != asking.user_id:
        raise not_found("session")
    return await revoke_session(core, identifier, **_by_user(asking))


async def revoke_other_devices(core: Core, asking: Session) -> int:
    """Let a user end all sessions of their own but the one that asks."""
    _validate_done(asking)
    return await revoke_sessions_of_user(
        core, asking.user_id, lambda session: session.id != asking.id, **_by_user(asking)
    )


def _validate_done(asking: Session) -> None:
    # Its user is not all there yet: what is left may be the second factor.
    if asking.status is Status.PENDING:
        raise session_pending()


def _by_user(asking: Session) -> dict[str, str]:
    # An impersonator is named: the user did not do this.
    by = {"by": "user", "by_session": asking.id}
    return by | ({"by_actor": asking.actor_id} if asking.actor_id else {})


async def revoke_sessions_of_client(core: Core, client_id: ClientId, **why: str) -> int:
    if await core.store.load_client(client_id) is None:
        raise not_found("client")
    return await _revoke_all(
        core, SessionQuery(client_id=client_id, unfinished=True), lambda _: True, why
    )


async def ban_user(core: Core, identifier: UserId) -> User:
    """End every session of a user and let none begin. Banning again finishes what was cut short.

    The mark on the user comes first: from then on nothing is minted, whether or
    not the sessions have been reached yet.
    """
    # Just after this moment, so that what began within it, such as a ticket, is over too.
    now = math.nextafter(core.clock(), math.inf)
    user = await change_user(
        core,
        identifier,
        lambda user: replace(user, is_banned=True, not_before=max(now, user.not_before)),
        "user.banned",
    )
    await revoke_sessions_of_user(core, identifier, by="backend", reason="user banned")
    return user


async def unban_user(core: Core, identifier: UserId) -> User:
    """Let a user sign in again. What the ban ended stays over, also where it was cut short."""
    await revoke_sessions_of_user(
        core,
        identifier,
        lambda session: session.user.is_banned,
        by="backend",
        reason="user banned",
    )
    return await change_user(
        core, identifier, lambda user: replace(user, is_banned=False), "user.unbanned"
    )


async def sign_out_user_before(core: Core, identifier: UserId, not_before: float) -> User:
    """End the sessions of a user that began before `not_before` (seconds since the epoch).

    A time to come counts as the present: it could not be taken back.
    """
    not_before = min(not_before, core.clock())
    user = await change_user(
        core,
        identifier,
        lambda user: replace(user, not_before=max(not_before, user.not_before)),
        "user.not_before",
    )
    await revoke_sessions_of_user(
        core,
        identifier,
        lambda session: session.created_at < not_before,
        by="backend",
        reason="user signed out everywhere",
    )
    return user


async def _revoke_all(
    core: Core, query: SessionQuery, chosen: Callable[[Session], bool], why: dict[str, str]
) -> int:
    revoked = 0
    # All are found before the first is revoked: the list shrinks by what is done to it.
    for session in await list_all(core, query):
        if chosen(session):
            was_live = standing(session, core.clock()) in LIVE
            await revoke_session(core, session.id, **why)
            revoked += was_live
    return revoked
