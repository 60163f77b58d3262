"""A sidecar of one policy on one store, beside the model of it; what all rules have at hand."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from edgepass_sidecar.identifier import TemplateId
from edgepass_sidecar.opening import make_core
from edgepass_sidecar.policy import AtLimit, SessionPolicy
from edgepass_sidecar.service.refusal import Refused
from edgepass_sidecar.service.templates import create_template
from edgepass_sidecar.service.users import create_user
from edgepass_sidecar.session import POLICY_TERMS, Terms
from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.template import Template
from tests.conftest import Clock
from tests.property.lifecycle.model import Model, ModelUser
from tests.support.sidecar import make_settings

Answer = TypeVar("Answer")
SHORT, LIFETIME, TIMEOUT = 900.0, 3600.0, 600.0
# Time passes between two changes, if only so much. A power of two keeps sums exact.
TICK = 1 / 1024
USERS = ("user_1", "user_2", "user_3")
TEMPLATE = "elsewhere"
# Of a client's last tokens, which one is presented: mostly the newest.
AGES = st.sampled_from([0, 0, 0, 0, 0, 0, 1, 1, 2, 3])

policies = st.builds(
    SessionPolicy,
    maximum_lifetime=st.sampled_from([SHORT, LIFETIME]),
    inactivity_timeout=st.sampled_from([None, TIMEOUT]),
    multi_session=st.booleans(),
    maximum_accounts=st.sampled_from([1, 2, 10]),
    maximum_sessions=st.sampled_from([None, 1, 2]),
    at_limit=st.sampled_from(AtLimit),
)
terms_of_sessions = st.sampled_from(
    [
        POLICY_TERMS,
        POLICY_TERMS,
        Terms(tasks=("choose-organization",)),
        Terms(maximum_lifetime=300.0),
        Terms(inactivity_timeout=300.0),
        Terms(actor={"sub": "user_support"}),
    ]
)
# The first one mostly, so that somebody comes to the limit of sessions.
users = st.sampled_from(("user_1", "user_1", "user_1", "user_2", "user_3"))


@dataclass(kw_only=True)
class ModelTicket:
    text: str
    user: str
    terms: Terms
    created_at: float
    expires_at: float
    is_used: bool = False


class Machine(RuleBasedStateMachine):
    """Several clients and users of one sidecar."""

    def make_store(self) -> SessionStore:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.store = self.make_store()
        self.tickets: list[ModelTicket] = []

    def set_up(self, policy: SessionPolicy) -> None:
        self.run(self.store.open())
        settings = make_settings(ALGORITHM="EdDSA")
        core = make_core(settings, self.store, self.clock, self.clock)
        # The same course with the same identifiers, so that a failure can be repeated.
        self.core = replace(core, policy=policy, random=random.Random(1).randbytes)
        self.model = Model(policy, {name: ModelUser() for name in USERS})
        self.run(self.core.keys.open())
        for user in USERS:
            self.run(create_user(self.core, user, {}))
        now = self.clock()
        template = Template(
            id=TemplateId("jtmp_1"), name=TEMPLATE, claims={}, created_at=now, updated_at=now
        )
        self.run(create_template(self.store, template))
        self.pass_a_tick()

    def teardown(self) -> None:
        with contextlib.closing(self.loop):
            self.run(self.store.close())

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self.loop.run_until_complete(work)

    def attempt(self, work: Coroutine[Any, Any, Answer]) -> tuple[Answer | None, str | None]:
        """Return an answer, or the code with which it was declined."""
        try:
            return self.run(work), None
        except Refused as refused:
            return None, refused.code

    def pass_a_tick(self) -> None:
        """Have activity written, and let time go on: the change before is over."""
        self.run(self.core.touches.write())
        self.clock.advance(TICK)

    def draw_client(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(list(self.model.clients)), label="client")

    def draw_token(self, data: st.DataObject, client: str) -> str:
        tokens = self.model.clients[client].tokens
        return tokens[-1 - min(data.draw(AGES, label="age of the token"), len(tokens) - 1)]

    def draw_session(self, data: st.DataObject, client: str | None = None) -> str:
        """Draw a session: mostly one of `client`, now and then one of somebody else."""
        names = list(self.model.sessions)
        if client is not None and data.draw(st.integers(0, 7), label="whose") > 0:
            names = self.model.sessions_of_client(client) or names
        return data.draw(st.sampled_from(names), label="session")
