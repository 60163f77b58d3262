"""The event log as an export: everything that is kept, sealed to its end and signed."""

from collections.abc import AsyncIterator
from hashlib import sha256

from edgepass_sidecar.audit.chain import GENESIS
from edgepass_sidecar.audit.checkpoint import Jwk, Statement, sign_statement
from edgepass_sidecar.audit.export import Closing, closing_line, event_line, header_line
from edgepass_sidecar.event_log import EventQuery
from edgepass_sidecar.seals import Batch
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.sealer import seal_everything

_PAGE = 500


class ExportOvertaken(Exception):
    """Something happened meanwhile that the export cannot hold; another attempt may."""


async def list_public_keys(core: Core) -> list[Jwk]:
    """Return all public keys known that sign or ever signed, oldest first where known."""
    _, keys = await core.store.load_signing_keys()
    known: dict[str, Jwk] = {}
    for jwk in await _published(core):
        known.setdefault(jwk["kid"], jwk)
    for jwk in (*await core.store.load_checkpoint_keys(), *(key.public_jwk for key in keys)):
        known.setdefault(jwk["kid"], jwk)
    return list(known.values())


async def _published(core: Core) -> list[Jwk]:
    query, found = EventQuery(types=frozenset(("key.published",)), limit=_PAGE), list[Jwk]()
    while True:
        entries = await core.store.find_events(query)
        # Keys of stores that began before their events held them are in the others.
        found += [e.data["public_jwk"] for _, e in entries if "public_jwk" in e.data]
        if len(entries) < _PAGE:
            return found
        query = EventQuery(types=query.types, limit=_PAGE, after=entries[-1][0])


async def _validate_batch(core: Core, batch: Batch, last: int, key_ids: set[str]) -> None:
    """Raise `ExportOvertaken` unless `batch` follows the cursor `last` and its key is known."""
    if last and await core.store.oldest_cursor() > last + 1:
        raise ExportOvertaken("old events were deleted meanwhile: export again")
    if batch.key["kid"] not in key_ids:
        raise ExportOvertaken("the signing key changed meanwhile: export again")


async def export_lines(core: Core) -> AsyncIterator[bytes]:
    """Yield the lines of an export without line ends. Raises `ExportOvertaken`, `NoActiveKey`.

    It goes on until nothing is left unsealed: an event that was erased while it was
    written is followed by the erasure that accounts for it.
    """
    await seal_everything(core)
    keys = await list_public_keys(core)
    key_ids = {key["kid"] for key in keys}
    signer = core.keys.signer(core.clock())
    header = header_line(core.issuer, keys)
    yield header
    first, last, count = 0, 0, 0
    start = link = GENESIS
    while True:
        batch = await core.store.find_batch(last)
        if batch is None:
            await seal_everything(core)
            if await core.store.find_batch(last) is None:
                break
            continue
        if not last:
            first, start = batch.first, batch.previous
        await _validate_batch(core, batch, last, key_ids)
        for sealed in batch.sealed:
            yield event_line(sealed)
            link = sealed.seal.link
        yield closing_line(Closing(batch.checkpoint, is_end=False))
        last, count = batch.last, count + len(batch.sealed)
    end = Statement(
        issuer=core.issuer,
        first=first,
        last=last,
        previous=start,
        link=link,
        count=count,
        at=core.clock(),
        header=sha256(header).digest(),
    )
    yield closing_line(Closing(sign_statement(end, signer), is_end=True))
