"""Users: the minimum that sessions need to know of them."""

from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.backend.asked import (
    Claims,
    Limit,
    Members,
    Offset,
    Text,
    backend_operation,
    validate_claims,
    validate_members,
)
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.schema import backend_user_shape, list_shape
from edgepass_sidecar.api.shapes import CountShape, DeletedShape, RevokedShape
from edgepass_sidecar.api.user_shapes import BackendUserShape
from edgepass_sidecar.identifier import UserId, is_user_id
from edgepass_sidecar.service.core import load_user
from edgepass_sidecar.service.erasure import erase_user
from edgepass_sidecar.service.metadata import merge_metadata
from edgepass_sidecar.service.refusal import invalid
from edgepass_sidecar.service.revocation import (
    ban_user,
    revoke_sessions_of_user,
    sign_out_user_before,
    unban_user,
)
from edgepass_sidecar.service.users import create_user, update_user
from edgepass_sidecar.store import Page
from edgepass_sidecar.user import User

_LATEST = 1 << 53  # milliseconds that every JSON parser keeps whole


_PATHS = frozenset(("count",))  # a user of this id could not be looked up


class Profile(msgspec.Struct, kw_only=True):
    """What may be said of a user; a field that is not sent is not changed."""

    external_id: Text | msgspec.UnsetType | None = msgspec.UNSET
    username: Text | msgspec.UnsetType | None = msgspec.UNSET
    first_name: Text | msgspec.UnsetType | None = msgspec.UNSET
    last_name: Text | msgspec.UnsetType | None = msgspec.UNSET
    image_url: Text | msgspec.UnsetType | None = msgspec.UNSET
    # A list, as Clerk's clients send it; the first is the one that is kept.
    email_address: list[Text] | msgspec.UnsetType = msgspec.UNSET
    public_metadata: Members | msgspec.UnsetType = msgspec.UNSET
    unsafe_metadata: Members | msgspec.UnsetType = msgspec.UNSET
    claims: Claims | msgspec.UnsetType = msgspec.UNSET

    def changes(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in Profile.__struct_fields__}
        changes = {name: value for name, value in values.items() if value is not msgspec.UNSET}
        for name in ("public_metadata", "unsafe_metadata"):
            if name in changes:
                validate_members(name, changes[name])
        if "claims" in changes:
            changes["claims"] = validate_claims("claims", changes["claims"])
        if "email_address" in changes:
            changes["email_address"] = next(iter(changes["email_address"]), None)
        return changes


# Said in the document as well; the refusal itself says where they belong.
NoMembers = Annotated[Members, msgspec.Meta(extra_json_schema={"maxProperties": 0})]


class MetadataChanges(msgspec.Struct, kw_only=True):
    """What is merged into a user's metadata (RFC 7396): `null` takes a member away, at any depth.

    A field that is not sent is not changed. Private metadata are not kept here.
    """

    public_metadata: Members | msgspec.UnsetType = msgspec.UNSET
    unsafe_metadata: Members | msgspec.UnsetType = msgspec.UNSET
    private_metadata: NoMembers = msgspec.field(default_factory=dict)

    def patches(self) -> dict[str, Members]:
        if self.private_metadata:
            raise invalid("private_metadata", "not kept here: keep it with the app's own data")
        sent = {"public_metadata": self.public_metadata, "unsafe_metadata": self.unsafe_metadata}
        return {
            name: validate_members(name, members)
            for name, members in sent.items()
            if members is not msgspec.UNSET
        }


# What `is_user_id` allows, in words of JSON Schema.
NewUserId = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "pattern": "^[A-Za-z0-9_.:|@+~-]{1,128}$",
            "not": {"enum": [".", ".."]},
        }
    ),
]


class NewUser(Profile, kw_only=True):
    id: NewUserId | None = None


# Said in the document as well; the refusal itself names what does filter.
NoFilter = Annotated[list[str], msgspec.Meta(extra_json_schema={"maxItems": 0})]
_UNKNOWN_FILTERS = (
    "email_address", "phone_number", "username", "web3_wallet", "organization_id", "query",
)  # fmt: skip


class UserFilter(msgspec.Struct, kw_only=True):
    """Which users: of these ids, of these external ids; the newest first.

    What else Clerk's clients can filter by is refused: who takes the first user of
    a list that was not filtered has somebody else.
    """

    external_id: list[str] = msgspec.field(default_factory=list)
    user_id: Annotated[list[str], msgspec.Meta(max_length=100)] = msgspec.field(
        default_factory=list
    )
    email_address: NoFilter = msgspec.field(default_factory=list)
    phone_number: NoFilter = msgspec.field(default_factory=list)
    username: NoFilter = msgspec.field(default_factory=list)
    web3_wallet: NoFilter = msgspec.field(default_factory=list)
    organization_id: NoFilter = msgspec.field(default_factory=list)
    query: NoFilter = msgspec.field(default_factory=list)

    async def find(self, context: Context, limit: int, offset: int) -> Page[User]:
        for name in _UNKNOWN_FILTERS:
            if getattr(self, name):
                raise invalid(name, "users are found by user_id and external_id only")
        store = context.core.store
        if not self.user_id:
            return await store.list_users(self.external_id, limit, offset)
        known = await store.load_users([UserId(each) for each in self.user_id])
        found = [
            user
            for user in known.values()
            if not self.external_id or user.external_id in self.external_id
        ]
        found.sort(key=lambda user: (user.created_at, user.id), reverse=True)
        return Page(tuple(found[offset : offset + limit]), len(found))


