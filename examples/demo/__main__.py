"""Starts the sidecar and the demo app, says where to look, and stops both on Ctrl-C."""

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

HOST = "127.0.0.1"
PATIENCE = 30.0  # seconds for both to answer


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    for port in (chosen.sidecar_port, chosen.app_port):
        if not _is_free(port):
            print(f"demo: port {port} is in use: stop what uses it and try again", file=sys.stderr)
            return 2
    # SIGTERM ends the demo as Ctrl-C does, so neither leaves a child behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    children: list[subprocess.Popen[bytes]] = []
    try:
        children += _start(chosen)
        if not _is_up(chosen, children):
            print("demo: a part did not start; what it said is above", file=sys.stderr)
            return 1
        print(_greeting(chosen), flush=True)
        while all(child.poll() is None for child in children):
            time.sleep(0.2)
        print("demo: a part stopped by itself; what it said is above", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopping both")
        return 0
    finally:
        _stop(children)


def _start(chosen: argparse.Namespace) -> list[subprocess.Popen[bytes]]:
    chosen.directory.mkdir(parents=True, exist_ok=True)
    issuer, origin = _url(chosen.sidecar_port), _url(chosen.app_port)
    secret_key = "sk_test_" + secrets.token_hex(32)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EDGEPASS_")}
    sidecar_settings = kept | {
        "EDGEPASS_INSTANCE": "development",
        "EDGEPASS_LISTEN": f"{HOST}:{chosen.sidecar_port}",
        "EDGEPASS_STORE": f"sqlite:///{chosen.directory.resolve()}/edgepass.db",
        "EDGEPASS_SECRET_KEYS": secret_key,
        "EDGEPASS_ALLOWED_ORIGINS": origin,
    }
    app_settings = kept | {"DEMO_ISSUER": issuer, "DEMO_SECRET_KEY": secret_key}
    serve = [sys.executable, "-m", "edgepass_sidecar.cli", "serve"]
    run_app = [sys.executable, "-m", "uvicorn", "examples.demo.app:app", "--log-level", "warning"]
    run_app += ["--host", HOST, "--port", str(chosen.app_port)]
    # In sessions of their own: Ctrl-C is for us, and we stop them one after the other.
    return [
        subprocess.Popen(serve, env=sidecar_settings, start_new_session=True),
        subprocess.Popen(run_app, env=app_settings, start_new_session=True),
    ]


def _is_up(chosen: argparse.Namespace, children: list[subprocess.Popen[bytes]]) -> bool:
    deadline = time.monotonic() + PATIENCE
    pages = [f"{_url(chosen.sidecar_port)}/v1/health", f"{_url(chosen.app_port)}/"]
    while pages and time.monotonic() < deadline:
        if any(child.poll() is not None for child in children):
            return False
        try:
            with urllib.request.urlopen(pages[0], timeout=1):
                pages.pop(0)
        except OSError:
            time.sleep(0.1)
    return not pages


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in reversed(children):
        child.terminate()
    for child in children:
        try:
            child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _greeting(chosen: argparse.Namespace) -> str:
    app, issuer = _url(chosen.app_port), _url(chosen.sidecar_port)
    template = Path(__file__).with_name("greeting.txt").read_text("utf-8")
    return template.replace("{{app}}", app).replace("{{issuer}}", issuer)


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--sidecar-port", type=int, default=8787)
    parser.add_argument("--app-port", type=int, default=8000)
    parser.add_argument("--directory", type=Path, default=Path(".demo"), help="of the database")
    return parser


if __name__ == "__main__":
    sys.exit(main())
