"""`edgepass webhooks`: dead letters as a list, and another chance for one or all of them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from edgepass_sidecar.commands import webhooks
from edgepass_sidecar.delivery import TRIED_FOR, Delivery, DeliveryStatus
from edgepass_sidecar.stores.sqlite import SqliteStore
from tests.sidecar.test_cli import Shell, shell
from tests.support.issuer import NOW

__all__ = ["shell"]
READER = "webhooks"


async def bury(*cursors: int) -> None:
    store = SqliteStore(Path("edgepass.db"))
    await store.open()
    await store.begin_reading(READER)
    letters = [
        Delivery(
            cursor=cursor,
            message_id=f"msg_{cursor}",
            type="session.created",
            sequence=f"sess_{cursor}",
            body=b'{"secret":"body"}',
            created_at=float(NOW),
            give_up_at=NOW + TRIED_FOR,
            due_at=float(NOW),
        )
        for cursor in cursors
    ]
    since = await store.load_position(READER)
    assert await store.enqueue_deliveries(READER, since, max(cursors), letters)
    for claimed in await store.claim_deliveries(NOW, NOW + 1.0, len(cursors)):
        changed = replace(
            claimed, status=DeliveryStatus.DEAD, attempts=33, problem="it was down", claimed_until=0
        )
        assert await store.put_back_delivery(claimed, changed)
    await store.close()


@pytest.fixture
def made(shell: Shell) -> Shell:
    """Return a terminal in a folder with a store."""
    shell.succeed("keys", "create")
    return shell


def listed(shell: Shell, *arguments: str) -> list[str]:
    return [fields[0] for fields in shell.succeed("webhooks", "list", *arguments)]


def test_where_nothing_died_the_list_is_empty(made: Shell) -> None:
    assert made.succeed("webhooks", "list") == []


def test_a_dead_letter_is_listed_with_its_attempts_and_what_was_wrong(made: Shell) -> None:
    asyncio.run(bury(100_017))
    (line,) = made.succeed("webhooks", "list")
    date = line.pop(3)
    assert line == ["100017", "session.created", "sess_100017", "33 attempts", "it was down"]
    assert date.endswith("Z")


def test_a_long_list_comes_in_parts(made: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "LISTED", 2)
    asyncio.run(bury(100_001, 100_002, 100_003))
    _, output, errors = made.run("webhooks", "list")
    assert len(output.splitlines()) == 2
    assert errors.strip() == "there are more: use --after 100002"
    assert listed(made, "--after", "100002") == ["100003"]


def test_one_is_replayed_and_the_others_stay(made: Shell) -> None:
    asyncio.run(bury(100_001, 100_002))
    assert made.succeed("webhooks", "replay", "100001") == [["1", "due"]]
    assert listed(made) == ["100002"]


def test_all_are_replayed_at_once_even_if_there_are_none(made: Shell) -> None:
    asyncio.run(bury(100_001, 100_002))
    assert made.succeed("webhooks", "replay", "--all") == [["2", "due"]]
    assert made.succeed("webhooks", "replay", "--all") == [["0", "due"]]
    assert listed(made) == []


def test_what_is_no_dead_letter_is_not_replayed(made: Shell) -> None:
    code, output, errors = made.run("webhooks", "replay", "7")
    assert (code, output) == (1, "")
    assert "There is no such dead letter." in errors


@pytest.mark.parametrize(
    "arguments", [[], ["7", "--all"], ["seven"], ["-1"], ["9" * 19]], ids=" ".join
)
def test_what_to_replay_is_said_in_one_way(made: Shell, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        made.run("webhooks", "replay", *arguments)
    assert exited.value.code == 2


def test_where_there_is_no_store_none_is_made(shell: Shell) -> None:
    code, _, errors = shell.run("webhooks", "list")
    assert code == 1
    assert "there is no database" in errors
    assert not Path("edgepass.db").exists()
