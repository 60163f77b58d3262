"""Signing in with a ticket, and signing out: what makes and ends sessions on a client."""

from dataclasses import dataclass, replace

from edgepass_sidecar.activity import UNKNOWN, Activity
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
    load_user,
)
from edgepass_sidecar.service.refusal import Refused, too_many_races, user_banned
from edgepass_sidecar.service.session_limit import evict, find_in_the_way
from edgepass_sidecar.service.tickets import ticket_event
from edgepass_sidecar.session import Session, Status, Terms
from edgepass_sidecar.store import Admission, Commit
from edgepass_sidecar.ticket import Ticket, TicketStatus, find_ticket_token
from edgepass_sidecar.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInClient:
    """A client with its new session, and the token that it has from here on."""

    changed: Changed
    client_token: ClientToken
    commit: Commit

    @property
    def session(self) -> Session:
        return self.changed.session

    @property
    def client(self) -> Client:
        return self.changed.presented.client


async def sign_in_with_ticket(
    core: Core, presented: str | None, ticket_text: str, activity: Activity
) -> SignedInClient:
    """Trade a ticket for a session, on the presented client or else on a new one.

    The client token is new in either case, so one that somebody planted before
    the sign-in is worth nothing after it. Raises `Refused`.
    """
    for _ in range(ATTEMPTS):
        ticket = await _load_ticket(core, ticket_text)
        client = await _presented_client(core, presented)
        user = await _load_ticket_user(core, ticket)
        # Whatever can fail does so before the commit, so that the new client token
        # is never stored without being sent.
        core.keys.signer(core.clock())
        _validate_accounts(core, client, user)
        if ticket.terms.actor is None:
            in_the_way = await find_in_the_way(core, user, client)
            # Once more: who presents a ticket twice at once shall end nothing by it.
            ticket = await _load_ticket(core, ticket_text)
            await evict(core, in_the_way)
        signed_in = _start(core, client, user, ticket.terms, activity)
        accepted = ticket.accept(signed_in.session.id, core.clock())
        used = ticket_event("ticket.used", accepted, core.clock())
        commit = replace(
            signed_in.commit, accepted=accepted, events=(used, *signed_in.commit.events)
        )
        if await core.store.commit(commit):
            return signed_in
    raise too_many_races()


async def start_session_for(core: Core, user_id: UserId, terms: Terms) -> SignedInClient:
    """Start a session on a new client, for a server that vouches for `user_id`."""
    for _ in range(ATTEMPTS):
        user = await load_user(core, user_id)
        if user.is_banned:
            raise user_banned()
        if terms.actor is None:
            await evict(core, await find_in_the_way(core, user, None))
        # Nothing is known of the user's own address: the request is the server's.
        signed_in = _start(core, None, user, terms, UNKNOWN)
        if await core.store.commit(signed_in.commit):
            return signed_in
    raise too_many_races()


async def start_client(core: Core) -> tuple[Client, ClientToken]:
    """Make a client that nobody is signed in on."""
    token = ClientToken(client_id(core.random(18)), core.random(SECRET_BYTES))
    client = _new_client(token, core.clock())
    if not await core.store.commit(Commit(client=client)):
        raise too_many_races()
    return client, token


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


async def _load_ticket_user(core: Core, ticket: Ticket) -> User:
    try:
        user = await load_user(core, ticket.user_id)
    except Refused:
        raise Refused(422, "ticket_invalid", "The ticket's user does not exist.") from None
    if user.is_banned:
        raise user_banned()
    if ticket.created_at < user.not_before:
        raise Refused(422, "ticket_revoked", "The ticket was revoked: get a new one.")
    return user


def _validate_accounts(core: Core, client: Client | None, user: User) -> None:
    if client is None or not core.policy.multi_session:
        return
    others = [s for s in client.live_sessions(core.clock()) if s.user_id != user.id]
    if len(others) >= core.policy.maximum_accounts:
        raise Refused(
            403,
            "too_many_accounts",
            f"This client has {len(others)} accounts signed in: sign one out first.",
        )


def _start(
    core: Core, client: Client | None, user: User, terms: Terms, activity: Activity
) -> SignedInClient:
    now = core.clock()
    secret = core.random(SECRET_BYTES)
    events: tuple[Event, ...] = ()
    if client is None:
        token = ClientToken(client_id(core.random(18)), secret)
        client = _new_client(token, now)
        identifier = session_id(client.id, core.random(16))
    else:
        identifier = session_id(client.id, core.random(16))
        token = ClientToken(client.id, secret)
        client, events = rotate_token(client, token.hash(), now, identifier)
    session = core.policy.begin(
        terms, session_id=identifier, client_id=client.id, user=user, activity=activity, now=now
    )
    client, more = _replace_and_start(core, client, session, now)
    # Who acts in a user's place takes no place of the user's.
    maximum = None if terms.actor else core.policy.maximum_sessions
    admission = Admission(user=user, maximum_sessions=maximum, now=now)
    return SignedInClient(
        changed=Changed(presented=Presented(client, True), session=session),
        client_token=token,
        commit=Commit(client=client, events=(*events, *more), admission=admission),
    )


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
