"""What every store promises of tickets, signing keys and secret keys."""

import asyncio
from dataclasses import replace

import pytest

from edgepass_sidecar.event import Event
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.ticket import TicketStatus
from tests.support.issuer import NOW
from tests.support.sidecar import make_ticket

MADE = Event(type="made", at=float(NOW), data={"id": "1"})
ROTATED = Event(type="key.published", at=float(NOW))
REVOKED = Event(type="revoked", at=float(NOW), data={"id": "1"})


def _key(name: str) -> SigningKey:
    return SigningKey(
        key_id=f"key_{name}",
        algorithm="EdDSA",
        public_jwk={"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        sealed_private=bytes(range(256)),
        created_at=float(NOW),
        active_at=NOW + 900.5,
        retired_at=NOW + 1800.0,
        revoked_at=NOW + 5.0,
    )


def _secret_key(name: str) -> SecretKey:
    return SecretKey(id=f"sk_{name}", hash=b"\x00h" * 16, hint="cafe", created_at=float(NOW))


async def test_a_ticket_comes_back_with_its_event(store: SessionStore) -> None:
    ticket = make_ticket(expires_at=NOW + 0.25)
    await store.insert_ticket(ticket, (MADE,))
    assert await store.load_ticket(ticket.id) == ticket
    assert await store.list_events(0, 10) == ((1, MADE),)


async def test_a_pending_ticket_is_revoked_with_its_event(store: SessionStore) -> None:
    ticket = make_ticket()
    await store.insert_ticket(ticket, ())
    revoked = ticket.revoke(NOW + 1.0)
    assert await store.revoke_ticket(revoked, (REVOKED,))
    assert await store.load_ticket(ticket.id) == revoked
    assert await store.list_events(0, 10) == ((1, REVOKED),)


@pytest.mark.parametrize("status", [None, TicketStatus.ACCEPTED, TicketStatus.REVOKED])
async def test_a_ticket_that_is_not_pending_is_not_revoked(
    store: SessionStore, status: TicketStatus | None
) -> None:
    stored = make_ticket(status=status) if status else None
    if stored is not None:
        await store.insert_ticket(stored, ())
    assert not await store.revoke_ticket(make_ticket().revoke(NOW + 1.0), (REVOKED,))
    assert await store.load_ticket(make_ticket().id) == stored
    assert await store.list_events(0, 10) == ()


async def test_there_are_no_signing_keys_at_version_0(store: SessionStore) -> None:
    assert await store.load_signing_keys() == (0, ())


async def test_signing_keys_come_back_as_they_were_stored(store: SessionStore) -> None:
    keys = (_key("a"), replace(_key("b"), retired_at=None, revoked_at=None))
    assert await store.replace_signing_keys(0, keys, (ROTATED,))
    assert await store.load_signing_keys() == (1, keys)
    assert await store.list_events(0, 10) == ((1, ROTATED),)


@pytest.mark.parametrize(("stored", "given"), [(0, 1), (1, 0), (1, 2), (2, 1), (2, 0)])
async def test_signing_keys_are_not_replaced_from_another_version(
    store: SessionStore, stored: int, given: int
) -> None:
    for version in range(stored):
        assert await store.replace_signing_keys(version, (_key(str(version)),), ())
    before = await store.load_signing_keys()
    assert not await store.replace_signing_keys(given, (_key("late"),), (ROTATED,))
    assert await store.load_signing_keys() == before
    assert await store.list_events(0, 10) == ()


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_of_concurrent_replacements_of_signing_keys_one_is_stored(
    store: SessionStore, version: int
) -> None:
    for earlier in range(version):
        await store.replace_signing_keys(earlier, (), ())
    outcomes = await asyncio.gather(
        *(store.replace_signing_keys(version, (_key(str(i)),), (ROTATED,)) for i in range(10))
    )
    assert outcomes.count(True) == 1
    winner = _key(str(outcomes.index(True)))
    assert await store.load_signing_keys() == (version + 1, (winner,))
    assert len(await store.list_events(0, 100)) == 1


async def test_the_list_of_signing_keys_may_become_empty_again(store: SessionStore) -> None:
    await store.replace_signing_keys(0, (_key("a"),), ())
    assert await store.replace_signing_keys(1, (), ())
    assert await store.load_signing_keys() == (2, ())


async def test_secret_keys_come_back_with_their_events(store: SessionStore) -> None:
    assert await store.load_secret_keys() == ()
    keys = {_secret_key("a"), _secret_key("b")}
    for key in keys:
        await store.insert_secret_key(key, (MADE,))
    assert set(await store.load_secret_keys()) == keys
    assert await store.list_events(0, 10) == ((1, MADE), (2, MADE))


async def test_a_secret_key_is_revoked_once_and_stays_in_the_list(store: SessionStore) -> None:
    key, other = _secret_key("a"), _secret_key("b")
    await store.insert_secret_key(key, ())
    await store.insert_secret_key(other, ())
    assert await store.revoke_secret_key(key.id, NOW + 1.5, (REVOKED,))
    assert not await store.revoke_secret_key(key.id, NOW + 9.0, (REVOKED,))
    assert set(await store.load_secret_keys()) == {replace(key, revoked_at=NOW + 1.5), other}
    assert await store.list_events(0, 10) == ((1, REVOKED),)


async def test_a_secret_key_that_is_not_there_is_not_revoked(store: SessionStore) -> None:
    assert not await store.revoke_secret_key("sk_x", float(NOW), (REVOKED,))
    assert await store.list_events(0, 10) == ()
