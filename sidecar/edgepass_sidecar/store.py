"""The port to a session store: what the sidecar asks of one, in the words of the domain.

Absence is `None`, a lost race is `False`; an exception (`StoreUnavailable`)
means that the backend is broken and a retry may help. What a method has
acknowledged survives a crash; what is read was so at one moment. State and its
events are stored together or not at all. All methods may be called concurrently.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from edgepass_sidecar.client import Client
from edgepass_sidecar.deliveries import Deliveries
from edgepass_sidecar.event import Event
from edgepass_sidecar.event_log import EventLog
from edgepass_sidecar.identifier import ClientId, SessionId, TemplateId, TicketId, UserId
from edgepass_sidecar.seals import Seals
from edgepass_sidecar.secret_key import SecretKey
from edgepass_sidecar.session import Session, Status
from edgepass_sidecar.signing_keys import SigningKey
from edgepass_sidecar.template import Template
from edgepass_sidecar.ticket import Ticket
from edgepass_sidecar.user import User

Item = TypeVar("Item")


class StoreUnavailable(Exception):
    """The backend did not do what was asked, and may later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What must hold for a user's new session: nobody changed the user, and there is room.

    `maximum_sessions` is how many live sessions (as of `now`) the user may have
    on all clients with the new one, `None` for any number. Sessions that somebody
    else acts in do not count.
    """

    user: User
    maximum_sessions: int | None
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One atomic change: a client as it shall be, its events, and the ticket that it used up.

    `client.version` is the version that was loaded, 0 for a client that is new.
    The users of its sessions are not stored with it.
    """

    client: Client
    events: tuple[Event, ...] = ()
    accepted: Ticket | None = None
    admission: Admission | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """That a session was active at `at`; it never moves a session's time back."""

    session_id: SessionId
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionQuery:
    """Which sessions to list, newest first. `statuses` are meant as of `now`; none is any.

    `unfinished` leaves those whose end is not on record, whatever time says of them;
    `older_than` those that come after this one in the list.
    """

    user_id: UserId | None = None
    client_id: ClientId | None = None
    statuses: frozenset[Status] = frozenset()
    unfinished: bool = False
    older_than: Session | None = None
    limit: int = 10
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list and the number of items in the whole."""

    items: tuple[Item, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A short text that one later request may take, known by the hash of a secret."""

    hash: bytes
    text: bytes = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True)
class Over:
    """Clients with a session that time or its user's marks have ended unrecorded.

    `last` is the last session looked at, empty where fewer than asked for were left.
    """

    last: str
    clients: frozenset[ClientId]


class SessionStore(EventLog, Deliveries, Seals, Protocol):
    """Where clients with their sessions, users, tickets, keys and the event log are kept."""

    async def open(self) -> None:
        """Make ready, creating or migrating what is missing. Raises `StoreUnavailable`."""

    async def close(self) -> None:
        """Finish what was begun and let go of the backend."""

    async def ping(self) -> None:
        """Return if the backend answers, else raise `StoreUnavailable`."""

    async def load_client(self, client_id: ClientId) -> Client | None:
        """Return a client with those of its sessions that are active or pending."""

    async def list_clients(self, limit: int, offset: int) -> Page[Client]:
        """Return clients newest first, each as `load_client` does."""

    async def commit(self, commit: Commit) -> bool:
        """Store it if the client's version is still the one loaded, the ticket still pending,
        and the admission still true.

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

    async def insert_template(self, template: Template, events: tuple[Event, ...]) -> bool:
        """Store a new template; `False` if its name is taken."""

    async def update_template(
        self, template: Template, since: float, events: tuple[Event, ...]
    ) -> bool:
        """Replace a template if it was last updated at `since`; `False` if not, or its
        name is taken.
        """

    async def delete_template(self, template_id: TemplateId, events: tuple[Event, ...]) -> bool:
        """Delete a template; `False` if there is none."""

    async def load_templates(self) -> tuple[Template, ...]:
        """Return all templates, newest first. There are few: an operator makes them by hand."""

    async def keep_note(self, note: Note) -> None:
        """Keep a note until it is taken, or no longer wanted."""

    async def take_note(self, note_hash: bytes, now: float) -> bytes | None:
        """Return the text of a note that is not over at `now`, once: taking it deletes it."""

    async def find_note(self, note_hash: bytes, now: float) -> bytes | None:
        """Return the text of a note that is not over at `now`, and leave it where it is."""

    async def find_over(self, after: str, limit: int, now: float) -> Over:
        """Look at `limit` live sessions whose ids follow `after`, in order of their ids."""

    async def purge(self, before: float, limit: int) -> int:
        """Delete at most `limit` sessions that were over `before`, and as many tickets and
        clients without a session; return how many sessions and clients.
        """

    async def drop_notes(self, now: float, limit: int) -> int:
        """Delete at most `limit` notes that are over at `now`; return how many."""

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
