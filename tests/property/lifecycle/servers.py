"""What the app's servers, the sweeper and time itself do to sessions and users."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from edgepass_sidecar.client import Factor
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.service.minting import mint_for_server
from edgepass_sidecar.service.revocation import (
    ban_user,
    revoke_session,
    revoke_sessions_of_client,
    revoke_sessions_of_user,
    sign_out_user_before,
    unban_user,
)
from edgepass_sidecar.service.stewardship import record_verification, update_session
from edgepass_sidecar.service.sweeper import Sweeper
from tests.property.lifecycle.machine import LIFETIME, TEMPLATE, TICK, Machine, users
from tests.property.lifecycle.model import GRACE, LIVE, OVER


class Servers(Machine):
    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data())
    def revoke_a_session(self, data: st.DataObject) -> None:
        name, now = self.draw_session(data), self.clock()
        self.model.revoke(name, now)
        revoked = self.run(revoke_session(self.core, SessionId(name)))
        assert revoked.status == self.model.sessions[name].status
        self.pass_a_tick()

    @rule(user=users)
    def revoke_the_sessions_of_a_user(self, user: str) -> None:
        now = self.clock()
        live = self.model.live(now, user=user)
        assert self.run(revoke_sessions_of_user(self.core, UserId(user))) == len(live)
        self.revoke_in_model({n for n, s in self.model.sessions.items() if s.user == user}, now)
        self.pass_a_tick()

    @precondition(lambda self: self.model.clients)
    @rule(data=st.data())
    def revoke_the_sessions_of_a_client(self, data: st.DataObject) -> None:
        client, now = self.draw_client(data), self.clock()
        live = self.model.live(now, client=client)
        revoked = self.run(revoke_sessions_of_client(self.core, ClientId(client)))
        assert revoked == len(live)
        self.revoke_in_model(set(self.model.sessions_of_client(client)), now)
        self.pass_a_tick()

    def revoke_in_model(self, names: set[str], now: float) -> None:
        for name in names:
            self.model.revoke(name, now)

    @rule(user=users)
    def ban(self, user: str) -> None:
        now = self.clock()
        banned = self.run(ban_user(self.core, UserId(user)))
        assert banned.is_banned
        marks = self.model.users[user]
        marks.is_banned, marks.not_before = True, now
        self.revoke_in_model({n for n, s in self.model.sessions.items() if s.user == user}, now)
        self.pass_a_tick()

    @rule(user=users)
    def unban(self, user: str) -> None:
        assert not self.run(unban_user(self.core, UserId(user))).is_banned
        self.model.users[user].is_banned = False
        self.pass_a_tick()

    @rule(data=st.data(), user=users)
    def sign_out_user_before(self, data: st.DataObject, user: str) -> None:
        # Exactly when one of the sessions began, which leaves that one as it is.
        starts = [s.started_at for s in self.model.sessions.values() if s.user == user]
        now = self.clock()
        before = data.draw(st.sampled_from([now, *starts]), label="before")
        self.run(sign_out_user_before(self.core, UserId(user), before))
        marks = self.model.users[user]
        marks.not_before = max(marks.not_before, before)
        sessions = self.model.sessions.items()
        older = {n for n, s in sessions if s.user == user and s.started_at < before}
        self.revoke_in_model(older, now)
        self.pass_a_tick()

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), tasks=st.sampled_from([(), (), ("reset-password",), ("a", "b")]))
    def set_tasks(self, data: st.DataObject, tasks: tuple[str, ...]) -> None:
        name, now = self.draw_session(data), self.clock()
        work = update_session(self.core, SessionId(name), {"tasks": tasks})
        session, refusal = self.attempt(work)
        is_live = self.model.standing(name, now) in LIVE
        assert refusal == (None if is_live else OVER)
        if session is not None:
            self.model.sessions[name].status = "pending" if tasks else "active"
            assert (session.tasks, session.status) == (tasks, self.model.sessions[name].status)
        self.pass_a_tick()

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), factor=st.sampled_from(Factor))
    def verify(self, data: st.DataObject, factor: Factor) -> None:
        name, now = self.draw_session(data), self.clock()
        session, refusal = self.attempt(record_verification(self.core, SessionId(name), factor))
        is_live = self.model.standing(name, now) in LIVE
        assert refusal == (None if is_live else OVER)
        if session is not None:
            verified = self.model.sessions[name]
            if factor is Factor.FIRST:
                verified.first_factor_at = now
            else:
                verified.second_factor_at = now
            self.model.clients[verified.client].rotation_due = True
        self.pass_a_tick()

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), template=st.sampled_from([None, TEMPLATE]))
    def mint_for_a_server(self, data: st.DataObject, template: str | None) -> None:
        name, now = self.draw_session(data), self.clock()
        work = mint_for_server(self.core, SessionId(name), None, template)
        minted, refusal = self.attempt(work)
        stands = self.model.standing(name, now)
        expected = None if stands in LIVE else OVER
        if template is not None and stands == "pending":
            expected = "session_pending"
        assert refusal == expected
        if minted is not None:
            self.model.use(name, now)
        self.pass_a_tick()

    @rule()
    def sweep(self) -> None:
        now = self.clock()
        assert self.run(Sweeper(self.core).step()), "one step is enough for so few"
        for client in self.model.clients:
            self.model.finish(client, set(), "expired", now)
        self.pass_a_tick()

    @rule(seconds=st.sampled_from([0.5, 1.5, GRACE, 59.0, 60.0, 299.0, 300.0, 599.0, LIFETIME]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), by=st.sampled_from([-TICK, 0.0, TICK]))
    def come_to_a_limit(self, data: st.DataObject, by: float) -> None:
        """Let time pass to a limit of a live session or of a token's grace, or just beside it."""
        names = self.model.live(self.clock())
        limits = [self.model.sessions[name].expires_at for name in names]
        limits += [self.model.sessions[name].abandoned_at for name in names]
        limits += [client.rotated_at + GRACE for client in self.model.clients.values()]
        ahead = sorted({limit + by for limit in limits if limit + by > self.clock()})
        if ahead:
            self.clock.now = data.draw(st.sampled_from(ahead), label="limit")
