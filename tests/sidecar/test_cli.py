"""The command line against a file: sessions and keys, and a wrong setting as one clear line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edgepass_sidecar.cli import main
from tests.support.sidecar import claims_of


class Shell:
    """A terminal in a folder of its own; `run` gives exit code, output and errors."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main(arguments)
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def succeed(self, *arguments: str) -> list[list[str]]:
        code, output, _ = self.run(*arguments)
        assert code == 0
        return [line.split("\t") for line in output.splitlines()]

    def start(self, user: str) -> dict[str, str]:
        lines = self.succeed("sessions", "start", user, "--create-user")
        return dict(lines)


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEPASS_INSTANCE", "development")
    monkeypatch.setenv("EDGEPASS_ALGORITHM", "EdDSA")
    return Shell(capsys)


def test_a_started_session_is_printed_with_its_tokens(shell: Shell) -> None:
    started = shell.start("user_1")
    assert set(started) == {"session_id", "client_token", "session_token"}
    claims = claims_of(started["session_token"])
    assert (claims["sid"], claims["sub"]) == (started["session_id"], "user_1")
    assert claims["iss"] == "http://127.0.0.1:8787"


def test_a_session_for_nobody_is_refused(shell: Shell) -> None:
    code, output, errors = shell.run("sessions", "start", "user_1")
    assert (code, output) == (1, "")
    assert "There is no such user." in errors


@pytest.mark.parametrize("user", ["a b", "", "x" * 129])
def test_a_user_id_that_cannot_be_one_is_refused(shell: Shell, user: str) -> None:
    code, _, errors = shell.run("sessions", "start", user, "--create-user")
    assert code == 1
    assert "cannot be a user id" in errors


def test_sessions_are_listed_newest_first_by_user_and_status(shell: Shell) -> None:
    first, second = shell.start("user_1")["session_id"], shell.start("user_2")["session_id"]
    listed = shell.succeed("sessions", "list")
    assert [line[:3] for line in listed] == [
        [second, "user_2", "active"],
        [first, "user_1", "active"],
    ]
    assert [line[0] for line in shell.succeed("sessions", "list", "--user", "user_1")] == [first]
    assert shell.succeed("sessions", "list", "--status", "revoked") == []


def test_a_list_says_what_it_leaves_out(shell: Shell) -> None:
    for _ in range(3):
        shell.start("user_1")
    code, output, errors = shell.run("sessions", "list", "--limit", "2")
    assert (code, len(output.splitlines())) == (0, 2)
    assert "1 more: use --limit" in errors


def test_a_revoked_session_is_revoked_and_stays_so(shell: Shell) -> None:
    session = shell.start("user_1")["session_id"]
    for _ in range(2):
        assert shell.succeed("sessions", "revoke", session) == [[session, "revoked"]]
    assert [line[2] for line in shell.succeed("sessions", "list")] == ["revoked"]


def test_a_session_that_is_not_there_is_not_revoked(shell: Shell) -> None:
    shell.start("user_1")
    code, _, errors = shell.run("sessions", "revoke", "sess_x")
    assert (code, errors.strip()) == (1, "edgepass: There is no such session.")


def test_a_created_secret_key_is_printed_alone_and_listed_by_its_last_characters(
    shell: Shell,
) -> None:
    code, output, errors = shell.run("keys", "create")
    assert code == 0
    assert re.fullmatch(r"sk_test_[0-9a-f]{64}\n", output)
    (listed,) = [line for line in shell.succeed("keys", "list") if line[1] == "secret"]
    assert listed[0] in errors
    assert listed[2:4] == [f"…{output.strip()[-4:]}", "active"]


def test_a_revoked_secret_key_is_listed_as_such(shell: Shell) -> None:
    shell.succeed("keys", "create")
    (key,) = [line[0] for line in shell.succeed("keys", "list") if line[1] == "secret"]
    assert shell.succeed("keys", "revoke", key) == [[key, "revoked"]]
    (listed,) = [line for line in shell.succeed("keys", "list") if line[1] == "secret"]
    assert listed[3] == "revoked"
    assert shell.run("keys", "revoke", key)[0] == 1


