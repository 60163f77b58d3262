"""The benchmark of what revocations cost the edge that keeps them."""

import pytest

from bench import entries, request
from bench.harness import CHUNK, Measurement, Plan
from bench.tokens import as_bytes, make_key, mint_tokens

QUICK = Plan(rounds=2, batch_ns=50_000, samples=16)
MANY = 1_000


@pytest.fixture(scope="module")
def quick() -> Measurement:
    """The benchmark, as short as it can be; it fails where an answer is wrong."""
    return entries.measure_entries(QUICK, MANY)


def test_look_ups_requests_and_messages_are_measured_without_entries_and_with_many(
    quick: Measurement,
) -> None:
    assert [row.name for row in quick.rows] == [
        "empty call",
        "validate, 0 entries",
        "validate, 1,000 entries",
        "bare app",
        "warm bearer, feed off",
        "warm bearer, feed on, no entries",
        "warm bearer, feed on, 1,000 entries",
        "warm bearer, feed on, 1,000 entries, after a message",
        "revoked (401), feed on, 1,000 entries",
        "a message, 64 entries",
        "a message, 1,000 entries",
    ]
    assert all(row.quiet_ns > 0 and row.n > 0 for row in quick.rows)


def test_many_entries_are_compared_with_none(quick: Measurement) -> None:
    compared = {row.name: [ratio.to for ratio in row.ratios] for row in quick.rows}
    assert compared["validate, 1,000 entries"] == ["validate, 0 entries"]
    assert compared["warm bearer, feed on, 1,000 entries"] == [
        "warm bearer, feed off",
        "warm bearer, feed on, no entries",
    ]


def test_its_output_says_what_an_entry_takes_of_memory(quick: Measurement) -> None:
    (said,) = (note for note in quick.notes if note.startswith("memory"))
    allocated = float(said.partition(": ")[2].split()[0])
    # Less than the text of a session id in a dict would be another measure, more than the
    # whole message no entry.
    assert 80 < allocated < 400


def test_a_request_after_a_message_is_looked_up_again() -> None:
    key = make_key("ES256")
    tokens = mint_tokens(key, 2)
    app = entries._edge(key, tokens, "sk_test_edge", MANY)
    fields = request._bearer(as_bytes(tokens))
    after = entries._after_a_message(app, request._requests(fields))
    drive = request._driver(app)
    for _ in range(3):
        exchanges = after(len(tokens))
        looked_up = [entry.version for entry in app._cache._young.values()]
        assert app._revocations.version not in looked_up
        assert {request._read_answer(drive(one)) for one in exchanges} == {request.SIGNED_IN}
        looked_up = [entry.version for entry in app._cache._young.values()]
        assert set(looked_up) == {app._revocations.version}


def test_as_many_entries_end_as_come() -> None:
    for one in entries._messages(MANY):
        kept = [one.call(argument) for argument in one.arguments(3 * CHUNK)]
        assert {one.read(number) for number in kept} == {"kept"}
