"""A JWK Set as a value: the usable keys of one issuer, by key id (RFC 7517 section 5)."""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice

from edgepass._errors import AlgorithmNotAllowed, KeySetRefused, UnknownKey
from edgepass._json import parse_object
from edgepass._jwk import UnusableKey, VerificationKey, parse_jwk
from edgepass._jws import Shape, find_shape, parse_header, split_header
from edgepass._signatures import Backend, preferred_backend

MAXIMUM_DOCUMENT_BYTES = 256 * 1024
MAXIMUM_KEYS = 64
_REMEMBERED_HEADERS = 64
_WIDENED_KEYS = 8

# The algorithm, the key, and when the claims were gathered.
Resolved = tuple[str, VerificationKey, float | None]


class KeySet:
    """The public keys of one issuer that can verify a session token."""

    __slots__ = ("_headers", "_keys", "left_out")

    def __init__(self, keys: Iterable[VerificationKey], left_out: tuple[str, ...] = ()) -> None:
        self._keys = {key.key_id: key for key in keys}
        self._headers: dict[Shape, Resolved] = {}
        self.left_out = left_out
        """Why each unusable member of the document was left out; safe to log."""

    @classmethod
    def from_jwks(
        cls, document: bytes | Mapping[str, object], *, backend: Backend | None = None
    ) -> "KeySet":
        """Read a JWK Set of at most 256 kB and 64 keys.

        A member that cannot verify a session token is left out, and the reason
        kept in `left_out`; two members with one `kid` are both left out, because
        nobody can say which one signs. Raises `TokenRefused` with the code
        `key_set_refused` when the document is no JWK Set or is too large. An
        empty set is a value: it verifies nothing.
        """
        members = _parse_members(document)
        keys: dict[str, VerificationKey] = {}
        left_out: list[str] = []
        repeated: set[str] = set()
        for member in members:
            try:
                key = parse_jwk(member, backend or preferred_backend())
            except UnusableKey as error:
                left_out.append(str(error))
                continue
            if key.key_id in keys:
                repeated.add(key.key_id)
            keys[key.key_id] = key
        for key_id in repeated:
            del keys[key_id]
            left_out.append(f"key {key_id!r}: more than one key has this kid")
        return cls(keys.values(), tuple(left_out))

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key_id: object) -> bool:
        return key_id in self._keys

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeySet):
            return NotImplemented
        return self._identity() == other._identity()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"KeySet({sorted(self._keys)})"

    def resolve(self, segment: bytes) -> Resolved:
        """Return what a token's header segment asks for.

        Raises `UnknownKey`, `AlgorithmNotAllowed`, or what `parse_header` raises.
        """
        header = parse_header(segment)
        key = self._keys.get(header.key_id)
        if key is None:
            raise UnknownKey("the key set has no usable key of this kid")
        # The key decides (RFC 8725 section 3.1): the header can only agree with it.
        if header.algorithm not in key.algorithms:
            raise AlgorithmNotAllowed("alg is not the one that the key is for")
        return header.algorithm, key, header.originally_issued_at

    def recall(self, segment: bytes) -> Resolved | None:
        """Return what `resolve` does, without parsing; `None` for a header not remembered."""
        pieces = split_header(segment)
        if pieces is None:
            return self._headers.get(segment)
        before, originally_issued_at, after = pieces
        remembered = self._headers.get((before, after))
        if remembered is None:
            return None
        algorithm, key, _ = remembered
        return algorithm, key, originally_issued_at

    def remember(self, segment: bytes, resolved: Resolved) -> None:
        """Recall this header from here on, whatever the time in its `oiat`.

        Only for a segment whose token was verified: nobody else may decide what
        is kept. All tokens of a key that are of one kind share an entry.
        """
        shape = find_shape(segment)
        if shape is not None:
            if len(self._headers) >= _REMEMBERED_HEADERS:
                self._headers.clear()
            self._headers[shape] = resolved

    def without(self, key_ids: AbstractSet[str]) -> "KeySet":
        """Return the set without the keys of these ids."""
        if key_ids.isdisjoint(self._keys):
            return self
        kept = (key for key_id, key in self._keys.items() if key_id not in key_ids)
        return KeySet(kept, self.left_out)

    def widen(self) -> Iterator[None]:
        """Make verifying faster where that takes tables, in steps of about 1 ms.

        Tables are 1 to 1.3 MB a key, so only the first 8 keys get them.
        """
        for key in islice(self._keys.values(), _WIDENED_KEYS):
            yield from key.signature_key.widen()

    def _identity(self) -> dict[str, tuple[object, ...]]:
        return {key.key_id: (key.algorithms, *key.material) for key in self._keys.values()}


def _parse_members(document: bytes | Mapping[str, object]) -> list[object]:
    if isinstance(document, bytes):
        if len(document) > MAXIMUM_DOCUMENT_BYTES:
            raise KeySetRefused("the key set is larger than 256 kB")
        try:
            document = parse_object(document)
        except ValueError as error:
            raise KeySetRefused(f"the key set is not strict JSON: {error}") from None
    members = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(members, list):
        raise KeySetRefused("the key set has no list named keys")
    if len(members) > MAXIMUM_KEYS:
        raise KeySetRefused("the key set has more than 64 keys")
    return members
