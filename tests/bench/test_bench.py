"""The benchmarks: right answers, honest arguments, and the commands around them."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import request, verify
from bench.__main__ import BENCHMARKS, main
from bench.harness import (
    CHUNK,
    Plan,
)
from bench.machine import describe_machine
from bench.results import Run, read_run, write_run
from bench.tokens import USER_ID, as_bytes, forge, make_key, mint_tokens
from edgepass import KeySet
from tests.bench.known import README, run_of

QUICK = Plan(rounds=2, batch_ns=50_000, samples=16)


@pytest.fixture(scope="module")
def quick() -> Run:
    """Every benchmark, as short as it can be; it fails where an answer is wrong."""
    connected: list[object] = []
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("socket.connect", "socket.getaddrinfo"):
            connected.append(arguments)

    sys.addaudithook(watch)
    run = run_of(verify.run(QUICK), request.run(QUICK))
    watching = False
    assert connected == []
    return replace(run, machine=describe_machine())


def test_every_benchmark_runs_with_right_answers(quick: Run) -> None:
    assert tuple(one.benchmark for one in quick.measured) == BENCHMARKS[:2]
    for one in quick.measured:
        assert all(row.quiet_ns > 0 and row.n > 0 for row in one.rows)
        assert one.rows[0].net_ns == 0


def test_every_benchmark_has_hostile_input_and_peers(quick: Run) -> None:
    for one in quick.measured:
        names = " ".join(row.name for row in one.rows)
        for wanted in ("1 MB", "full stops") if one.benchmark == "verify" else ("hostile",):
            assert wanted in names
        for peer in ("PyJWT", "TTLCache", "clerk-backend-api", "fastapi-clerk-auth"):
            assert peer in names


def test_a_token_is_of_the_size_that_we_say() -> None:
    sizes = {name: len(mint_tokens(make_key(name), 1)[0]) for name in ("RS256", "ES256", "EdDSA")}
    assert sizes == pytest.approx({"RS256": 919, "ES256": 663, "EdDSA": 663}, abs=2)


def test_a_first_sight_meets_no_remembered_header() -> None:
    key = make_key("ES256")
    keys, tokens = KeySet.from_jwks(key.jwks), mint_tokens(key)
    headers = [token.partition(b".")[0] for token in tokens]
    assert len(set(headers)) == len(tokens) > 2 * CHUNK
    attempt = verify._edgepass_verifier(keys)
    for header, token in [*zip(headers, tokens, strict=True)] * 2:
        assert header not in keys._headers
        assert verify._read_answer(attempt(token)) == USER_ID


def test_a_first_request_meets_no_remembered_token() -> None:
    key = make_key("RS256")
    app = request._edgepass(key)
    fields = request._bearer(as_bytes(mint_tokens(key)))
    arguments = request._forgetting(app, request._requests(fields))
    drive = request._driver(app)
    for _ in range(6):
        exchanges = arguments(CHUNK)
        assert len(app._cache) == 0
        assert {request._read_answer(drive(one)) for one in exchanges} == {request.SIGNED_IN}
        assert len(app._cache) == CHUNK


def test_a_request_has_eight_header_fields_in_fresh_objects() -> None:
    first, second = (
        request.Exchange("/", (b"authorization", b"Bearer a")).scope["headers"] for _ in range(2)
    )
    assert first == second
    assert len(first) == 8
    assert all(
        name is not same and value is not equal
        for (name, value), (same, equal) in zip(first, second, strict=True)
    )


def test_a_forged_token_is_another_ones_signature() -> None:
    tokens = mint_tokens(make_key("EdDSA"), 3)
    forged = forge(tokens)
    assert [one.rpartition(b".")[0] for one in forged] == [
        one.rpartition(b".")[0] for one in tokens
    ]
    assert not set(forged) & set(tokens)


def test_a_result_is_read_as_it_was_written(quick: Run, tmp_path: Path) -> None:
    path = tmp_path / "results" / "one.json"
    write_run(quick, path)
    assert read_run(path) == quick
    document = json.loads(path.read_text("utf-8"))
    assert "FewRounds" in {doubt["kind"] for doubt in document["measured"][0]["doubts"]}
    assert document["machine"]["packages"]["PyJWT"]


def test_the_commands_work_together(
    quick: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, readme = tmp_path / "one.json", tmp_path / "README.md"
    write_run(quick, result)
    main(["compare", str(result), str(result)])
    assert "edgepass, warm bearer" in capsys.readouterr().out
    readme.write_text(README.replace("known", "request"), "utf-8")
    main(["readme", str(readme), "--result", str(result)])
    assert "| edgepass, warm bearer |" in readme.read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [["gone"], ["--rounds", "0"], ["compare", "gone", "gone"], ["readme"], ["verify", "compare"]],
)
def test_a_wrong_command_ends_with_an_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code != 0
