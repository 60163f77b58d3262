"""What a run was measured on, and who else used the processor meanwhile."""

import os
import platform
import re
import ssl
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edgepass._signatures import preferred_backend

PACKAGES = (
    "edgepass",
    "cryptography",
    "PyJWT",
    "starlette",
    "cachetools",
    "clerk-backend-api",
    "fastapi-clerk-auth",
)
_STAT = Path("/proc/stat")
_IDLE, _IOWAIT, _GUEST = 3, 4, 8  # columns of the cpu line, proc_stat(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The hardware and the software that decide what a figure means."""

    processor: str
    cores: int
    system: str
    python: str
    openssl: str
    signature_path: str
    packages: dict[str, str]

    def line(self) -> str:
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return (
            f"{self.processor}, {self.cores} cores, {self.system}; {self.python}, {self.openssl}; "
            f"{packages}; signatures by {self.signature_path}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Processor time during a measurement, in seconds; `None` where the system does not tell."""

    elapsed: float
    own: float
    others: float | None
    traced: bool


def describe_machine() -> Machine:
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        openssl=" ".join(ssl.OPENSSL_VERSION.split()[:2]),
        signature_path=preferred_backend().name,
        packages={name: found for name in PACKAGES if (found := _find_version(name))},
    )


class UsageMeter:
    """Reads who used the processor from the moment that it is made."""

    def __init__(self) -> None:
        self._elapsed = time.perf_counter()
        self._own = time.process_time()
        self._busy = _busy_seconds()

    def read(self) -> Usage:
        own = time.process_time() - self._own
        busy = _busy_seconds()
        others = None
        if busy is not None and self._busy is not None:
            others = max(0.0, busy - self._busy - own)
        return Usage(
            elapsed=time.perf_counter() - self._elapsed,
            own=own,
            others=others,
            traced=sys.gettrace() is not None or sys.getprofile() is not None,
        )


def _busy_seconds() -> float | None:
    """Return what all processes of the machine used, a hypervisor's share included."""
    try:
        line = _STAT.read_text("ascii").partition("\n")[0]
    except OSError:
        return None
    # What guests use is counted in user time already.
    ticks = [int(field) for field in line.split()[1:]][:_GUEST]
    busy = sum(ticks) - ticks[_IDLE] - ticks[_IOWAIT]
    return busy / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
