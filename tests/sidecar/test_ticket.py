"""Tickets: one spelling, a secret that opens exactly one, and how they end."""

import pytest

from edgepass_sidecar.identifier import SessionId, ticket_id
from edgepass_sidecar.ticket import TicketStatus, TicketToken, find_ticket_token
from tests.support.issuer import NOW
from tests.support.sidecar import make_ticket

TOKEN = TicketToken(ticket_id(bytes(16)), bytes(range(32)))
TEXT = TOKEN.reveal()


def test_a_revealed_ticket_is_found_again() -> None:
    assert find_ticket_token(TEXT) == TOKEN


@pytest.mark.parametrize(
    "text",
    ["", TEXT + "\n", " " + TEXT, TEXT + "0", TEXT[:-1], TEXT.upper(), TEXT[:-1] + "٣", TEXT[4:]],
)
def test_only_the_one_spelling_of_a_ticket_is_one(text: str) -> None:
    assert find_ticket_token(text) is None


def test_a_ticket_token_does_not_show_its_secret() -> None:
    assert TOKEN.secret.hex() not in repr(TOKEN) + str(TOKEN)
    assert repr(TOKEN.secret) not in repr(TOKEN) + str(TOKEN)


def test_a_ticket_opens_with_its_own_secret_only() -> None:
    assert TOKEN.opens(make_ticket(secret_hash=TOKEN.hash()))
    assert not TOKEN.opens(make_ticket())


def test_an_accepted_ticket_knows_what_it_started_and_when() -> None:
    accepted = make_ticket().accept(SessionId("sess_1"), NOW + 5.0)
    assert accepted.status is TicketStatus.ACCEPTED
    assert (accepted.session_id, accepted.updated_at) == ("sess_1", NOW + 5)


def test_a_revoked_ticket_knows_when() -> None:
    revoked = make_ticket().revoke(NOW + 5.0)
    assert (revoked.status, revoked.updated_at) == (TicketStatus.REVOKED, NOW + 5)
