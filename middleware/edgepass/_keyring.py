"""When an edge fetches its issuer's keys, and which it holds meanwhile (RFC 9111, RFC 5861).

Every `moment` is a reading of a monotonic clock in seconds, every `jitter` a
random number from 0 to 1: both are the caller's, so that this stays a rule.
"""

from edgepass._key_set import KeySet

USABLE_FOR = 24 * 3600.0
SHORTEST_FRESH_FOR, LONGEST_FRESH_FOR = 10.0, 3600.0
FIRST_RETRY_AFTER, LONGEST_RETRY_AFTER = 1.0, 60.0
BURST_OF_DEMANDS = 3
SECONDS_PER_DEMAND = 10.0


class Keyring:
    """The last good key set, and the decision to fetch the next.

    Fetches are due at 50 to 90 % of what the issuer calls fresh, then by a
    back-off of up to 1, 2, 4 … 60 seconds while the issuer fails. A failure replaces
    nothing; the last good keys stay usable for 24 hours.
    """

    def __init__(self) -> None:
        self._keys: KeySet | None = None
        self._withdrawn: set[str] = set()
        self._fetched_moment = 0.0
        self._due_moment: float | None = None
        self._failures = 0
        self._demands = float(BURST_OF_DEMANDS)
        self._demanded_moment: float | None = None

    def find_keys(self, moment: float) -> KeySet | None:
        """Return the keys to verify with, or `None` if none were had within 24 hours."""
        if self._keys is None or moment - self._fetched_moment >= USABLE_FOR:
            return None
        return self._keys

    def replace(self, keys: KeySet | None, moment: float, fresh_for: float, jitter: float) -> bool:
        """Hold `keys` (`None`: the issuer confirmed those held) and say whether they differ.

        What was withdrawn stays out, whatever an older copy of the key set says.
        """
        if keys is not None:
            keys = keys.without(self._withdrawn)
        changed = keys is not None and keys != self._keys
        if keys is not None and changed:
            self._keys = keys
        fresh_for = min(max(fresh_for, SHORTEST_FRESH_FOR), LONGEST_FRESH_FOR)
        self._fetched_moment = moment
        self._due_moment = moment + fresh_for * (0.5 + 0.4 * jitter)
        self._failures = 0
        return changed

    def withdraw(self, key_id: str) -> bool:
        """Hold this key never again; say whether that is new."""
        is_new = key_id not in self._withdrawn
        self._withdrawn.add(key_id)
        if self._keys is not None:
            self._keys = self._keys.without(self._withdrawn)
        return is_new

    def postpone(self, moment: float, jitter: float) -> None:
        """Note that a fetch failed: the next is due after a back-off."""
        retry_after = min(FIRST_RETRY_AFTER * 2.0**self._failures, LONGEST_RETRY_AFTER)
        self._failures = min(self._failures + 1, 16)
        self._due_moment = moment + retry_after * (0.5 + 0.5 * jitter)

    def due_in(self, moment: float) -> float:
        """Return the seconds until the next fetch is due, 0 when it is."""
        return 0.0 if self._due_moment is None else max(0.0, self._due_moment - moment)

    def wants_fetch_on_demand(self, moment: float) -> bool:
        """Say whether a request that lacks a key may cause a fetch, and count it if so.

        The sender of a token chooses its `kid`. One budget for all of them, 3 at
        once and then 1 in 10 seconds, so that no sender chooses how often we
        call the issuer.
        """
        if self._demanded_moment is not None:
            earned = (moment - self._demanded_moment) / SECONDS_PER_DEMAND
            self._demands = min(float(BURST_OF_DEMANDS), self._demands + earned)
        self._demanded_moment = moment
        if self._demands < 1.0:
            return False
        self._demands -= 1.0
        return True