@pytest.mark.parametrize("how", [(), ("--now",)])
def test_a_rotated_key_is_upcoming(shell: Shell, how: tuple[str, ...]) -> None:
    ((key, algorithm, when),) = shell.succeed("keys", "rotate", *how)
    assert algorithm == "EdDSA"
    assert when.startswith("signs from ")
    stages = {line[0]: line[3] for line in shell.succeed("keys", "list")}
    assert stages.pop(key) == "upcoming"
    assert list(stages.values()) == ["active"]


def test_a_revoked_signing_key_has_a_successor(shell: Shell) -> None:
    shell.start("user_1")
    ((key, *_),) = shell.succeed("keys", "list")
    assert shell.succeed("keys", "revoke", key) == [[key, "revoked"]]
    assert [line[3] for line in shell.succeed("keys", "list")] == ["revoked", "active"]


def test_a_key_that_is_not_there_is_not_revoked(shell: Shell) -> None:
    shell.start("user_1")
    code, _, errors = shell.run("keys", "revoke", "key_x")
    assert (code, errors.strip()) == (1, "edgepass: there is no key key_x that still works")


COMMANDS = [
    ("serve",),
    ("sessions", "list"),
    ("sessions", "start", "user_1"),
    ("sessions", "revoke", "sess_x"),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "rotate"),
    ("keys", "revoke", "key_x"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EDGEPASS_TOKEN_LIFETIME", "1h")
    code, output, errors = shell.run(*command)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1
    assert errors.startswith("edgepass: EDGEPASS_TOKEN_LIFETIME: '1h'")


@pytest.mark.parametrize("command", COMMANDS[1:], ids=" ".join)
def test_a_store_in_memory_is_out_of_reach(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EDGEPASS_STORE", "memory:")
    code, _, errors = shell.run(*command)
    assert code == 2
    assert "EDGEPASS_STORE" in errors


def _spoil_the_file() -> None:
    Path("edgepass.db").write_bytes(b"not a database" * 1000)


def _lose_the_master_key() -> None:
    Path("edgepass-master.key").unlink()


@pytest.mark.parametrize(
    ("break_it", "said"),
    [(_spoil_the_file, "not a database"), (_lose_the_master_key, "EDGEPASS_MASTER_KEY")],
)
def test_a_broken_store_is_one_line_and_exit_code_1(
    shell: Shell, break_it: Callable[[], None], said: str
) -> None:
    shell.start("user_1")
    break_it()
    code, _, errors = shell.run("keys", "list")
    assert code == 1
    assert said in errors.splitlines()[-1]
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments", [(), ("sessions",), ("nonsense",), ("sessions", "list", "--status", "gone")]
)
def test_wrong_usage_is_exit_code_2(shell: Shell, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
def test_a_limit_that_is_no_positive_number_is_wrong_usage(shell: Shell, limit: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["sessions", "list", "--limit", limit])
    assert exit_.value.code == 2


@pytest.mark.parametrize(
    "command",
    [("sessions", "list"), ("sessions", "revoke", "x"), ("keys", "list"), ("doctor",)],
    ids=" ".join,
)
def test_what_only_looks_makes_nothing_where_there_is_nothing(
    shell: Shell, command: tuple[str, ...]
) -> None:
    code, _, errors = shell.run(*command)
    assert code == 1
    assert "there is no database at edgepass.db: check EDGEPASS_STORE" in errors
    assert list(Path.cwd().iterdir()) == []


def test_another_algorithm_in_the_environment_changes_no_key(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.start("user_1")
    before = shell.succeed("keys", "list")
    monkeypatch.setenv("EDGEPASS_ALGORITHM", "ES256")
    shell.start("user_2")
    assert shell.succeed("keys", "list") == before
