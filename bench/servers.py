"""Servers in processes of their own, on a core of their own, and the processor time they use."""

import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.harness import AnswerWrong

HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds to start, and to end
_LOG_SHOWN = 2_000


class ServerFailed(AnswerWrong):
    """A server gave no answer at all."""


class Server:
    """A child process that listens on `port`. It starts at once; `stop` has to be called."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        port: int,
        cwd: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self._log = log
        kept = {key: value for key, value in os.environ.items() if not key.startswith("EDGEPASS_")}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**kept, **(environment or {})},
                stdout=output,
                stderr=output,
            )
        self._clock = _processor_clock(self._process.pid)

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerFailed(f"{self.name}: ended with {self._tail()}")
            try:
                socket.create_connection((HOST, self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise ServerFailed(f"{self.name}: does not listen: {self._tail()}")

    def pin(self, cores: set[int]) -> None:
        """Keep each of its threads, and those to come, on `cores`."""
        _pin(self._process.pid, cores)

    def used_ns(self) -> int:
        """Return the user and system time of all its threads so far."""
        return time.clock_gettime_ns(self._clock)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tail(self) -> str:
        text = self._log.read_text("utf-8", "replace")[-_LOG_SHOWN:]
        return f"{self._process.returncode}: {text.strip() or 'it said nothing'}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def split_cores() -> tuple[set[int], set[int]]:
    """Return the core of the servers and the one of those who ask; they may be the same."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[0]}, {cores[-1]}


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Keep this process on `cores` for a while."""
    before = os.sched_getaffinity(0)
    _pin(os.getpid(), cores)
    try:
        yield
    finally:
        _pin(os.getpid(), before)


def _pin(pid: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def _processor_clock(pid: int) -> int:
    # In nanoseconds, where /proc/PID/stat counts hundredths of a second: a turn is
    # a few tenths.
    clock = ctypes.c_int()
    failure = ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock))
    if failure:
        raise OSError(failure, os.strerror(failure))
    return clock.value
