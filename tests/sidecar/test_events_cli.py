"""The event log on the command line: listed, followed, exported, verified anywhere, erased."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import pytest

from edgepass_sidecar.audit.canonical import canonical
from edgepass_sidecar.audit.export import LONGEST_LINE
from edgepass_sidecar.cli import main
from edgepass_sidecar.commands import events as module
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.exporter import ExportOvertaken
from tests.sidecar.test_cli import Shell
from tests.support.audit import make_event, make_lines, signing_pair

CURSOR, TYPE, USER = 0, 2, 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEPASS_INSTANCE", "development")
    monkeypatch.setenv("EDGEPASS_ALGORITHM", "EdDSA")
    return tmp_path


@pytest.fixture
def shell(folder: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Go to a folder with no store, with settings that nothing could run with."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("EDGEPASS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EDGEPASS_STORE", "nonsense:")
    return folder


def test_events_are_listed_newest_first(shell: Shell) -> None:
    started = shell.start("user_1")
    shell.start("user_2")
    listed = shell.succeed("events", "list")
    assert [line[CURSOR] for line in listed] == ["5", "4", "3", "2", "1"]
    assert [line[TYPE] for line in listed[::-1]] == [
        "key.published", "user.created", "session.created", "user.created", "session.created",
    ]  # fmt: skip
    (line,) = shell.succeed("events", "list", "--session", started["session_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line[1])
    assert line[USER:5] == ["user_1", started["session_id"]]


@pytest.mark.parametrize(
    ("filters", "listed"),
    [
        (("--user", "user_1"), ["3", "2"]),
        (("--type", "user.created"), ["4", "2"]),
        (("--type", "user.created", "--type", "key.published"), ["4", "2", "1"]),
        (("--user", "user_2", "--type", "user.created"), ["4"]),
        (("--client", "client_x"), []),
        (("--after", "3"), ["4", "5"]),
        (("--limit", "2"), ["5", "4"]),
        (("--until", "2020-01-01"), []),
        (("--since", "2020-01-01T00:00:00Z", "--limit", "1"), ["5"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_list_can_be_narrowed(shell: Shell, filters: tuple[str, ...], listed: list[str]) -> None:
    shell.start("user_1")
    shell.start("user_2")
    assert [line[CURSOR] for line in shell.succeed("events", "list", *filters)] == listed


def test_a_list_says_that_there_are_more(shell: Shell) -> None:
    shell.start("user_1")
    assert "there are more: use --limit" in shell.run("events", "list", "--limit", "1")[2]
    assert shell.run("events", "list", "--limit", "3")[2] == ""


@pytest.mark.parametrize(
    "arguments",
    [("--since", "yesterday"), ("--until", "2030-13-01"), ("--after", "-1"), ("--limit", "0")],
)
def test_a_time_or_number_that_is_none_is_wrong_usage(
    shell: Shell, arguments: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["events", "list", *arguments])
    assert exit_.value.code == 2


def test_tail_shows_what_is_there_and_what_comes_until_it_is_told_to_stop(shell: Shell) -> None:
    shell.start("user_1")
    following = subprocess.Popen(
        [sys.executable, "-m", "edgepass_sidecar.cli", "events", "tail", "--type", "user.created"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stderr is not None
    try:
        assert "user_1" in following.stdout.readline()
        shell.start("user_2")
        assert "user_2" in following.stdout.readline()
    finally:
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=20)
    assert (following.returncode, errors) == (0, "")


def export(shell: Shell) -> tuple[Path, Path]:
    """Write an export and its keys, and return the two files."""
    file, keys = Path("events.jsonl").absolute(), Path("keys.json").absolute()
    code, output, _ = shell.run("events", "export", str(file))
    assert (code, output) == (0, "")
    keys.write_text(shell.run("audit", "keys")[1])
    return file, keys


def test_an_export_verifies_where_there_is_neither_a_store_nor_a_setting(
    shell: Shell, request: pytest.FixtureRequest
) -> None:
    shell.start("user_1")
    shell.run("keys", "rotate", "--now")
    file, keys = export(shell)
    folder = request.getfixturevalue("elsewhere")
    code, output, errors = shell.run("audit", "verify", str(file), "--keys", str(keys))
    assert (code, errors) == (0, "")
    assert output.startswith("ok: 4 events, cursors 1 to 4, as of ")
    assert list(folder.iterdir()) == []


def test_without_keys_it_says_what_that_is_worth(shell: Shell) -> None:
    shell.start("user_1")
    file, _ = export(shell)
    code, _, errors = shell.run("audit", "verify", str(file))
    assert code == 0
    assert "damage, but not forgery" in errors


def test_an_export_to_standard_output_is_the_same(
    folder: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["sessions", "start", "user_1", "--create-user"]) == 0
    capsysbinary.readouterr()
    assert main(["events", "export"]) == 0
    Path("piped.jsonl").write_bytes(capsysbinary.readouterr().out)
    assert main(["audit", "verify", "piped.jsonl"]) == 0


def test_an_export_is_for_its_owner_only_and_never_overwrites(shell: Shell) -> None:
    shell.start("user_1")
    file, _ = export(shell)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    before = file.read_bytes()
    code, _, errors = shell.run("events", "export", str(file))
    assert (code, errors.strip()) == (1, f"edgepass: {file} cannot be written: File exists")
    assert file.read_bytes() == before


def test_an_export_that_fails_leaves_no_file_behind(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(core: Core) -> AsyncIterator[bytes]:
        yield b"half"
        raise ExportOvertaken("something happened: export again")

    shell.start("user_1")
    file = Path("events.jsonl")
    with monkeypatch.context() as patched:
        patched.setattr(module, "export_lines", fail)
        patched.setattr(module, "_CHUNK", 1)
        code, _, errors = shell.run("events", "export", str(file))
    assert (code, errors) == (1, "edgepass: something happened: export again\n")
    assert not file.exists()
    assert shell.run("events", "export", str(file))[0] == 0


def test_an_export_for_which_there_is_no_room_leaves_no_file_behind(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_where_there_is_no_room(file: Path) -> BinaryIO:
        file.touch()
        return Path("/dev/full").open("wb")

    shell.start("user_1")
    monkeypatch.setattr(module, "_create", create_where_there_is_no_room)
    code, _, errors = shell.run("events", "export", "events.jsonl")
    assert code == 1
    assert errors == "edgepass: events.jsonl cannot be written: No space left on device\n"
    assert not Path("events.jsonl").exists()


@pytest.mark.parametrize("command", ["export", "list"])
def test_who_reads_no_further_than_the_head_sees_no_error(folder: Path, command: str) -> None:
    assert main(["sessions", "start", "user_1", "--create-user"]) == 0
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "edgepass_sidecar.cli", "events", command],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_what_was_changed_is_named_and_the_exit_code_is_1(shell: Shell) -> None:
    shell.start("user_1")
    file, keys = export(shell)
    file.write_bytes(file.read_bytes().replace(b'"user_1"', b'"user_2"', 1))
    code, output, _ = shell.run("audit", "verify", str(file), "--keys", str(keys))
    assert code == 1
    assert output == "cursor 2: changed: it is not what its digest was made of\n"


def test_keys_of_another_issuer_verify_nothing(shell: Shell) -> None:
    shell.start("user_1")
    file, keys = export(shell)
    keys.write_text(json.dumps({"keys": [signing_pair("another")[1]]}))
    code, output, _ = shell.run("audit", "verify", str(file), "--keys", str(keys))
    assert code == 1
    assert "signed by a key that is not known" in output


def test_neighbours_that_are_wrong_alike_are_one_line_and_a_flood_is_cut(shell: Shell) -> None:
    lines = make_lines([make_event(number) for number in range(1, 500)], batch=50)
    file = Path("events.jsonl")
    kept = [line for i, line in enumerate(lines) if not 10 <= i < 20]
    file.write_bytes(b"\n".join(kept))
    _, output, _ = shell.run("audit", "verify", str(file))
    assert "cursors 10 to 19: removed" in output.splitlines()
    file.write_bytes(b"\n".join(lines[:1] + [b"{}", lines[1]] * 300))
    _, output, _ = shell.run("audit", "verify", str(file))
    assert len(output.splitlines()) == 101
    assert re.fullmatch(r"and \d+ more like these", output.splitlines()[-1])


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


HEADER = make_lines([make_event(1)])[0]
HOSTILE = {
    "empty": b"",
    "a line end": b"\n",
    "not JSON": b"\x00\xff\xfe" * 100,
    "HTML": b"<html>",
    "a number": b"1",
    "null": b"null",
    "an event first": make_lines([make_event(1)])[1],
    "deep": deep(100_000),
    "deep but JSON": deep(900),
    "a huge line": b'{"edgepass_export":"' + b"a" * LONGEST_LINE + b'"}',
    "no line ends": b"a" * (3 * LONGEST_LINE),
    "another version": canonical({"edgepass_export": 2, "issuer": "x", "keys": {}}),
    "version true": canonical({"edgepass_export": True, "issuer": "x", "keys": {}}),
    "no keys": canonical({"edgepass_export": 1, "issuer": "x", "keys": {}}),
    "wrong keys": canonical({"edgepass_export": 1, "issuer": "x", "keys": {"keys": [{"kid": 1}]}}),
    "keys that are a list": canonical({"edgepass_export": 1, "issuer": "x", "keys": []}),
    "an issuer that is a list": canonical({"edgepass_export": 1, "issuer": [], "keys": {}}),
    "spaces": b" " + HEADER,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_export_is_one_line_of_error(shell: Shell, name: str) -> None:
    Path("hostile").write_bytes(HOSTILE[name])
    code, output, errors = shell.run("audit", "verify", "hostile")
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("edgepass: hostile is no export to verify: ")
    assert len(errors) < 300


EVENT = json.loads(make_lines([make_event(1)])[1])
HOSTILE_LINES = {
    "a second header": HEADER,
    "not JSON": b"\x80",
    "deep": deep(100_000),
    "deep but JSON": b'{"data":' + deep(500) + b"}",
    "an empty line": b"",
    "an empty object": b"{}",
    "a text": b'"x"',
    "a checkpoint that is a number": canonical({"checkpoint": 1}),
    "a checkpoint and more": canonical({"checkpoint": "a.b.c", "x": 1}),
    "a huge number": b'{"cursor":' + b"9" * 5000 + b"}",
    "1e999": b'{"cursor":1e999}',
    "a surrogate": rb'{"cursor":"\ud800"}',
    "erased is false": canonical(
        {name: EVENT[name] for name in ("at", "cursor", "digest", "link", "type")}
        | {"erased": False}
    ),
}


def find_in(shell: Shell, line: bytes) -> str:
    """Put `line` behind the second event of five, and return what verifying prints."""
    lines = make_lines([make_event(number) for number in range(1, 6)], batch=3)
    Path("hostile").write_bytes(b"\n".join([*lines[:3], line, *lines[3:]]))
    code, output, errors = shell.run("audit", "verify", "hostile")
    assert code == 1
    assert "Traceback" not in errors
    return output


@pytest.mark.parametrize("name", HOSTILE_LINES)
def test_a_line_that_does_not_belong_is_found_and_breaks_nothing(shell: Shell, name: str) -> None:
    assert re.search(r"^cursors? [1-9]", find_in(shell, HOSTILE_LINES[name]), re.MULTILINE)


@pytest.mark.parametrize("name", EVENT)
def test_a_member_of_a_wrong_type_is_found_and_breaks_nothing(shell: Shell, name: str) -> None:
    others = [canonical(EVENT | {name: v}) for v in (None, -1, True, "\u0000", [], {})]
    without = canonical({n: v for n, v in EVENT.items() if n != name})
    for line in {*others, without} - {canonical(EVENT)}:
        assert re.search(r"^cursors? [1-9]", find_in(shell, line), re.MULTILINE)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"keys":[{}]}', deep(100_000)], ids=lambda c: c[:12].decode()
)
def test_keys_that_are_none_are_one_line_of_error(shell: Shell, content: bytes) -> None:
    Path("keys.json").write_bytes(content)
    code, output, errors = shell.run("audit", "verify", "any", "--keys", "keys.json")
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("edgepass: keys.json holds no keys to verify with: ")


@pytest.mark.parametrize("arguments", [("missing",), (".",), ("any", "--keys", "missing")])
def test_a_file_that_cannot_be_read_is_one_line_of_error(
    shell: Shell, arguments: tuple[str, ...]
) -> None:
    code, _, errors = shell.run("audit", "verify", *arguments)
    assert (code, errors.count("\n")) == (1, 1)
    assert "cannot be read" in errors


def test_a_user_is_erased_and_the_export_still_verifies(shell: Shell) -> None:
    shell.start("user_1")
    code, output, errors = shell.run("purge", "--user", "user_1")
    assert (code, output) == (0, "user_1\terased\t0 events\n")
    assert "6 minutes" in errors
    assert shell.succeed("sessions", "list") == []
    file, keys = export(shell)
    assert shell.run("audit", "verify", str(file), "--keys", str(keys))[0] == 0
    code, _, errors = shell.run("purge", "--user", "user_2")
    assert (code, errors.strip()) == (1, "edgepass: There is no such user.")
