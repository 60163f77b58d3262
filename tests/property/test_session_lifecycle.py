"""A client's life as a state machine: the service over the memory store, held against a dict."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgepass_sidecar.app import make_core
from edgepass_sidecar.client_token import PREVIOUS_TOKEN_GRACE
from edgepass_sidecar.identifier import SessionId, UserId
from edgepass_sidecar.service import administration
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.sessions import finish, refresh, touch, view_client
from edgepass_sidecar.service.sign_in import Origin, sign_in_with_ticket, sign_out
from edgepass_sidecar.session import Status, standing
from edgepass_sidecar.stores.memory import MemoryStore
from tests.conftest import Clock
from tests.support.sidecar import make_settings

LIFETIME, TIMEOUT = 1800, 600
USERS = ("user_1", "user_2", "user_3")
OVER = "over by time"


@dataclass
class Model:
    """What should be true: each session's user, status, start and last recorded activity."""

    sessions: dict[str, dict[str, float | str]] = field(default_factory=dict)

    def status(self, session_id: str, now: float) -> str:
        session = self.sessions[session_id]
        if session["status"] != "active":
            return str(session["status"])
        expired = now >= float(session["started"]) + LIFETIME
        return OVER if expired or now >= float(session["active"]) + TIMEOUT else "active"

    def live(self, now: float) -> set[str]:
        return {name for name in self.sessions if self.status(name, now) == "active"}

    def finish(self, names: set[str], status: str, now: float) -> None:
        for name in names & self.live(now):
            self.sessions[name]["status"] = status


class Lifecycle(RuleBasedStateMachine):
    """One browser: its sessions, its token and the one before it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        limits = {"MAXIMUM_LIFETIME": str(LIFETIME), "INACTIVITY_TIMEOUT": str(TIMEOUT)}
        told = make_settings(ALGORITHM="EdDSA", **limits)
        self.core = make_core(told, MemoryStore(), self.clock)
        self.model = Model()
        self.token: str | None = None
        self.previous: tuple[str, float] | None = None
        self.run(self.core.keys.open())
        for user in USERS:
            self.run(administration.create_user(self.core, user, {}))

    def teardown(self) -> None:
        self.loop.close()

    def run(self, work):
        return self.loop.run_until_complete(work)

    def refusal(self, work) -> int | None:
        try:
            self.run(work)
        except Refused as refused:
            return refused.status
        return None

    def rotate_to(self, token: str) -> None:
        if self.token is not None:
            self.previous = (self.token, self.clock() + PREVIOUS_TOKEN_GRACE)
        self.token = token

    @rule(user=st.sampled_from(USERS))
    def sign_in(self, user: str) -> None:
        _, ticket = self.run(administration.create_ticket(self.core, UserId(user), 60))
        signed_in = self.run(sign_in_with_ticket(self.core, self.token, ticket.reveal(), Origin()))
        now = self.clock()
        same = {name for name in self.model.live(now) if self.model.sessions[name]["user"] == user}
        self.model.finish(same, "replaced", now)
        self.model.sessions[signed_in.session.id] = {
            "user": user,
            "status": "active",
            "started": now,
            "active": now,
        }
        self.rotate_to(signed_in.client_token.reveal())

    @rule(seconds=st.sampled_from([0.5, 9.5, 10, 59, 60, 299, 599, 600, 1199, 1800]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), action=st.sampled_from(["refresh", "touch", "end", "remove"]))
    def act(self, data: st.DataObject, action: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.sessions)))
        now, session_id = self.clock(), SessionId(name)
        live = name in self.model.live(now)
        session = self.model.sessions[name]
        if action == "refresh":
            refused = self.refusal(refresh(self.core, self.token, session_id, None))
            self.run(self.core.touches.write())
            if live and now - float(session["active"]) >= 60:
                session["active"] = now
        elif action == "touch":
            refused = self.refusal(touch(self.core, self.token, session_id))
            if live:
                session["active"] = now
        else:
            status = {"end": Status.ENDED, "remove": Status.REMOVED}[action]
            refused = self.refusal(finish(self.core, self.token, session_id, status))
            self.model.finish({name}, status, now)
        assert refused == (None if live else 401)

    @precondition(lambda self: self.token)
    @rule()
    def sign_out(self) -> None:
        _, token = self.run(sign_out(self.core, self.token))
        assert token is not None
        self.model.finish(set(self.model.sessions), "removed", self.clock())
        self.rotate_to(token.reveal())

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.sessions)))
        self.run(administration.revoke_session(self.core, SessionId(name)))
        self.model.finish({name}, "revoked", self.clock())

    @precondition(lambda self: self.previous)
    @rule()
    def come_back_with_the_previous_token(self) -> None:
        token, answers_until = self.previous or ("", 0.0)
        live = self.model.live(self.clock())
        refused = self.refusal(view_client(self.core, token, None))
        if self.clock() < answers_until:
            assert refused is None
        else:
            assert refused == 401
            self.model.finish(live, "revoked", self.clock())

    @invariant()
    def every_session_stands_as_the_model_says(self) -> None:
        now = self.clock()
        for name in self.model.sessions:
            stored = self.run(self.core.store.find_session(SessionId(name)))
            stands = standing(stored, now)
            by_time = stands in (Status.EXPIRED, Status.ABANDONED)
            assert (OVER if by_time else stands) == self.model.status(name, now)

    @invariant()
    def a_client_shows_what_is_live_and_nothing_else(self) -> None:
        if self.token is None:
            return
        view = self.run(view_client(self.core, self.token, None))
        live = self.model.live(self.clock())
        assert {session.id for session in view.sessions} == live
        # Viewing mints for the active session, which counts as activity.
        self.run(self.core.touches.write())
        active = view.client.last_active_session_id
        if active in live:
            recorded = self.model.sessions[active]
            if self.clock() - float(recorded["active"]) >= 60:
                recorded["active"] = self.clock()
        assert (view.active_token is not None) == (active in live)


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
