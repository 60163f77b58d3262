"""Keys that were given at start: nothing is fetched, and what is withdrawn is gone."""

from collections.abc import Callable

from edgepass._key_set import KeySet


class FixedKeys:
    """A source of keys that holds `keys`. `on_change` is called when one of them is withdrawn."""

    def __init__(self, keys: KeySet, on_change: Callable[[], None]) -> None:
        self._keys = keys
        self._on_change = on_change
        for _ in keys.widen():
            pass  # at start there is nobody whose turn it could be

    def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def held_keys(self) -> KeySet:
        return self._keys

    async def find_keys(self) -> KeySet:
        return self._keys

    async def find_newer_keys(self, present: KeySet) -> None:
        return None

    def accept_keys(self, keys: KeySet) -> None:
        """Pass over what the issuer sends: who gave keys at start trusts these and no others."""

    def withdraw_key(self, key_id: str) -> bool:
        is_new = key_id in self._keys
        self._keys = self._keys.without({key_id})
        self._on_change()
        return is_new
