"""Values that several suites of the contract store, and how they are put there."""

from dataclasses import replace
from typing import Any

from edgepass_sidecar.client import Client
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, TemplateId
from edgepass_sidecar.session import Session
from edgepass_sidecar.store import Commit, SessionStore
from edgepass_sidecar.template import Template
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, other_client

EVENT = Event(type="test.happened", at=float(NOW))


def make_template(name: str = "supabase", **changes: Any) -> Template:
    values: dict[str, Any] = {
        "id": TemplateId(f"jtmp_{name}"),
        "name": name,
        "claims": {"role": "authenticated"},
        "created_at": float(NOW),
        "updated_at": float(NOW),
    }
    return Template(**(values | changes))


def alone(number: int, **changes: Any) -> Client:
    """Return a client with one session that is called by the same number."""
    client_id = other_client(number)
    session = make_session(f"{number:03}", client_id=client_id, **changes)
    return make_client(session, id=client_id)


async def store_client(store: SessionStore, client: Client) -> None:
    """Store a client, with those of the users of its sessions that are not there."""
    for session in client.sessions:
        await store.insert_user(session.user, ())
    assert await store.commit(Commit(client=client))


async def change_sessions(store: SessionStore, client_id: ClientId, **changes: Any) -> None:
    """Commit a change of all live sessions of a client."""
    client = await store.load_client(client_id)
    assert client is not None
    sessions = tuple(replace(session, **changes) for session in client.sessions)
    assert await store.commit(Commit(client=replace(client, sessions=sessions)))


async def found(store: SessionStore, name: str) -> Session | None:
    return await store.find_session(SessionId(f"sess_{name}"))
