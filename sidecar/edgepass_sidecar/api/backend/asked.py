"""What several parts of the backend API are asked with."""

from functools import partial
from typing import Annotated, Any

import msgspec
import orjson

from edgepass_sidecar.api.operation import Access, Operation
from edgepass_sidecar.organization import WrongEntitlements
from edgepass_sidecar.policy import LONGEST_LIMIT, SHORTEST_LIMIT
from edgepass_sidecar.pushed_claims import MOST_ORGANIZATIONS, validate_pushed
from edgepass_sidecar.service.refusal import Refused, invalid
from edgepass_sidecar.session import Terms

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1 << 31)]
Lifetime = Annotated[int, msgspec.Meta(ge=int(SHORTEST_LIMIT), le=int(LONGEST_LIMIT))]
# No line feed at the end, said so that JSON Schema can say it too: it knows no \Z.
TaskKey = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}(?!\n)$")]
Tasks = Annotated[list[TaskKey], msgspec.Meta(max_length=16)]
Members = dict[str, Any]
# What `validate_claims` takes, as far as a schema can tell; it knows more of each text,
# and what they need of one another.
_TEXTS = {"type": ["array", "null"], "items": {"type": "string"}}
_ORGANIZATION = {
    "type": ["object", "null"],
    "properties": {
        "id": {"type": "string"},
        "slug": {"type": ["string", "null"]},
        "role": {"type": "string"},
        "permissions": _TEXTS,
    },
    "required": ["id", "role"],
    "additionalProperties": False,
}
Claims = Annotated[
    Members,
    msgspec.Meta(
        extra_json_schema={
            "properties": {
                "custom": {"type": "object"},
                "organization": _ORGANIZATION,
                "organizations": {
                    "type": "array",
                    "items": _ORGANIZATION,
                    "maxItems": MOST_ORGANIZATIONS,
                },
                "features": _TEXTS,
                "plan": {"type": ["string", "array", "null"], "items": {"type": "string"}},
            },
            "additionalProperties": False,
        }
    ),
]
MAXIMUM_CLAIMS_BYTES = 16 * 1024

backend_operation = partial(Operation, access=Access.SERVER)


class NewSessionTerms(msgspec.Struct, kw_only=True):
    """What a server may settle for the session that it starts, or that a ticket of it starts."""

    maximum_lifetime_in_seconds: Lifetime | None = None
    inactivity_timeout_in_seconds: Lifetime | None = None
    tasks: Tasks = msgspec.field(default_factory=list)
    claims: Claims = msgspec.field(default_factory=dict)
    data: Members = msgspec.field(default_factory=dict)

    def terms(self) -> Terms:
        return Terms(
            maximum_lifetime=self.maximum_lifetime_in_seconds,
            inactivity_timeout=self.inactivity_timeout_in_seconds,
            tasks=tuple(dict.fromkeys(self.tasks)),
            claims=validate_claims("claims", self.claims),
            data=validate_members("data", self.data),
        )


def validate_members(field: str, members: Members) -> Members:
    """Return a JSON object that can be kept, or raise `Refused` (422)."""
    _size(field, members)
    return members


def _wrapped(value: Any) -> Any:
    # It is wrapped in other objects when it is stored and answered, and these count
    # towards the depth that can be written.
    for _ in range(16):
        value = [value]
    return value


def _size(field: str, members: Members) -> int:
    try:
        return len(orjson.dumps(_wrapped(members)))
    except orjson.JSONEncodeError:
        raise Refused(
            422,
            "form_param_format_invalid",
            f"{field} has a number or a depth that JSON cannot carry.",
        ) from None


def validate_claims(field: str, claims: Members) -> Members:
    """Return claims that a token can carry, or raise `Refused` (422)."""
    if _size(field, claims) > MAXIMUM_CLAIMS_BYTES:
        raise invalid(field, "longer than 16 kB of JSON, which no token can carry")
    try:
        return validate_pushed(claims)
    except WrongEntitlements as error:
        raise invalid(field, str(error)) from None
