"""What starts sessions: tickets, early and late, on clients old and new, and servers that vouch."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from edgepass_sidecar.activity import UNKNOWN
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.policy import AtLimit, SessionPolicy
from edgepass_sidecar.service.sign_in import (
    SignedInClient,
    sign_in_with_ticket,
    start_session_for,
)
from edgepass_sidecar.service.tickets import create_ticket
from edgepass_sidecar.session import Terms
from tests.property.lifecycle.machine import (
    Machine,
    ModelTicket,
    policies,
    terms_of_sessions,
    users,
)
from tests.property.lifecycle.model import PREVIOUS, ModelClient

MOST_CLIENTS = 5
TICKET_LIFETIME = 900
starts = st.lists(st.tuples(users, terms_of_sessions), min_size=1, max_size=4)


class SignIns(Machine):
    @initialize(policy=policies, starts=starts)
    def begin(self, policy: SessionPolicy, starts: list[tuple[str, Terms]]) -> None:
        """Begin with some sessions, or most courses would be over before they have any."""
        self.set_up(policy)
        for user, terms in starts:
            self.vouch(user, terms)
            self.clock.advance(1)

    @rule(user=users, terms=terms_of_sessions)
    def make_a_ticket(self, user: str, terms: Terms) -> None:
        now = self.clock()
        work = create_ticket(self.core, UserId(user), TICKET_LIFETIME, terms)
        made, refusal = self.attempt(work)
        assert refusal == ("user_banned" if self.model.users[user].is_banned else None)
        if made is not None:
            text, expires_at = made[1].reveal(), now + TICKET_LIFETIME
            self.tickets.append(
                ModelTicket(
                    text=text,
                    user=user,
                    terms=terms,
                    created_at=max(now, self.model.users[user].not_before),
                    expires_at=expires_at,
                )
            )
        self.pass_a_tick()

    @rule(data=st.data(), user=users, terms=terms_of_sessions)
    def sign_in(self, data: st.DataObject, user: str, terms: Terms) -> None:
        self.make_a_ticket(user, terms)
        if not self.model.users[user].is_banned:
            self.present(data, self.tickets[-1])

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def present_an_earlier_ticket(self, data: st.DataObject) -> None:
        self.present(data, data.draw(st.sampled_from(self.tickets), label="ticket"))

    def present(self, data: st.DataObject, ticket: ModelTicket) -> None:
        client = token = None
        is_full = len(self.model.clients) >= MOST_CLIENTS
        if is_full or (
            self.model.clients and data.draw(st.integers(0, 2), label="known client") > 0
        ):
            client = self.draw_client(data)
            token = self.draw_token(data, client)
        now = self.clock()
        work = sign_in_with_ticket(self.core, token, ticket.text, UNKNOWN)
        signed_in, refusal = self.attempt(work)
        on, expected = self.expected_of_sign_in(ticket, client, token, now)
        assert refusal == expected
        if signed_in is not None:
            assert on in (None, signed_in.client.id)
            ticket.is_used = True
            self.note_start(signed_in, ticket.user, ticket.terms, now)
        self.pass_a_tick()

    def expected_of_sign_in(
        self, ticket: ModelTicket, client: str | None, token: str | None, now: float
    ) -> tuple[str | None, str | None]:
        """Return the client that the session is to be on (`None` for a new one), or a refusal."""
        if ticket.is_used:
            return None, "ticket_used"
        if now >= ticket.expires_at:
            return None, "ticket_expired"
        which = self.model.come(client, token, now) if client and token else None
        if which == PREVIOUS:
            return None, "client_token_rotated"
        on = client if which else None
        if self.model.users[ticket.user].is_banned:
            return None, "user_banned"
        if ticket.created_at < self.model.users[ticket.user].not_before:
            return None, "ticket_revoked"
        if self.model.has_too_many_accounts(ticket.user, on, now):
            return None, "too_many_accounts"
        return on, self.make_room(ticket.user, on, now, ticket.terms)

    def make_room(self, user: str, client: str | None, now: float, terms: Terms) -> str | None:
        if terms.actor is not None:
            return None
        surplus = self.model.in_the_way(user, client, now)
        if surplus and self.model.policy.at_limit is AtLimit.REFUSE:
            return "session_limit_reached"
        for name in surplus:
            self.model.revoke(name, now)
        return None

    @precondition(lambda self: len(self.model.clients) < MOST_CLIENTS)
    @rule(user=users, terms=terms_of_sessions)
    def vouch(self, user: str, terms: Terms) -> None:
        now = self.clock()
        signed_in, refusal = self.attempt(start_session_for(self.core, UserId(user), terms))
        if self.model.users[user].is_banned:
            assert refusal == "user_banned"
        else:
            assert refusal == self.make_room(user, None, now, terms)
        if signed_in is not None:
            self.note_start(signed_in, user, terms, now)
        self.pass_a_tick()

    def note_start(self, signed_in: SignedInClient, user: str, terms: Terms, now: float) -> None:
        client, token = signed_in.client.id, signed_in.client_token.reveal()
        if client in self.model.clients:
            self.model.rotate(client, token, now)
        else:
            self.model.clients[client] = ModelClient(tokens=[token], rotated_at=now)
        self.model.start(signed_in.session.id, user, client, terms, now)
