"""Merging changes into what the app keeps with a user (JSON Merge Patch, RFC 7396)."""

from dataclasses import replace
from typing import Any

import orjson

from edgepass_sidecar.identifier import UserId
from edgepass_sidecar.service.core import Core
from edgepass_sidecar.service.refusal import invalid
from edgepass_sidecar.service.users import change_user
from edgepass_sidecar.user import User

MAXIMUM_METADATA_BYTES = 64 * 1024  # of JSON; as much as one request can set at once

Members = dict[str, Any]


async def merge_metadata(core: Core, identifier: UserId, patches: dict[str, Members]) -> User:
    """Merge each patch into the user's field of its name, and leave the others as they are.

    What another request merges at the same time stays. Raises `Refused`: 404 for
    nobody, 422 where more than 64 kB would have to be kept.
    """

    def merged(user: User) -> User:
        changes: dict[str, Any] = {
            name: _merged(user, name, patch) for name, patch in patches.items()
        }
        return replace(user, **changes)

    return await change_user(core, identifier, merged, "user.updated")


def _merged(user: User, name: str, patch: Members) -> Members:
    members = merge_patch(getattr(user, name), patch)
    # Each request is bounded, and would add to what others brought.
    if len(orjson.dumps(members)) > MAXIMUM_METADATA_BYTES:
        raise invalid(name, "with what is there already, more than 64 kB of JSON")
    return members


def merge_patch(target: object, patch: Members) -> Members:
    """Return `target` with the members of `patch`; `None` takes one away, at any depth."""
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = merge_patch(merged.get(name), value)
        else:
            merged[name] = value
    return merged
