"""A sidecar in a process of its own whose clock is late: what it mints has expired."""

import os
import sys
import time
from pathlib import Path

import uvicorn

from edgepass_sidecar.app import make_app
from edgepass_sidecar.settings import load_settings
from tests.support.processes import Process, Sidecar

LATE_BY = 120.0  # seconds: more than a token lives, leeway included


class LateSidecar(Sidecar):
    """A sidecar whose clock is `LATE_BY` seconds late."""

    def __init__(self, directory: Path, origin: str) -> None:
        super().__init__(directory, origin)
        command = [sys.executable, "-m", "tests.interop.late_sidecar", str(directory)]
        self.process = Process(command, self.environment, directory / "sidecar.log")


def serve_late(directory: Path) -> None:
    settings = load_settings(os.environ, directory)
    app = make_app(settings, clock=lambda: time.time() - LATE_BY)
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None)


if __name__ == "__main__":
    serve_late(Path(sys.argv[1]))
