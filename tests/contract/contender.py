"""A process of its own that races others for a store in one file, at a word from its parent.

Started as `python -m tests.contract.contender FILE NAME`. It reads the number of
a race from each line, contends, and answers with `won` or `lost`.
"""

import asyncio
import sys
from pathlib import Path

from edgepass_sidecar.client import Client
from edgepass_sidecar.identifier import UserId, client_id
from edgepass_sidecar.store import Admission, Commit
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.contract.making import EVENT
from tests.support.issuer import NOW
from tests.support.sidecar import make_client, make_session, make_ticket, make_user


def last_place(number: int, name: str) -> Commit:
    """Return a commit of the only session that the user of this race may have."""
    client = client_id(f"{name:9}{number:09}".encode())
    user = make_user(f"r{number}")
    session = make_session(f"{name}{number}", client_id=client, user_id=user.id)
    admission = Admission(user=user, maximum_sessions=1, now=float(NOW))
    return Commit(client=make_client(session), events=(EVENT,), admission=admission)


def same_ticket(number: int, name: str) -> Commit:
    """Return a commit that uses the ticket of this race up."""
    commit = last_place(number, name)
    accepted = make_ticket(f"r{number}", user_id=UserId(f"user_r{number}")).accept(
        commit.client.sessions[0].id, float(NOW)
    )
    return Commit(client=commit.client, events=commit.events, accepted=accepted)


def same_client(number: int, name: str) -> Commit:
    """Return a commit of a client that all contenders make at once."""
    client = client_id(f"{'shared':9}{number:09}".encode())
    session = make_session(f"{name}{number}", client_id=client, user_id=f"user_r{number}")
    shared: Client = make_client(session)
    return Commit(client=shared, events=(EVENT,))


KINDS = (last_place, same_ticket, same_client)


async def contend(file: Path, name: str) -> None:
    store = SqliteStore(file)
    await store.open()
    print("ready", flush=True)
    for line in sys.stdin:
        number = int(line)
        kind = KINDS[number % len(KINDS)]
        is_stored = await store.commit(kind(number, name))
        print("won" if is_stored else "lost", flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(contend(Path(sys.argv[1]), sys.argv[2]))
