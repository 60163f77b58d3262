"""City and country of an address, from an .mmdb database that the operator supplies."""

from ipaddress import ip_address
from pathlib import Path
from typing import Protocol, Self

from cachetools import LRUCache

Location = tuple[str | None, str | None]

NOWHERE: Location = (None, None)
LONGEST_NAME = 64
_REMEMBERED = 4096


class _Database(Protocol):
    def get(self, ip_address: str) -> object: ...

    def close(self) -> None: ...


class Locations:
    """Finds where addresses are. Names are in English; a database may know countries only.

    The file is mapped into memory: replace it by renaming another over it, and open
    it again; to shorten it in place would crash the process.
    """

    def __init__(self, database: _Database) -> None:
        self._database = database
        # A session refreshes every minute from where it was a minute ago.
        self._remembered: LRUCache[str, Location] = LRUCache(_REMEMBERED)

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open the database at `path`, or raise `ValueError` saying what is wrong with it."""
        try:
            import maxminddb
        except ImportError:
            raise ValueError(
                "reading locations needs the package maxminddb:"
                " install it with: pip install 'edgepass[location]'"
            ) from None
        try:
            return cls(maxminddb.open_database(str(path)))
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
        except (maxminddb.InvalidDatabaseError, ValueError, TypeError, UnicodeError):
            raise ValueError(
                f"{path} is not a MaxMind database (.mmdb), or is damaged: download it again"
            ) from None

    def find(self, ip_address: str) -> Location:
        """Return city and country, each `None` where unknown. Never raises.

        Addresses that are nobody's on the internet (private, loopback, link-local)
        are nowhere, whatever the database says.
        """
        found = self._remembered.get(ip_address)
        if found is None:
            found = self._look_up(ip_address)
            self._remembered[ip_address] = found
        return found

    def close(self) -> None:
        """Let go of the file; from then on every address is nowhere."""
        self._remembered.clear()
        self._database.close()

    def _look_up(self, text: str) -> Location:
        try:
            record = self._database.get(text) if ip_address(text).is_global else None
        except (ValueError, RuntimeError, TypeError, SystemError):
            # No address, IPv6 in a database of IPv4, or closed; the others are what the
            # package raises for damage that it does not find when it opens a file.
            return NOWHERE
        if not isinstance(record, dict):
            return NOWHERE
        return _find_name(record.get("city")), _find_name(record.get("country"))


def _find_name(place: object) -> str | None:
    """Return a place's English name, be it MaxMind's map of names or, as elsewhere, text."""
    if isinstance(place, dict):
        names = place.get("names")
        place = names.get("en") if isinstance(names, dict) else None
    if not isinstance(place, str):
        return None
    return "".join(filter(str.isprintable, place))[:LONGEST_NAME].strip() or None
