"""What a client does with its sessions: refresh, touch, end, remove, and look at them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from edgepass_sidecar.activity import UNKNOWN, Activity
from edgepass_sidecar.client import (
    Client,
    Decision,
    enter_organization,
    finish_sessions,
    note_activity,
    rotate_token,
    touch_session,
)
from edgepass_sidecar.client_token import SECRET_BYTES, ClientToken
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.policy import wants_touch
from edgepass_sidecar.pushed_claims import is_member, merge_pushed
from edgepass_sidecar.service.core import (
    ATTEMPTS,
    Changed,
    Core,
    Presented,
    authenticate,
    refusal_of_missing,
)
from edgepass_sidecar.service.key_keeper import NoActiveKey
from edgepass_sidecar.service.minting import load_to_mint, mint, mint_from_template
from edgepass_sidecar.service.refusal import Refused, not_found, session_over, too_many_races
from edgepass_sidecar.session import LIVE, Session, Status, standing
from edgepass_sidecar.store import Commit, StoreUnavailable

_log = logging.getLogger("edgepass.sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """A client as its owner may see it: live sessions and a fresh token of the active one."""

    client: Client
    sessions: tuple[Session, ...]
    active_session_id: SessionId | None
    active_token: str | None


async def refresh(
    core: Core,
    presented: str | None,
    session_id: SessionId,
    authorized_party: str | None,
    find_activity: Callable[[], Activity] = lambda: UNKNOWN,
    *,
    organization: str | None = None,
    template: str | None = None,
) -> str:
    """Mint a token. The store is read each time: what was revoked is never minted for.

    `organization` is the one to act in (empty for none, `None` for the session's
    own), `template` names what to mint from instead of a session token. Raises
    `Refused`: 401 for a client or session that is over, 404 for a session that is
    not this client's.
    """

    async def load() -> Session:
        recognised = await authenticate(core, presented)
        session = recognised.find_session(session_id)
        if session is None:
            raise await refusal_of_missing(core, recognised.client, session_id)
        loaded.append(recognised.client)
        if organization is None:
            return session
        if organization and not _may_act_in(core, session, organization):
            raise not_found("organization")
        return replace(session, organization_id=organization or None)

    loaded: list[Client] = []
    found = await core.templates.find(template) if template is not None else None
    session, pulled = await load_to_mint(core, load)
    if template is None:
        since = loaded[-1].updated_at
        token = mint(core, session, authorized_party, pulled=pulled, since=since)
    else:
        token = mint_from_template(core, session, found, authorized_party, pulled=pulled)
    await _note_activity(core, loaded[-1], session, find_activity)
    return token


async def _note_activity(
    core: Core, client: Client, session: Session, find_activity: Callable[[], Activity]
) -> None:
    """Put on record that a session is used from elsewhere, no more often than its activity."""
    now = core.clock()
    if not wants_touch(session.last_active_at, session.inactivity_timeout, now):
        return
    activity = find_activity()
    if activity in (session.activity, UNKNOWN):
        return
    changed, events = note_activity(client, session.id, activity, now)
    if events:
        # Who lost a race leaves it to the next refresh, which only needs to read.
        try:
            await core.store.commit(Commit(client=changed, events=events))
        except StoreUnavailable as error:
            _log.warning("activity not noted: %s", error)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSession:
    """A live session, and a fresh token of it unless the app would have to be asked first."""

    session: Session
    token: str | None


async def view_session(
    core: Core, presented: str | None, session_id: SessionId, authorized_party: str | None
) -> OwnSession:
    """Return a live session of the client that `presented` names, or raise `Refused` (401, 404)."""
    recognised = await authenticate(core, presented)
    session = recognised.find_session(session_id)
    if session is None:
        raise await refusal_of_missing(core, recognised.client, session_id)
    stands = standing(session, core.clock())
    if stands not in LIVE:
        raise session_over(stands)
    token = None
    if core.claims_source is None:
        token = mint(core, session, authorized_party, since=recognised.client.updated_at)
    return OwnSession(session=session, token=token)


async def view_client(
    core: Core, presented: str | None, authorized_party: str | None
) -> ClientView:
    recognised = await authenticate(core, presented)
    return _view(core, recognised, _mint_for_the_active(core, recognised, authorized_party))


def view_changed(core: Core, changed: Changed, authorized_party: str | None) -> ClientView:
    """Return what a client looks like after a commit, without asking the store for anything.

    Nothing may fail between the commit and the answer: a new client token that
    was stored and then not sent would make its owner look like a thief.
    """
    token = _mint_for_the_active(core, changed.presented, authorized_party)
    return _view(core, changed.presented, token)


def _visible(core: Core, presented: Presented) -> tuple[Session, ...]:
    return tuple(s for s in presented.client.live_sessions(core.clock()) if presented.sees(s))


def _find_active(core: Core, presented: Presented) -> Session | None:
    active_id = presented.client.last_active_session_id
    return next((s for s in _visible(core, presented) if s.id == active_id), None)


def _mint_for_the_active(
    core: Core, presented: Presented, authorized_party: str | None
) -> str | None:
    active = _find_active(core, presented)
    if core.claims_source is not None:
        return None  # the app would have to be asked first, which a refresh does
    try:
        since = presented.client.updated_at
        return mint(core, active, authorized_party, since=since) if active else None
    except (Refused, NoActiveKey):  # its time has run out, or there is no key to sign with
        return None


def _view(core: Core, presented: Presented, token: str | None) -> ClientView:
    active = _find_active(core, presented)
    return ClientView(
        client=presented.client,
        sessions=_visible(core, presented),
        active_session_id=active.id if active else None,
        active_token=token,
    )


async def touch(
    core: Core,
    presented: str | None,
    session_id: SessionId,
    activity: Activity = UNKNOWN,
    organization: str | None = None,
) -> Changed:
    """Make a session the active one of its client.

    `organization` is the one to act in from here on, empty for none, `None` to
    leave it as it is.
    """

    def decide(client: Client, now: float) -> Decision:
        client, events = touch_session(client, session_id, now)
        if organization is not None:
            client, _ = enter_organization(client, session_id, organization or None, now)
        if activity == UNKNOWN:
            return client, events
        client, noted = note_activity(client, session_id, activity, now)
        return client, (*events, *noted)

    return await _change_session(
        core, presented, session_id, decide, organization=organization or None
    )


async def finish(
    core: Core, presented: str | None, session_id: SessionId, status: Status
) -> Changed:
    """End or remove one session, as `status` says; the others stay."""
    return await _change_session(
        core,
        presented,
        session_id,
        lambda client, now: finish_sessions(client, status, now, lambda s: s.id == session_id),
        rotates=True,
    )


async def _change_session(
    core: Core,
    presented: str | None,
    session_id: SessionId,
    decide: Callable[[Client, float], Decision],
    *,
    rotates: bool = False,
    organization: str | None = None,
) -> Changed:
    for _ in range(ATTEMPTS):
        recognised = await authenticate(core, presented)
        client, session = recognised.client, recognised.find_session(session_id)
        if session is None:
            raise await refusal_of_missing(core, client, session_id)
        now = core.clock()
        stands = standing(session, now)
        if stands not in LIVE:
            raise session_over(stands)
        if organization is not None and not _may_act_in(core, session, organization):
            raise not_found("organization")
        changed, events = decide(client, now)
        token = None
        # Who comes with the previous token has no claim to the next one.
        if recognised.is_current and (rotates or client.rotation_due):
            token = ClientToken(client.id, core.random(SECRET_BYTES))
            changed, rotated = rotate_token(changed, token.hash(), now)
            events += rotated
        if await core.store.commit(Commit(client=changed, events=events)):
            kept = next(s for s in changed.sessions if s.id == session_id)
            presented_then = replace(recognised, client=changed)
            return Changed(presented=presented_then, session=kept, client_token=token)
    raise too_many_races()


def _may_act_in(core: Core, session: Session, organization: str) -> bool:
    # Where the app is asked for claims, it says so when a token is minted.
    return core.claims_source is not None or is_member(merge_pushed(session, {}), organization)
