"""Where the master key comes from; in development it is made on first use."""

import base64
import logging
import os
import secrets
import stat
from pathlib import Path

from edgepass_sidecar.key_material import MASTER_KEY_BYTES
from edgepass_sidecar.settings import Settings, WrongSetting, read_master_key

DEVELOPMENT_FILE = "edgepass-master.key"
_log = logging.getLogger("edgepass.keys")


def find_master_key(settings: Settings) -> bytes:
    """Return the key from the settings; without one, in development, from a file made for it.

    That file lies beside the database, readable by its owner only.
    """
    if settings.master_key_file is not None:
        _warn_if_readable_by_others(settings.master_key_file)
    if settings.master_key is not None:
        return settings.master_key
    if settings.store == "memory:":
        return secrets.token_bytes(MASTER_KEY_BYTES)  # nothing outlives the process
    file = settings.master_key_file or settings.sqlite_path.with_name(DEVELOPMENT_FILE)
    try:
        return _make(file)
    except FileExistsError:
        return read_master_key(file)
    except OSError as error:
        raise WrongSetting("MASTER_KEY_FILE", f"{file} cannot be made: {error}") from None


def _make(file: Path) -> bytes:
    key = secrets.token_bytes(MASTER_KEY_BYTES)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(key) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link fails where the name is taken: of two processes that start
        # together one makes the file, and nobody ever reads half of it.
        os.link(draft, file)
    finally:
        draft.unlink()
    _log.warning("development: made a master key in %s; keep it with the database", file)
    return key


def _warn_if_readable_by_others(file: Path) -> None:
    if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o007:
        _log.warning("%s holds the master key and everyone may read it: chmod 600", file)
