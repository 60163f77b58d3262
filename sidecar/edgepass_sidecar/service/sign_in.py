"""Signing in with a ticket, and signing out: what makes and ends sessions on a client."""

from dataclasses import dataclass

from edgepass_sidecar.client import Client, Decision, finish_sessions, rotate_token, start_session
from edgepass_sidecar.client_token import SECRET_BYTES, ClientToken
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import UserId, client_id, session_id
from edgepass_sidecar.service.core import (
    ATTEMPTS,
    Changed,
    Core,
    Presented,
    authenticate,
    load_users_of,
)
from edgepass_sidecar.service.refusal import Refused, not_found, too_many_races
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.store import Commit
from edgepass_sidecar.ticket import Ticket, TicketStatus, find_ticket_token
from edgepass_sidecar.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request came from, as far as it can be known; empty where it cannot."""

    ip_address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInClient:
    """A client with its new session, and the token that it has from here on."""

    changed: Changed
    client_token: ClientToken

    @property
    def session(self) -> Session:
        return self.changed.session

    @property
    def client(self) -> Client:
        return self.changed.presented.client


async def sign_in_with_ticket(
    core: Core, presented: str | None, ticket_text: str, origin: Origin
) -> SignedInClient:
    """Trade a ticket for a session, on the presented client or else on a new one.

    The client token is new in either case, so one that somebody planted before
    the sign-in is worth nothing after it. Raises `Refused`.
    """
    for _ in range(ATTEMPTS):
        ticket = await _load_ticket(core, ticket_text)
        client = await _presented_client(core, presented)
        users = await _load_users(core, client, ticket.user_id)
        if ticket.user_id not in users:
            raise Refused(422, "ticket_invalid", "The ticket's user does not exist.")
        # Whatever can fail does so before the commit, so that the new client token
        # is never stored without being sent.
        core.keys.signer(core.clock())
        signed_in, events = _start(core, client, ticket.user_id, users, origin)
        accepted = ticket.accept(signed_in.session.id, core.clock())
        commit = Commit(client=signed_in.client, events=events, accepted=accepted)
        if await core.store.commit(commit):
            return signed_in
    raise too_many_races()


async def start_session_for(core: Core, user_id: UserId, origin: Origin) -> SignedInClient:
    """Start a session on a new client, for a server that vouches for `user_id`."""
    users = await core.store.load_users([user_id])
    if not users:
        raise not_found("user")
    signed_in, events = _start(core, None, user_id, users, origin)
    if not await core.store.commit(Commit(client=signed_in.client, events=events)):
        raise too_many_races()
    return signed_in


async def sign_out(core: Core, presented: str | None) -> tuple[Client, ClientToken | None]:
    """Remove every session of the client that the token sees, and rotate the token.

    Who comes with the previous token has no claim to the next one: it gets `None`.
    """
    for _ in range(ATTEMPTS):
        recognised = await authenticate(core, presented)
        now = core.clock()
        client, events = finish_sessions(recognised.client, Status.REMOVED, now, recognised.sees)
        token = None
        if recognised.is_current:
            token = ClientToken(client.id, core.random(SECRET_BYTES))
            client, rotated = rotate_token(client, token.hash(), now)
            events += rotated
        if await core.store.commit(Commit(client=client, events=events)):
            return client, token
    raise too_many_races()


async def _load_ticket(core: Core, text: str) -> Ticket:
    token = find_ticket_token(text)
    ticket = await core.store.load_ticket(token.ticket_id) if token else None
    if token is None or ticket is None or not token.opens(ticket):
        raise Refused(422, "ticket_invalid", "The ticket is not one of ours.")
    if ticket.status is TicketStatus.ACCEPTED:
        raise Refused(422, "ticket_used", "The ticket was used before: get a new one.")
    if ticket.status is TicketStatus.REVOKED:
        raise Refused(422, "ticket_revoked", "The ticket was revoked: get a new one.")
    if core.clock() >= ticket.expires_at:
        raise Refused(422, "ticket_expired", "The ticket has expired: get a new one.")
    return ticket


async def _presented_client(core: Core, presented: str | None) -> Client | None:
    """Return the client to sign in on; a token that is not valid means a new one."""
    try:
        recognised = await authenticate(core, presented)
    except Refused as refusal:
        if refusal.status != 401:
            raise
        return None
    if not recognised.is_current:
        raise Refused(
            401,
            "client_token_rotated",
            "Another request changed the client token: repeat this one.",
        )
    return recognised.client


async def _load_users(core: Core, client: Client | None, user_id: UserId) -> dict[UserId, User]:
    if client is None:
        return await core.store.load_users([user_id])
    return await load_users_of(core, client, user_id)


def _start(
    core: Core,
    client: Client | None,
    user_id: UserId,
    users: dict[UserId, User],
    origin: Origin,
) -> tuple[SignedInClient, tuple[Event, ...]]:
    now = core.clock()
    secret = core.random(SECRET_BYTES)
    events: tuple[Event, ...] = ()
    if client is None:
        token = ClientToken(client_id(core.random(18)), secret)
        client = _new_client(token, now)
    else:
        token = ClientToken(client.id, secret)
        client, events = rotate_token(client, token.hash(), now)
    session = Session(
        id=session_id(client.id, core.random(16)),
        client_id=client.id,
        user_id=user_id,
        status=Status.ACTIVE,
        created_at=now,
        updated_at=now,
        last_active_at=now,
        expire_at=core.policy.expire_at(now),
        inactivity_timeout=core.policy.inactivity_timeout,
        first_factor_at=now,
        ip_address=origin.ip_address,
        user_agent=origin.user_agent,
    )
    client, more = _replace_and_start(core, client, session, now)
    changed = Changed(presented=Presented(client, True), session=session, users=users)
    return SignedInClient(changed=changed, client_token=token), (*events, *more)


def _replace_and_start(core: Core, client: Client, session: Session, now: float) -> Decision:
    # One session for each user on a client; and without multi-session, one at all.
    client, replaced = finish_sessions(
        client,
        Status.REPLACED,
        now,
        lambda other: not core.policy.multi_session or other.user_id == session.user_id,
    )
    client, started = start_session(client, session, now)
    return client, (*replaced, *started)


def _new_client(token: ClientToken, now: float) -> Client:
    return Client(
        id=token.client_id,
        version=0,
        token_hash=token.hash(),
        previous_token_hash=None,
        rotated_at=now,
        last_active_session_id=None,
        created_at=now,
        updated_at=now,
    )
