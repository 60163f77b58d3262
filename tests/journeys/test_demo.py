"""The demo: it starts, what it prints can be pasted, Ctrl-C stops it, a busy port is one line."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import Process, demo_command, free_port

HOST = "127.0.0.1"


def printed_lines(log: str) -> str:
    """Return what the demo tells a reader to paste: the indented lines."""
    return "\n".join(line[4:] for line in log.splitlines() if line.startswith("    "))


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


def test_the_printed_lines_do_what_they_say_and_ctrl_c_stops_both(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    demo = Process(demo_command(tmp_path, *ports), {}, tmp_path / "demo.log")
    demo.start(f"http://{HOST}:{ports[1]}/")
    demo.wait_for_log("Ctrl-C stops both")

    pasted = printed_lines(demo.log)
    finished = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", pasted],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    me, nobody, forged, sessions, revoked, refused, out = finished.stdout.splitlines()

    assert '"user_id":"ada"' in me
    assert re.search(r'"microseconds":\d+\.\d+', me)
    assert "credential_missing" in nobody
    assert "invalid_token" in forged
    assert '"status":"active"' in sessions
    assert '"status":"revoked"' in revoked
    assert "session_over" in refused
    assert '"sessions":[]' in out
    assert demo.end(signal.SIGINT) == 0
    assert all(is_free(port) for port in ports)


def test_a_busy_port_is_one_clear_line(tmp_path: Path, ports: tuple[int, int]) -> None:
    with socket.socket() as busy:
        busy.bind((HOST, ports[1]))
        busy.listen()
        finished = subprocess.run(
            demo_command(tmp_path, *ports), capture_output=True, text=True, timeout=30, check=False
        )

    assert finished.returncode == 2
    assert finished.stderr == f"demo: port {ports[1]} is in use: stop what uses it and try again\n"
