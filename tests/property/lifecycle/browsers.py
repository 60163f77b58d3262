"""What browsers do with the sessions of their clients, with whichever token they come."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from edgepass_sidecar.client_token import ClientToken
from edgepass_sidecar.identifier import SessionId
from edgepass_sidecar.service.sessions import finish, refresh, touch, view_client
from edgepass_sidecar.service.sign_in import sign_out
from edgepass_sidecar.session import Status
from tests.property.lifecycle.machine import TEMPLATE, TICK, Machine
from tests.property.lifecycle.model import CURRENT, GRACE, NOBODY
from tests.support.sidecar import claims_of


def minutes_since(moment: float | None, now: float) -> int:
    return -1 if moment is None else int((now - moment) // 60)


class Browsers(Machine):
    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), template=st.sampled_from([None, None, TEMPLATE]))
    def refresh(self, data: st.DataObject, template: str | None) -> None:
        client = self.draw_client(data)
        token, name = self.draw_token(data, client), self.draw_session(data, client)
        now = self.clock()
        work = refresh(self.core, token, SessionId(name), None, template=template)
        minted, refusal = self.attempt(work)
        which = self.model.come(client, token, now)
        expected = self.model.refusal(client, which, name, now)
        if template is not None and self.model.sessions[name].status == "pending":
            expected = expected or "session_pending"
        assert refusal == expected
        if minted is not None:
            self.model.use(name, now)
            self.read_token(minted, name, now, of_session=template is None)
        self.pass_a_tick()

    def read_token(self, minted: str, name: str, now: float, *, of_session: bool) -> None:
        claims, session = claims_of(minted), self.model.sessions[name]
        assert claims["sub"] == session.user
        assert now - 2 < claims["iat"] + 1, "a token is shared for two seconds"
        assert claims["iat"] <= now < claims["exp"]
        assert ("sid" in claims) is of_session
        if not of_session:
            return
        assert (claims["sid"], claims["sts"]) == (name, session.status)
        factors = (session.first_factor_at, session.second_factor_at)
        youngest, oldest = ([minutes_since(at, t) for at in factors] for t in (now - 2, now))
        for age, least, most in zip(claims["fva"], youngest, oldest, strict=True):
            assert max(least, min(most, 0)) <= age <= most

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        client = self.draw_client(data)
        self.touch_with(client, self.draw_token(data, client), self.draw_session(data, client))

    @precondition(lambda self: any(c.rotation_due for c in self.model.clients.values()))
    @rule(data=st.data())
    def touch_where_a_rotation_is_due(self, data: st.DataObject) -> None:
        due = [name for name, c in self.model.clients.items() if c.rotation_due]
        client = data.draw(st.sampled_from(due), label="client")
        self.touch_with(client, self.draw_token(data, client), self.draw_session(data, client))

    @precondition(lambda self: self.in_grace())
    @rule(data=st.data())
    def touch_with_the_previous_token(self, data: st.DataObject) -> None:
        client = data.draw(st.sampled_from(self.in_grace()), label="client")
        token = self.model.clients[client].tokens[-2]
        self.touch_with(client, token, self.draw_session(data, client))

    def in_grace(self) -> list[str]:
        """Return the clients whose previous token still answers."""
        ends = {n: c.rotated_at + GRACE for n, c in self.model.clients.items() if c.tokens[1:]}
        return [name for name, end in ends.items() if self.clock() < end]

    def touch_with(self, client: str, token: str, name: str) -> None:
        now = self.clock()
        changed, refusal = self.attempt(touch(self.core, token, SessionId(name)))
        which = self.model.come(client, token, now)
        assert refusal == self.model.refusal(client, which, name, now)
        if changed is not None:
            self.model.sessions[name].active_at = now
            self.model.clients[client].active = name
            is_due = self.model.clients[client].rotation_due
            self.note_rotation(client, which, changed.client_token, now, is_due=is_due)
        self.pass_a_tick()

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data(), status=st.sampled_from([Status.ENDED, Status.REMOVED]))
    def finish(self, data: st.DataObject, status: Status) -> None:
        client = self.draw_client(data)
        token, name = self.draw_token(data, client), self.draw_session(data, client)
        now = self.clock()
        changed, refusal = self.attempt(finish(self.core, token, SessionId(name), status))
        which = self.model.come(client, token, now)
        assert refusal == self.model.refusal(client, which, name, now)
        if changed is not None:
            assert changed.session.status is status
            self.model.finish(client, {name}, status, now)
            self.note_rotation(client, which, changed.client_token, now, is_due=True)
        self.pass_a_tick()

    @precondition(lambda self: self.model.clients)
    @rule(data=st.data())
    def sign_out(self, data: st.DataObject) -> None:
        client = self.draw_client(data)
        token, now = self.draw_token(data, client), self.clock()
        signed_out, refusal = self.attempt(sign_out(self.core, token))
        which = self.model.come(client, token, now)
        assert refusal == (None if which else NOBODY)
        if signed_out is not None and which is not None:
            names = self.model.sessions_of_client(client)
            seen = {name for name in names if self.model.sees(name, which)}
            self.model.finish(client, seen, "removed", now)
            self.note_rotation(client, which, signed_out[1], now, is_due=True)
        self.pass_a_tick()

    @precondition(lambda self: self.model.clients)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        client = self.draw_client(data)
        self.look_with(client, self.draw_token(data, client))

    @precondition(lambda self: any(len(c.tokens) > 1 for c in self.model.clients.values()))
    @rule(data=st.data(), by=st.sampled_from([-TICK, 0.0, TICK]))
    def look_with_the_previous_token_at_the_end_of_its_grace(
        self, data: st.DataObject, by: float
    ) -> None:
        rotated = [n for n, c in self.model.clients.items() if len(c.tokens) > 1]
        name = data.draw(st.sampled_from(rotated), label="client")
        client = self.model.clients[name]
        self.clock.now = max(self.clock.now, client.rotated_at + GRACE + by)
        self.look_with(name, client.tokens[-2])

    def look_with(self, client: str, token: str) -> None:
        now = self.clock()
        view, refusal = self.attempt(view_client(self.core, token, None))
        which = self.model.come(client, token, now)
        assert refusal == (None if which else NOBODY)
        if view is not None and which is not None:
            live = self.model.live(now, client=client)
            seen = {name for name in live if self.model.sees(name, which)}
            active = self.model.clients[client].active
            assert {session.id for session in view.sessions} == seen
            assert view.active_session_id == (active if active in seen else None)
            if view.active_session_id is not None:
                self.model.use(view.active_session_id, now)
        self.pass_a_tick()

    def note_rotation(
        self,
        client: str,
        which: str | None,
        token: ClientToken | None,
        now: float,
        *,
        is_due: bool,
    ) -> None:
        """Whoever came with the present token gets the next one if it is due, and nobody else."""
        assert (token is not None) is (is_due and which == CURRENT)
        if token is not None:
            self.model.rotate(client, token.reveal(), now)
