"""Log lines as JSON objects, one per line, on standard error."""

import json
import logging
import re
import time
from typing import Any

import orjson

# Session, client and refresh tokens, tickets, nonces, keys of all kinds: each by its shape.
_SECRETS = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*){0,2}"
    r"|(?:client|sit|act)_\w+\.[0-9a-f]{8,}"
    r"|key_[0-9a-f]{24}\.[\w-]{86,}(?:\.client_\w+)?|whsec_[\w+/=]+|\b[oa][0-9a-f]{64}\b"
    r"|[se]k_(?:live|test)_\w{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\w+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and what was passed as `extra`; secrets masked.

    None is logged on purpose. A traceback ends in a text that somebody else
    wrote, and what it quotes nobody knows.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        try:
            text = orjson.dumps(line, default=str).decode()
        except orjson.JSONEncodeError:
            # A lone surrogate, say, out of a path: the line is worth more than its spelling.
            text = json.dumps(line, default=str)
        return _SECRETS.sub("[masked]", text)


def configure_logs() -> None:
    """Send everything from INFO on to standard error; other people's libraries from WARNING."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("edgepass", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
