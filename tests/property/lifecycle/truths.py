"""What holds of all sessions, clients and events after every step."""

from collections import Counter
from dataclasses import replace

from hypothesis.stateful import invariant

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.service.sessions import view_client
from edgepass_sidecar.service.touches import Touches
from edgepass_sidecar.session import TRANSITIONS, Session, Status, standing
from edgepass_sidecar.store import SessionQuery
from tests.property.lifecycle.machine import USERS, Machine
from tests.property.lifecycle.model import LIVE

REACHED_BY = {
    "session.created": Status.ACTIVE,
    "session.activated": Status.ACTIVE,
    **{f"session.{status}": status for status in Status if status is not Status.ACTIVE},
}
STARTS = ("session.created", "session.pending")


class Truths(Machine):
    def __init__(self) -> None:
        super().__init__()
        self.last_active: dict[str, float] = {}
        self.were_over: set[str] = set()
        self.cursor = 0
        self.recorded: dict[str, Status] = {}

    def stored(self) -> tuple[Session, ...]:
        return self.run(self.store.list_sessions(SessionQuery(limit=1000), self.clock())).items

    @invariant()
    def every_session_stands_as_the_model_says(self) -> None:
        now, stored = self.clock(), self.stored()
        assert {session.id for session in stored} == set(self.model.sessions)
        for session in stored:
            known = self.model.sessions[session.id]
            assert (session.status, standing(session, now)) == (
                known.status,
                self.model.standing(session.id, now),
            )
            assert session.last_active_at == known.active_at
            factors = (session.first_factor_at, session.second_factor_at)
            assert factors == (known.first_factor_at, known.second_factor_at)

    @invariant()
    def the_store_counts_by_standing_as_we_do(self) -> None:
        now = self.clock()
        stands = Counter(self.model.standing(name, now) for name in self.model.sessions)
        for status in Status:
            query = SessionQuery(statuses=frozenset((status,)))
            assert self.run(self.store.list_sessions(query, now)).total == stands[status]

    @invariant()
    def a_client_shows_its_live_sessions_and_nothing_else(self) -> None:
        # Looking is activity as well, which is not to be written here.
        core, now = replace(self.core, touches=Touches(self.store)), self.clock()
        for name, client in self.model.clients.items():
            view = self.run(view_client(core, client.tokens[-1], None))
            live = self.model.live(now, client=name)
            assert {session.id for session in view.sessions} == live
            active = client.active if client.active in live else None
            assert view.active_session_id == active
            assert (view.active_token is not None) is (active is not None)

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        now, policy = self.clock(), self.model.policy
        live = [session for session in self.stored() if standing(session, now) in LIVE]
        of_users = Counter(session.user_id for session in live if session.actor is None)
        of_clients = Counter(session.client_id for session in live)
        on_one = Counter((session.client_id, session.user_id) for session in live)
        most = policy.maximum_accounts if policy.multi_session else 1
        assert all(count <= most for count in of_clients.values())
        assert all(count == 1 for count in on_one.values())
        if policy.maximum_sessions is not None:
            assert all(of_users[UserId(user)] <= policy.maximum_sessions for user in USERS)

    @invariant()
    def what_is_over_stays_over_and_activity_never_goes_back(self) -> None:
        now = self.clock()
        for session in self.stored():
            is_over = standing(session, now) not in LIVE
            assert is_over or session.id not in self.were_over
            if is_over:
                self.were_over.add(session.id)
            assert session.last_active_at >= self.last_active.get(session.id, 0.0)
            self.last_active[session.id] = session.last_active_at

    @invariant()
    def events_tell_the_same_story_as_the_sessions(self) -> None:
        for cursor, event in self.run(self.store.list_events(self.cursor, 1000)):
            self.cursor = cursor
            if event.session_id is not None and event.type in REACHED_BY:
                self.follow(event.session_id, event)
        assert self.recorded == {session.id: session.status for session in self.stored()}

    def follow(self, name: str, event: Event) -> None:
        """Take a step that an event tells of: one start, and after an ending nothing at all."""
        reached, before = REACHED_BY[event.type], self.recorded.get(name)
        if before is None:
            assert event.type in STARTS
        else:
            assert event.type != "session.created"
            assert reached in TRANSITIONS[before]
        self.recorded[name] = reached
