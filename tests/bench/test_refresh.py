"""The benchmark of refreshing: real servers, tokens that are checked, rows that add up."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import refresh
from bench.__main__ import main
from bench.harness import AnswerWrong, Measurement, Plan, Ratio
from bench.http_load import ask_at_once, ask_in_turn, body_of, http_request, status_of
from bench.results import read_run, write_run
from bench.servers import Server, ServerFailed, free_port
from bench.stacks import Stack
from bench.tokens import make_key
from bench.turns import Track, rows_of
from bench.usual_stack import TOKEN_PATH
from bench.visits import Visitor
from edgepass import KeySet
from tests.bench.known import README, run_of

QUICK = Plan(rounds=1, batch_ns=50_000, samples=8)
STACKS = (
    "bare Starlette endpoint",
    "edgepass, ES256",
    "edgepass, RS256",
    "Starlette + redis-py + PyJWT, ES256",
    "Starlette + redis-py + PyJWT, RS256",
    "Starlette + redis-py (GETEX) + PyJWT, ES256",
)
PATH = TOKEN_PATH.format(session_id="sess_1")


@pytest.fixture(scope="module")
def quick() -> Measurement:
    """The benchmark, as short as it can be; it fails where an answer is wrong."""
    return refresh.run(QUICK)


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Server]:
    server = _served(tmp_path, "-m", "bench.usual_stack", "{port}", "bare", "700")
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.stop()


def _served(directory: Path, *arguments: str) -> Server:
    port = free_port()
    command = [sys.executable, *(argument.format(port=port) for argument in arguments)]
    root = Path(__file__).parents[2]
    return Server("served", command, port=port, cwd=root, log=directory / "log")


def test_every_stack_is_measured_by_the_clock_and_by_its_processor(quick: Measurement) -> None:
    names = [row.name for row in quick.rows]
    signatures = ["raw ES256 signature", "raw RS256 signature"]
    assert names == [*STACKS, *(f"{name}, CPU" for name in STACKS), *signatures]
    assert all(row.quiet_ns > 0 and row.n > 0 for row in quick.rows)
    assert quick.rows[0].net_ns == 0
    assert 0 < quick.usage.own <= quick.usage.elapsed * (os.cpu_count() or 1)


def test_a_sidecar_is_compared_with_the_usual_stack_and_with_the_raw_signature(
    quick: Measurement,
) -> None:
    compared = {row.name: [ratio.to for ratio in row.ratios] for row in quick.rows}
    assert compared["edgepass, ES256"] == [STACKS[3], STACKS[5], STACKS[4]]
    assert compared["edgepass, RS256"] == [STACKS[4], "raw RS256 signature"]
    assert compared["edgepass, RS256, CPU"] == [f"{STACKS[4]}, CPU", "raw RS256 signature"]


def test_whole_refreshes_are_said_next_to_net_times(quick: Measurement) -> None:
    rows = {row.name: row for row in quick.rows}
    rate = 1e9 / rows["edgepass, ES256"].quiet_ns
    assert any(f"edgepass, ES256 {rate:,.0f};" in note for note in quick.notes)
    assert any("times the raw signature" in note for note in quick.notes)


def test_the_commands_work_with_its_result(
    quick: Measurement, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, readme = tmp_path / "one.json", tmp_path / "README.md"
    write_run(run_of(quick), result)
    assert read_run(result).measured == (quick,)
    main(["compare", str(result), str(result)])
    assert "edgepass, RS256, CPU" in capsys.readouterr().out
    readme.write_text(README.replace("known", "refresh: edgepass, ES256"), "utf-8")
    main(["readme", str(readme), "--result", str(result)])
    assert "| edgepass, ES256 |" in readme.read_text("utf-8")


def test_the_bare_endpoint_answers_as_many_bytes_as_it_is_told(bare: Server) -> None:
    requests = [http_request("POST", PATH)] * 40
    times, in_turn = ask_in_turn(bare.port, requests)
    elapsed, at_once = ask_at_once(bare.port, requests, 4)
    assert len(times) == len(in_turn) == len(at_once) == len(requests)
    assert {(status_of(answer), len(body_of(answer))) for answer in in_turn + at_once} == {
        (200, 700)
    }
    assert 0 < min(times) <= sum(times)
    assert elapsed > 0


def test_the_processor_time_of_a_server_grows_with_its_work(bare: Server) -> None:
    before = bare.used_ns()
    ask_in_turn(bare.port, [http_request("POST", PATH)] * 200)
    # Fewer than 5 µs for a request through Starlette would be another process's clock.
    assert bare.used_ns() - before > 200 * 5_000


def test_an_answer_that_is_an_error_is_never_timed(bare: Server) -> None:
    with pytest.raises(AnswerWrong, match=r"answered b'HTTP/1\.1 404"):
        _visit(bare, {"sess_1": http_request("POST", "/gone")}, keys=None)


def test_one_token_for_two_sessions_is_an_error(bare: Server) -> None:
    token = ".".join(("e30", "eyJzaWQiOiJzZXNzXzEifQ", ""))
    visitor = _visit(bare, {"sess_1": http_request("POST", PATH)}, keys=None)
    visitor.stack = replace(visitor.stack, keys=KeySet.from_jwks(make_key("ES256").jwks))
    answer = b'HTTP/1.1 200 OK\r\n\r\n{"jwt":"%b"}' % token.encode("ascii")
    with pytest.raises(AnswerWrong, match="not of the session that asked"):
        visitor._judge(["sess_1", "sess_2"], [answer, answer])
    with pytest.raises(AnswerWrong, match="handed out twice"):
        visitor._judge(["sess_1", "sess_1"], [answer, answer])
    with pytest.raises(AnswerWrong, match="a token is refused"):
        visitor._judge(["sess_1"], [answer])


def _visit(server: Server, requests: dict[str, bytes], keys: KeySet | None) -> Visitor:
    many = {f"{name}-{number}": one for name, one in requests.items() for number in range(200)}
    stack = Stack(name="one", algorithm="", server=server, requests=many, keys=keys)
    tracks = {"time_track": Track(name="time"), "processor_track": Track(name="CPU")}
    return Visitor(stack, server, **tracks, turn_ns=1_000_000, singles=2)


def test_a_server_that_does_not_start_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    server = _served(tmp_path, "-c", "raise SystemExit('out of order')")
    try:
        with pytest.raises(ServerFailed, match="out of order"):
            server.wait_until_it_listens()
    finally:
        server.stop()


def test_net_and_ratio_take_the_floor_off_where_there_is_one() -> None:
    bare = Track(name="bare", turns=[100.0, 120.0])
    bare.floor = bare
    raw = Track(name="raw", turns=[400.0, 400.0])
    usual = Track(name="usual", turns=[1_300.0, 1_320.0], floor=bare)
    ours = Track(name="ours", turns=[700.0, 420.0], floor=bare, against=("usual", "raw"))
    rows = {row.name: row for row in rows_of([bare, ours, usual, raw])}
    assert [rows[name].net_ns for name in ("bare", "ours", "usual", "raw")] == [0, 320, 1_200, 400]
    assert rows["ours"].ratios == (
        Ratio(to="usual", quiet=320 / 1_200, typical=0.375),
        Ratio(to="raw", quiet=0.8, typical=1.125),
    )
