"""What a client does with its sessions: refresh, touch, end, remove, and look at them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgepass_sidecar.client import Client, Decision, finish_sessions, touch_session
from edgepass_sidecar.identifier import SessionId, UserId, random_text
from edgepass_sidecar.policy import wants_touch
from edgepass_sidecar.service.core import (
    ATTEMPTS,
    Changed,
    Core,
    Presented,
    authenticate,
    load_users_of,
)
from edgepass_sidecar.service.refusal import Refused, not_found, session_over, too_many_races
from edgepass_sidecar.session import LIVE, Session, Status, standing
from edgepass_sidecar.session_token import encode_session_token, session_claims
from edgepass_sidecar.store import Commit
from edgepass_sidecar.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """A client as its owner may see it: live sessions, their users, and a fresh token."""

    client: Client
    sessions: tuple[Session, ...]
    active_session_id: SessionId | None
    active_token: str | None
    users: dict[UserId, User]


async def refresh(
    core: Core, presented: str | None, session_id: SessionId, authorized_party: str | None
) -> str:
    """Mint a session token. The store is read each time: what was revoked is never minted for.

    Raises `Refused`: 401 for a client or session that is over, 404 for a session
    that is not this client's.
    """
    recognised = await authenticate(core, presented)
    session = recognised.find_session(session_id)
    if session is None:
        raise await _refusal_of_missing(core, recognised.client, session_id)
    return mint(core, session, authorized_party)


def mint(
    core: Core, session: Session, authorized_party: str | None, lifetime: int | None = None
) -> str:
    """Mint a token for a session that was just read from the store, or raise `Refused` (401)."""
    now = core.clock()
    stands = standing(session, now)
    if stands not in LIVE:
        raise session_over(stands)
    if wants_touch(session.last_active_at, session.inactivity_timeout, now):
        core.touches.add(session.id, now)
    signer = core.keys.signer(now)
    shared = (session.id, session.updated_at, authorized_party, lifetime, signer.key_id)
    token = core.shared_tokens.find(shared, now)
    if token is None:
        claims = session_claims(
            session,
            issuer=core.issuer,
            token_id=random_text(core.random(16)),
            authorized_party=authorized_party,
            lifetime=lifetime or core.token_lifetime,
            now=now,
        )
        token = encode_session_token(claims, signer)
        core.shared_tokens.keep(shared, token, now)
    return token


async def view_client(
    core: Core, presented: str | None, authorized_party: str | None
) -> ClientView:
    recognised = await authenticate(core, presented)
    # Minted before anything else is awaited: what was read of the session still holds.
    token = _mint_for_the_active(core, recognised, authorized_party)
    users = await load_users_of(core, recognised.client)
    return _view(core, recognised, users, token)


def view_changed(core: Core, changed: Changed, authorized_party: str | None) -> ClientView:
    """Return what a client looks like after a commit, without asking the store for anything.

    Nothing may fail between the commit and the answer: a new client token that
    was stored and then not sent would make its owner look like a thief.
    """
    token = _mint_for_the_active(core, changed.presented, authorized_party)
    return _view(core, changed.presented, changed.users, token)


def _visible(core: Core, presented: Presented) -> tuple[Session, ...]:
    return tuple(s for s in presented.client.live_sessions(core.clock()) if presented.sees(s))


def _find_active(core: Core, presented: Presented) -> Session | None:
    active_id = presented.client.last_active_session_id
    return next((s for s in _visible(core, presented) if s.id == active_id), None)


def _mint_for_the_active(
    core: Core, presented: Presented, authorized_party: str | None
) -> str | None:
    active = _find_active(core, presented)
    try:
        return mint(core, active, authorized_party) if active else None
    except Refused:  # its time has run out since the line before
        return None


def _view(
    core: Core, presented: Presented, users: dict[UserId, User], token: str | None
) -> ClientView:
    active = _find_active(core, presented)
    return ClientView(
        client=presented.client,
        sessions=_visible(core, presented),
        active_session_id=active.id if active else None,
        active_token=token,
        users=users,
    )


async def touch(core: Core, presented: str | None, session_id: SessionId) -> Changed:
    """Make a session the active one of its client."""
    return await _change_session(
        core, presented, session_id, lambda client, now: touch_session(client, session_id, now)
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
    )


async def _change_session(
    core: Core,
    presented: str | None,
    session_id: SessionId,
    decide: Callable[[Client, float], Decision],
) -> Changed:
    for _ in range(ATTEMPTS):
        recognised = await authenticate(core, presented)
        client, session = recognised.client, recognised.find_session(session_id)
        if session is None:
            raise await _refusal_of_missing(core, client, session_id)
        now = core.clock()
        stands = standing(session, now)
        if stands not in LIVE:
            raise session_over(stands)
        users = await load_users_of(core, client)
        changed, events = decide(client, now)
        if await core.store.commit(Commit(client=changed, events=events)):
            kept = next(s for s in changed.sessions if s.id == session_id)
            presented_then = replace(recognised, client=changed)
            return Changed(presented=presented_then, session=kept, users=users)
    raise too_many_races()


async def _refusal_of_missing(core: Core, client: Client, session_id: SessionId) -> Refused:
    """Tell a client that its own session is over; of any other it learns nothing."""
    session = await core.store.find_session(session_id)
    if session is None or session.client_id != client.id:
        return not_found("session")
    stands = standing(session, core.clock())
    return not_found("session") if stands in LIVE else session_over(stands)
