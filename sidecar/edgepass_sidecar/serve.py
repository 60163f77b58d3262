"""Runs the sidecar under uvicorn: one socket, one process, a graceful end."""

import asyncio
import logging
import signal
import socket
import sys

import uvicorn
from starlette.applications import Starlette

from edgepass_sidecar.app import make_app
from edgepass_sidecar.logs import configure_logs
from edgepass_sidecar.opening import opened_core
from edgepass_sidecar.settings import Settings, WrongSetting

# Seconds that requests under way may take once the sidecar is told to stop.
GRACE = 10
_BACKLOG = 2048
_log = logging.getLogger("edgepass")


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is under way.

    Raises `WrongSetting` when the address cannot be listened on, and what opening
    the store and the signing keys raises.
    """
    listener = _listen(settings.host, settings.port)
    configure_logs()
    asyncio.run(_rehearse(settings))
    app = make_app(settings)
    config = uvicorn.Config(
        app,
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        # Our own lines leave out queries and headers; see api/guard.py.
        access_log=False,
        # X-Forwarded-For is read by our own rule: from the right, past trusted proxies only.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=75,
    )
    _log.info(
        "edgepass serves %s at %s:%d with %s, signing with %s",
        settings.public_url,
        settings.host,
        settings.port,
        settings.store.partition(":")[0],
        settings.algorithm,
    )
    for told_to_stop in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal once more when it is done; a stop that was
        # asked for and went well ends with exit code 0.
        signal.signal(told_to_stop, lambda *_: None)
    server = _Server(config, app)
    server.run(sockets=[listener])
    if not server.started:
        raise SystemExit(3)


class _Server(uvicorn.Server):
    """Lets the edges go that listen to the feed, or a stop would wait for them in vain."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.context.feed.close()
        await super().shutdown(sockets)


async def _rehearse(settings: Settings) -> None:
    # What cannot be opened is one clear line here; from within the server's
    # own start it would be a page of traceback.
    async with opened_core(settings):
        pass


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise WrongSetting(
            "LISTEN",
            f"{host}:{port} cannot be listened on ({error.strerror or error}):"
            " stop what uses it, or choose another port",
        ) from None
    listener.setblocking(False)
    return listener
