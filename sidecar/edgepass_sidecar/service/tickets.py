"""Tickets that the app's servers make: sign-in tokens and actor tokens."""

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import TicketId, UserId, ticket_id
from edgepass_sidecar.service.core import ATTEMPTS, Core, load_user
from edgepass_sidecar.service.refusal import Refused, not_found, too_many_races, user_banned
from edgepass_sidecar.session import Terms
from edgepass_sidecar.ticket import SECRET_BYTES, Ticket, TicketStatus, TicketToken


async def create_ticket(
    core: Core, identifier: UserId, lifetime: int, terms: Terms
) -> tuple[Ticket, TicketToken]:
    """Make a ticket for a user. Its text is shown here and never again.

    `lifetime` is how many seconds it can be used. With an actor among its terms
    it is an actor token: who uses it acts in the user's place.
    """
    # Read before the user is: a ban that comes in between must find the ticket older than itself.
    now = core.clock()
    user = await load_user(core, identifier)
    if user.is_banned:
        raise user_banned()
    token = TicketToken(
        ticket_id(core.random(16), "act_" if terms.actor else "sit_"), core.random(SECRET_BYTES)
    )
    ticket = Ticket(
        id=token.ticket_id,
        user_id=identifier,
        secret_hash=token.hash(),
        status=TicketStatus.PENDING,
        created_at=max(now, user.not_before),
        updated_at=now,
        expires_at=now + lifetime,
        terms=terms,
    )
    await core.store.insert_ticket(ticket, (ticket_event("ticket.created", ticket, now),))
    return ticket, token


async def revoke_ticket(core: Core, identifier: TicketId, *, is_actor: bool = False) -> Ticket:
    """Revoke a ticket that was not used; revoking it again changes nothing."""
    noun = "actor token" if is_actor else "sign-in token"
    for _ in range(ATTEMPTS):
        ticket = await core.store.load_ticket(identifier)
        if ticket is None or (ticket.terms.actor is not None) is not is_actor:
            raise not_found(noun)
        if ticket.status is TicketStatus.REVOKED:
            return ticket
        if ticket.status is TicketStatus.ACCEPTED:
            raise Refused(422, "ticket_used", f"The {noun} was used: revoke its session.")
        now = core.clock()
        revoked = ticket.revoke(now)
        if await core.store.revoke_ticket(revoked, (ticket_event("ticket.revoked", revoked, now),)):
            return revoked
    raise too_many_races()


def ticket_event(kind: str, ticket: Ticket, now: float) -> Event:
    actor = ticket.terms.actor
    return Event(
        type=kind,
        at=now,
        user_id=ticket.user_id,
        actor_id=actor["sub"] if actor else None,
        session_id=ticket.session_id,
        data={"ticket_id": ticket.id},
    )
