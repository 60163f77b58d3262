"""Those who visit a stack with their sessions: its answers checked, its turns timed."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice

from bench.harness import AnswerWrong
from bench.http_load import ask_at_once, ask_in_turn, body_of, status_of
from bench.machine import UsageMeter
from bench.servers import Server
from bench.stacks import CONNECTIONS, Stack
from bench.tokens import ISSUER, USER_ID
from bench.turns import Track
from edgepass import Expectations, TokenRefused, verify

# Sessions whose tokens are verified before and after, and those that show the pace.
CHECKED, PILOT = 16, 48
# Seconds between two turns of one stack: longer than a sidecar shares a token (2), and
# than it waits to write activities down (1).
PAUSE = 2.25
_VERIFIED_IN_A_TURN = 3
_EXPECTED = Expectations(issuer=ISSUER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Seconds that a turn took while all asked at once, and whose processor time they were.

    `others` are those who have nothing to do with it, `None` where the system does
    not tell.
    """

    count: int
    elapsed: float
    server: float
    redis: float
    others: float | None


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn that is over, but for what its server still writes."""

    count: int
    elapsed_ns: int
    used_ns: int
    used_until: int
    over_at: float


class Visitor:
    """Keeps the sessions of one stack apart by their use, and what came of each turn."""

    def __init__(
        self,
        stack: Stack,
        redis: Server,
        *,
        time_track: Track,
        processor_track: Track,
        turn_ns: int,
        singles: int,
    ) -> None:
        self.stack = stack
        self.time_track = time_track
        self.processor_track = processor_track
        self.spent: list[Spent] = []
        self._redis = redis
        self._seen: set[str] = set()
        self._last: _Turn | None = None
        sessions = iter(stack.requests.items())
        self._checked = dict(islice(sessions, CHECKED))
        pilot = dict(islice(sessions, PILOT))
        self._singles = dict(islice(sessions, singles))
        self.check()
        elapsed, answers = ask_at_once(stack.server.port, [*pilot.values()], CONNECTIONS)
        self._judge(pilot, answers)
        self._crowd = dict(islice(sessions, max(CONNECTIONS, turn_ns * PILOT // elapsed)))
        time_track.batch = processor_track.batch = len(self._crowd)

    def check(self) -> None:
        """Raise `AnswerWrong` unless each of some sessions gets a valid token of its own."""
        _, answers = ask_in_turn(self.stack.server.port, [*self._checked.values()])
        self._judge(self._checked, answers, verified=len(answers))

    def take_turn(self) -> None:
        self.settle()
        self.stack.age()
        port = self.stack.server.port
        times, answers = ask_in_turn(port, [*self._singles.values()])
        self._judge(self._singles, answers)
        self.time_track.samples.extend(times)
        self._take_crowd()

    def settle(self) -> None:
        """Wait until the last turn is written down and forgotten, and keep what it took."""
        last = self._last
        if last is None:
            return
        time.sleep(max(0.0, last.over_at + PAUSE - time.monotonic()))
        # With a core of its own, what a server writes afterwards is time that it
        # would not have had if the crowd had gone on.
        behind = self.stack.server.used_ns() - last.used_until
        self.time_track.turns.append((last.elapsed_ns + behind) / last.count)
        self.processor_track.turns.append((last.used_ns + behind) / last.count)
        self._last = None

    def _take_crowd(self) -> None:
        server, redis = self.stack.server.used_ns(), self._redis.used_ns()
        meter = UsageMeter()
        elapsed, answers = ask_at_once(self.stack.server.port, [*self._crowd.values()], CONNECTIONS)
        usage = meter.read()
        until = self.stack.server.used_ns()
        used, stored = until - server, self._redis.used_ns() - redis
        self._last = _Turn(len(answers), elapsed, used, until, time.monotonic())
        others = None if usage.others is None else usage.others - (used + stored) / 1e9
        self.spent.append(
            Spent(
                count=len(answers),
                elapsed=elapsed / 1e9,
                server=used / 1e9,
                redis=stored / 1e9,
                others=others,
            )
        )
        self._judge(self._crowd, answers)

    def _judge(
        self, asked: Collection[str], answers: list[bytes], verified: int = _VERIFIED_IN_A_TURN
    ) -> None:
        for answer in answers:
            if status_of(answer) != 200:
                raise AnswerWrong(f"{self.stack.name}: answered {answer[:500]!r}")
        if self.stack.keys is None:
            return
        tokens = [json.loads(body_of(answer))["jwt"] for answer in answers]
        if sorted(map(_session_id_of, tokens)) != sorted(asked):
            raise AnswerWrong(f"{self.stack.name}: a token is not of the session that asked")
        if len(set(tokens)) != len(tokens) or not self._seen.isdisjoint(tokens):
            raise AnswerWrong(f"{self.stack.name}: a token was handed out twice")
        self._seen.update(tokens)
        for token in tokens[:verified]:
            self._verify(token)

    def _verify(self, token: str) -> None:
        assert self.stack.keys is not None
        try:
            claims = verify(token, self.stack.keys, _EXPECTED, time.time())
        except TokenRefused as refusal:
            raise AnswerWrong(f"{self.stack.name}: a token is refused: {refusal.code}") from None
        if claims.user_id != USER_ID:
            raise AnswerWrong(f"{self.stack.name}: a token is of {claims.user_id}")


def _session_id_of(token: str) -> str:
    payload = token.split(".")[1]
    session_id: str = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sid"]
    return session_id
