"""The port to a session store: what the sidecar asks of one, in the words of the domain.

Absence is `None`, a lost race is `False`; an exception (`StoreUnavailable`)
means that the backend is broken and a retry may help. What a method has
acknowledged survives a crash; what is read was so at one moment. State and its
events are stored together or not at all. All methods may be called concurrently.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from edgepass_sidecar.client import Client
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, TicketId, UserId
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.ticket import Ticket
from edgepass_sidecar.user import User

Item = TypeVar("Item")


class StoreUnavailable(Exception):
    """The backend did not do what was asked, and may later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One atomic change: a client as it shall be, its events, and the ticket that it used up.

    `client.version` is the version that was loaded, 0 for a client that is new.
    """

    client: Client
    events: tuple[Event, ...] = ()
    accepted: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """That a session was active at `at`; it never moves a session's time back."""

    session_id: SessionId
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions to list, newest first. `status` is meant as of `now`."""

    user_id: UserId | None = None
    client_id: ClientId | None = None
    status: Status | None = None
    limit: int = 10
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list and the number of items in the whole."""

    items: tuple[Item, ...]
    total: int


class SessionStore(Protocol):
    """Where clients with their sessions, users, tickets, keys and the event log are kept."""

    async def open(self) -> None:
        """Make ready, creating or migrating what is missing. Raises `StoreUnavailable`."""

    async def close(self) -> None:
        """Finish what was begun and let go of the backend."""

    async def ping(self) -> None:
        """Return if the backend answers, else raise `StoreUnavailable`."""

    async def load_client(self, client_id: ClientId) -> Client | None:
        """Return a client with those of its sessions that are active or pending."""

    async def commit(self, commit: Commit) -> bool:
        """Store it if the client's version is still the one loaded and the ticket still pending.

        The stored version is one more. `False` means that somebody else was
        first, and that nothing was stored.
        """

    async def touch(self, touches: Sequence[Touch]) -> None:
        """Record activity of live sessions, without changing any client's version."""

    async def find_session(self, session_id: SessionId) -> Session | None:
        """Return a session whatever its status."""

    async def list_sessions(self, query: SessionQuery, now: float) -> Page[Session]:
        """Return the sessions asked for, as stored, newest first."""

    async def insert_user(self, user: User, events: tuple[Event, ...]) -> bool:
        """Store a new user; `False` if its id or external id is taken."""

    async def update_user(self, user: User, since: float, events: tuple[Event, ...]) -> bool:
        """Replace a user if it was last updated at `since`; `False` if not, or its
        external id is taken.
        """

    async def load_users(self, user_ids: Sequence[UserId]) -> dict[UserId, User]:
        """Return those of the users that exist."""

    async def list_users(self, external_ids: Sequence[str], limit: int, offset: int) -> Page[User]:
        """Return users newest first, only those with one of `external_ids` if any are given."""

    async def insert_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> None:
        """Store a new ticket."""

    async def load_ticket(self, ticket_id: TicketId) -> Ticket | None: ...

    async def revoke_ticket(self, ticket: Ticket, events: tuple[Event, ...]) -> bool:
        """Store a ticket as revoked; `False` if it is no longer pending."""

    async def load_signing_keys(self) -> tuple[int, tuple[SigningKey, ...]]:
        """Return all signing keys and the version of that list, 0 while there is none."""

    async def replace_signing_keys(
        self, version: int, keys: tuple[SigningKey, ...], events: tuple[Event, ...]
    ) -> bool:
        """Replace the list if its version is still `version`."""

    async def load_secret_keys(self) -> tuple[SecretKey, ...]: ...

    async def insert_secret_key(self, key: SecretKey, events: tuple[Event, ...]) -> None: ...

    async def revoke_secret_key(self, key_id: str, at: float, events: tuple[Event, ...]) -> bool:
        """Store a secret key as revoked; `False` if there is none that still works."""

    async def list_events(self, after: int, limit: int) -> tuple[tuple[int, Event], ...]:
        """Return events with a cursor beyond `after`, in the order of their cursors."""