class UserList(UserFilter, kw_only=True):
    limit: Limit = 10
    offset: Offset = 0
    paginated: bool = False


class SignOutBefore(msgspec.Struct):
    """Milliseconds since the epoch; by default the time of the call."""

    not_before: Annotated[int, msgspec.Meta(ge=0, le=_LATEST)] | None = None


async def _post_user(context: Context, request: Request, body: NewUser) -> Response:
    if body.id is not None and (body.id in _PATHS or not is_user_id(body.id)):
        raise invalid("id", "1 to 128 letters, digits and _ . : | @ + ~ - are allowed")
    return answer(backend_user_shape(await create_user(context.core, body.id, body.changes())))


async def _get_users(context: Context, request: Request, query: UserList) -> Response:
    page = await query.find(context, query.limit, query.offset)
    shapes = [backend_user_shape(user) for user in page.items]
    return answer(list_shape(shapes, page, query.paginated))


async def _count_users(context: Context, request: Request, query: UserFilter) -> Response:
    page = await query.find(context, 1, 0)
    return answer(CountShape(object="total_count", total_count=page.total))


async def _get_user(context: Context, request: Request) -> Response:
    return answer(backend_user_shape(await load_user(context.core, _user_id(request))))


async def _patch_user(context: Context, request: Request, body: Profile) -> Response:
    user = await update_user(context.core, _user_id(request), body.changes())
    return answer(backend_user_shape(user))


async def _patch_metadata(context: Context, request: Request, body: MetadataChanges) -> Response:
    user = await merge_metadata(context.core, _user_id(request), body.patches())
    return answer(backend_user_shape(user))


async def _delete_user(context: Context, request: Request) -> Response:
    identifier = _user_id(request)
    has_webhooks = context.settings.webhook_url is not None
    await erase_user(context.core, identifier, has_webhooks=has_webhooks)
    return answer(DeletedShape(object="user", id=identifier, deleted=True))


async def _ban(context: Context, request: Request) -> Response:
    return answer(backend_user_shape(await ban_user(context.core, _user_id(request))))


async def _unban(context: Context, request: Request) -> Response:
    return answer(backend_user_shape(await unban_user(context.core, _user_id(request))))


async def _sign_out(context: Context, request: Request, body: SignOutBefore) -> Response:
    core = context.core
    before = core.clock() if body.not_before is None else body.not_before / 1000
    return answer(backend_user_shape(await sign_out_user_before(core, _user_id(request), before)))


async def _revoke_sessions(context: Context, request: Request) -> Response:
    user = await load_user(context.core, _user_id(request))
    revoked = await revoke_sessions_of_user(context.core, user.id, by="backend")
    return answer(RevokedShape(object="revoked_sessions", revoked=revoked))


def _user_id(request: Request) -> UserId:
    return UserId(request.path_params["user_id"])


_USER = "/v1/users/{user_id}"
ROUTES = [
    backend_operation(
        "POST", "/v1/users", _post_user, "Create a user", body=NewUser, answers=BackendUserShape
    ),
    backend_operation(
        "GET",
        "/v1/users",
        _get_users,
        "List users, newest first",
        query=UserList,
        answers=list[BackendUserShape],
    ),
    backend_operation(
        "GET",
        "/v1/users/count",
        _count_users,
        "Count users",
        query=UserFilter,
        answers=CountShape,
    ),
    backend_operation("GET", _USER, _get_user, "Look a user up", answers=BackendUserShape),
    backend_operation(
        "PATCH", _USER, _patch_user, "Change a user", body=Profile, answers=BackendUserShape
    ),
    backend_operation(
        "PATCH",
        f"{_USER}/metadata",
        _patch_metadata,
        "Merge changes into a user's metadata",
        body=MetadataChanges,
        answers=BackendUserShape,
    ),
    backend_operation("DELETE", _USER, _delete_user, "Erase a user for good", answers=DeletedShape),
    backend_operation(
        "POST",
        f"{_USER}/ban",
        _ban,
        "End all sessions of a user and let none begin",
        answers=BackendUserShape,
    ),
    backend_operation(
        "POST", f"{_USER}/unban", _unban, "Let a user sign in again", answers=BackendUserShape
    ),
    backend_operation(
        "POST",
        f"{_USER}/sign_out",
        _sign_out,
        "End the sessions that began before a time",
        body=SignOutBefore,
        answers=BackendUserShape,
    ),
    backend_operation(
        "POST",
        f"{_USER}/sessions/revoke",
        _revoke_sessions,
        "Revoke all sessions of a user",
        answers=RevokedShape,
    ),
]
