"""Exports of the event log, made without a store: events, keys, and the lines of a file."""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

from edgepass_sidecar.audit.chain import GENESIS, Entry, Sealed, erase, erasure_event, seal_events
from edgepass_sidecar.audit.checkpoint import CheckpointKeys, Statement, sign_statement
from edgepass_sidecar.audit.export import Closing, closing_line, event_line, header_line
from edgepass_sidecar.audit.misplaced import Finding
from edgepass_sidecar.audit.verification import Verification
from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import ClientId, SessionId, UserId
from edgepass_sidecar.key_material import LocalSigner, make_signing_key, open_signer
from tests.support.issuer import NOW
from tests.support.sidecar import MASTER_KEY, PUBLIC_URL


@cache
def signing_pair(name: str, algorithm: str = "EdDSA") -> tuple[LocalSigner, dict[str, Any]]:
    """Return a signer and its public JWK: the same for the same name."""
    key = make_signing_key(algorithm, MASTER_KEY, created_at=NOW, active_at=NOW)
    return open_signer(key, MASTER_KEY), key.public_jwk


def public_keys(*names: str) -> CheckpointKeys:
    return CheckpointKeys({"keys": [signing_pair(name)[1] for name in names or ("own",)]})


def make_event(number: int) -> Event:
    kinds = ("session.created", "session.revoked", "client.rotated", "user.updated")
    return Event(
        type=kinds[number % len(kinds)],
        at=NOW + number / 8,
        client_id=ClientId(f"client_{number % 97}"),
        session_id=SessionId(f"sess_{number}"),
        user_id=UserId(f"user_{number % 53}"),
        ip_address="203.0.113.9",
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        data={"by": "backend", "reason": "user banned"} if number % 4 == 1 else {},
    )


def make_lines(events: Sequence[Event], *, batch: int = 200, erased: bool = False) -> list[bytes]:
    """Return an export of `events` with the cursors from 1 on, a checkpoint after each `batch`.

    With `erased` every tenth event is erased, and accounted for by the last of all.
    """
    if erased:
        blank = set(range(10, len(events), 10))
        events = [*events, erasure_event(blank, NOW + 9e6)]
    else:
        blank = set[int]()
    signer, jwk = signing_pair("own")
    entries: list[Entry] = list(enumerate(events, start=1))
    lines, link = [header_line(PUBLIC_URL, [jwk])], GENESIS
    for start in range(0, len(entries), batch):
        chosen = entries[start : start + batch]
        sealed = seal_events(link, chosen, random.Random(start).randbytes)
        lines += [event_line(_blanked(each) if each.cursor in blank else each) for each in sealed]
        statement = _statement(chosen[0][0], chosen[-1][0], link, sealed[-1].seal.link)
        link = sealed[-1].seal.link
        lines.append(closing_line(Closing(sign_statement(statement, signer), is_end=False)))
    header = sha256(lines[0]).digest()
    end = _statement(1, len(entries), GENESIS, link, header)
    return [*lines, closing_line(Closing(sign_statement(end, signer), is_end=True))]


def _statement(
    first: int, last: int, previous: bytes, link: bytes, header: bytes | None = None
) -> Statement:
    return Statement(
        issuer=PUBLIC_URL,
        first=first,
        last=last,
        previous=previous,
        link=link,
        count=last - first + 1,
        at=NOW + 1e6,
        header=header,
    )


def _blanked(sealed: Sealed) -> Sealed:
    return replace(sealed, event=erase(sealed.event), seal=replace(sealed.seal, salt=None))


def verify_lines(
    lines: Sequence[bytes], keys: CheckpointKeys | None = None
) -> tuple[list[Finding], Verification]:
    verification = Verification(keys or public_keys())
    findings = [finding for line in lines for finding in verification.read(line)]
    return [*findings, *verification.finish()], verification
