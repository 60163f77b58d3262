"""What came of each revocation at each edge: judged first, and then in nanoseconds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.harness import AnswerWrong
from bench.revocation_edge import REVOKED
from bench.revocation_load import PATIENCE, Asked, Revoked, Seen
from bench.revocation_sidecar import Committed

Refusals = Sequence[Mapping[str, int]]  # of each edge: since when it refuses a session


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Times of one run in nanoseconds, each in the order of the revocations.

    `unnoted` is how many commits have no note, since a kill came in between; they
    count from when the revocation was asked for, which is earlier.
    """

    one_way: tuple[int, ...]
    commit_to_refusal: tuple[int, ...]
    commit_begun_to_refusal: tuple[int, ...]
    answer_to_refusal: tuple[int, ...]
    requests: tuple[int, ...]
    unnoted: int


def judge(seen: Seen, commits: Mapping[str, Committed], refusals: Refusals) -> Outcome:
    """Return what was measured, or raise `AnswerWrong`.

    For a revocation that is lost or too late, and for a request that was refused
    before its session was revoked, or let through after the edge began to refuse.
    """
    revoked = {one.session_id: one for one in seen.revoked}
    lost = [(one, edge) for one in revoked for edge in refusals if one not in edge]
    if lost:
        raise AnswerWrong(f"{len(lost)} of {len(revoked) * len(refusals)} refusals never came")
    for asked in seen.crowd:
        _validate_answer(asked, revoked[asked.session_id], refusals)
    asked_for = {one.session_id: Committed(one.asked_ns, one.asked_ns) for one in seen.revoked}
    committed = {one: commits.get(one, earlier) for one, earlier in asked_for.items()}
    pairs = [(committed[one], edge[one]) for one in revoked for edge in refusals]
    outcome = Outcome(
        one_way=tuple(one.one_way_ns for one in seen.revoked),
        commit_to_refusal=tuple(refused - at.returned_ns for at, refused in pairs),
        commit_begun_to_refusal=tuple(refused - at.begun_ns for at, refused in pairs),
        answer_to_refusal=tuple(one.refused_ns - one.answered_ns for one in seen.revoked),
        requests=tuple(asked.answered_ns - asked.due_ns for asked in seen.crowd),
        unnoted=sum(one not in commits for one in revoked),
    )
    latest = max(outcome.commit_begun_to_refusal) / 1e9
    if latest > PATIENCE:
        raise AnswerWrong(f"a refusal came after {latest:.1f} s, when the token was over anyway")
    return outcome


def missing(seen: Seen, refusals: Refusals) -> Iterator[str]:
    """Yield the session of each refusal that has not come yet."""
    for one in seen.revoked:
        yield from (one.session_id for edge in refusals if one.session_id not in edge)


def _validate_answer(asked: Asked, revoked: Revoked, refusals: Refusals) -> None:
    if asked.code not in ("", REVOKED):
        raise AnswerWrong(f"a request was refused with {asked.code}")
    if asked.code == REVOKED and asked.answered_ns < revoked.asked_ns:
        raise AnswerWrong("a request was refused before its session was revoked")
    if asked.code == "" and asked.sent_ns > refusals[asked.edge][asked.session_id]:
        raise AnswerWrong("a request was let through by an edge that refused the session before")
