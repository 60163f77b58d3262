"""The benchmark of revoking: real processes, and a verdict that no wrong answer gets past."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import revocation
from bench.__main__ import main
from bench.harness import AnswerWrong, Measurement, Plan
from bench.results import read_run, write_run
from bench.revocation_edge import REVOKED
from bench.revocation_load import Asked, Line, Revoked, Seen
from bench.revocation_sidecar import Committed, read_commits
from bench.revocation_verdict import judge
from tests.bench.known import README, run_of

QUICK = Plan(rounds=1, batch_ns=50_000, samples=6)
EDGES, REVOCATIONS = 3, 6
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def quick() -> Measurement:
    """The benchmark, as short as it can be; it fails where an answer is wrong."""
    return revocation.run(QUICK)


def test_each_revocation_counts_at_each_edge_and_once_for_its_caller(quick: Measurement) -> None:
    counted = {row.name: row.n for row in quick.rows}
    assert next(iter(counted)) == revocation.BARE
    assert counted[revocation.COMMITTED] == REVOCATIONS * EDGES
    assert counted[revocation.ANSWERED] == REVOCATIONS
    killed = revocation.RESTARTED
    assert counted[f"{killed}: {revocation.COMMITTED}"] == REVOCATIONS * EDGES
    assert counted[revocation.REQUEST] > 0
    assert all(row.quiet_ns > 0 for row in quick.rows)
    assert quick.rows[0].net_ns == 0


def test_a_commit_takes_longer_when_the_wait_for_the_disk_counts(quick: Measurement) -> None:
    rows = {row.name: row for row in quick.rows}
    assert rows[revocation.BEGUN].quiet_ns > rows[revocation.COMMITTED].quiet_ns


def test_its_output_says_what_was_lost_and_how_late_the_worst_was(quick: Measurement) -> None:
    row = next(row for row in quick.rows if row.name == revocation.COMMITTED)
    (said,) = (note for note in quick.notes if note.startswith(f"{revocation.COMMITTED}, ms"))
    assert f"p50 {row.p50_ns / 1e6:.2f}, p90 " in said
    assert said.endswith(f"max {row.max_ns / 1e6:.2f}, 0 lost")


def test_the_whole_plan_is_a_thousand_revocations_in_twenty_rounds() -> None:
    pace = revocation.pace_of(Plan())
    assert (pace.rounds, pace.rounds * pace.revocations) == (20, 1_000)


def test_the_commands_work_with_its_result(quick: Measurement, tmp_path: Path) -> None:
    result, readme = tmp_path / "one.json", tmp_path / "README.md"
    write_run(run_of(quick), result)
    assert read_run(result).measured == (quick,)
    readme.write_text(README.replace("known", f"revocation: {revocation.COMMITTED}"), "utf-8")
    main(["readme", str(readme), "--result", str(result)])
    assert f"| {revocation.COMMITTED} |" in readme.read_text("utf-8")


# One session, asked to be revoked at 10, committed from 11 to 12, and answered at 13; one edge
# refuses it from 14 on, the other from 15.
ASKED, BEGUN, RETURNED, ANSWERED = 10, 11, 12, 13
REFUSALS = [{"sess_1": 14}, {"sess_1": 15}]
COMMITS = {"sess_1": Committed(BEGUN, RETURNED)}
ONE = Revoked("sess_1", 0, ASKED, ANSWERED, refused_ns=17, one_way_ns=1)


def seen(*crowd: Asked) -> Seen:
    return Seen(crowd=crowd, revoked=(ONE,))


def asked(sent_ns: int, answered_ns: int, code: str = "", edge: int = 0) -> Asked:
    return Asked("sess_1", edge, sent_ns - 1, sent_ns, answered_ns, code)


def test_times_are_taken_from_the_commit_the_answer_and_when_a_request_was_due() -> None:
    outcome = judge(seen(asked(1, 4), asked(16, 18, REVOKED)), COMMITS, REFUSALS)
    assert outcome.commit_to_refusal == (2, 3)
    assert outcome.commit_begun_to_refusal == (3, 4)
    assert outcome.answer_to_refusal == (4,)
    assert outcome.requests == (4, 3)
    assert outcome.one_way == (1,)
    assert outcome.unnoted == 0


def test_a_commit_without_a_note_counts_from_when_it_was_asked_for() -> None:
    outcome = judge(seen(), {}, REFUSALS)
    assert outcome.commit_to_refusal == outcome.commit_begun_to_refusal == (4, 5)
    assert outcome.unnoted == 1


def test_a_refusal_that_never_came_is_an_error() -> None:
    with pytest.raises(AnswerWrong, match="1 of 2 refusals never came"):
        judge(seen(), COMMITS, [REFUSALS[0], {}])


@pytest.mark.parametrize(("late", "is_taken"), [(0, True), (1, False)])
def test_a_refusal_after_more_than_a_tokens_life_is_an_error(late: int, is_taken: bool) -> None:
    refusals = [{"sess_1": BEGUN + 60 * SECOND + late}]
    if is_taken:
        assert judge(seen(), COMMITS, refusals).commit_begun_to_refusal == (60 * SECOND,)
        return
    with pytest.raises(AnswerWrong, match=r"came after 60\.0 s"):
        judge(seen(), COMMITS, refusals)


@pytest.mark.parametrize(
    ("request_of_the_crowd", "error"),
    [
        (asked(1, ASKED - 1, REVOKED), "refused before its session was revoked"),
        (asked(15, 16), "let through by an edge that refused"),
        (asked(16, 17, edge=1), "let through by an edge that refused"),
        (asked(1, 4, "token_expired"), "refused with token_expired"),
    ],
)
def test_a_wrong_answer_to_the_crowd_is_an_error(request_of_the_crowd: Asked, error: str) -> None:
    with pytest.raises(AnswerWrong, match=error):
        judge(seen(request_of_the_crowd), COMMITS, REFUSALS)


@pytest.mark.parametrize(
    "request_of_the_crowd",
    [asked(9, ASKED, REVOKED), asked(14, 20), asked(14, 15, REVOKED), asked(15, 16, edge=1)],
)
def test_an_answer_at_the_boundary_is_right(request_of_the_crowd: Asked) -> None:
    assert judge(seen(request_of_the_crowd), COMMITS, REFUSALS).requests


def test_the_first_note_of_a_commit_counts_and_one_that_was_cut_off_does_not() -> None:
    text = "sess_1 1 2\nsess_2 3 4\nsess_1 5 6\nsess_3 7"
    assert read_commits(text) == {"sess_1": Committed(1, 2), "sess_2": Committed(3, 4)}


class Wire:
    """Takes what a connection would send."""

    def write(self, data: bytes) -> None:
        pass

    def is_closing(self) -> bool:
        return False


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 1_000])
async def test_answers_belong_to_requests_in_their_order_whatever_the_pieces(size: int) -> None:
    line = Line()
    line.connection_made(Wire())
    waiting = [line.ask(b"") for _ in range(3)]
    answers = [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (n, b"a" * n) for n in range(3)]
    for piece in _pieces(b"".join(answers), size):
        line.data_received(piece)
    assert [await one for one in waiting] == answers


async def test_a_lost_connection_fails_what_waits_for_it() -> None:
    line = Line()
    line.connection_made(Wire())
    answer = line.ask(b"")
    line.connection_lost(None)
    with pytest.raises(AnswerWrong, match="connection was closed"):
        await answer
