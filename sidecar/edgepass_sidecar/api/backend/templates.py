"""JWT templates: create, read, change and delete."""

from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from edgepass_sidecar.api.answers import answer
from edgepass_sidecar.api.backend.asked import (
    Limit,
    Members,
    Offset,
    Text,
    backend_operation,
    validate_members,
)
from edgepass_sidecar.api.context import Context
from edgepass_sidecar.api.schema import list_shape, template_shape
from edgepass_sidecar.api.shapes import DeletedShape, TemplateShape
from edgepass_sidecar.identifier import template_id
from edgepass_sidecar.service.templates import (
    create_template,
    delete_template,
    load_template,
    update_template,
    wrong_template,
)
from edgepass_sidecar.store import Page
from edgepass_sidecar.template import (
    LONGEST_CLOCK_SKEW,
    LONGEST_LIFETIME,
    SHORTEST_LIFETIME,
    Template,
    WrongTemplate,
)

# What a `Template` refuses, in words of JSON Schema.
Name = Annotated[
    Text,
    msgspec.Meta(extra_json_schema={"pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$"}),
]
Lifetime = Annotated[
    int,
    msgspec.Meta(extra_json_schema={"minimum": SHORTEST_LIFETIME, "maximum": LONGEST_LIFETIME}),
]
ClockSkew = Annotated[
    int, msgspec.Meta(extra_json_schema={"minimum": 0, "maximum": LONGEST_CLOCK_SKEW})
]


class TemplateChanges(msgspec.Struct):
    """What may be changed of a template; a field that is not sent stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    claims: Members | msgspec.UnsetType = msgspec.UNSET
    lifetime: Lifetime | msgspec.UnsetType | None = msgspec.UNSET
    allowed_clock_skew: ClockSkew | msgspec.UnsetType | None = msgspec.UNSET

    def changes(self) -> dict[str, Any]:
        if self.claims is not msgspec.UNSET:
            validate_members("claims", self.claims)
        values = {
            "name": self.name,
            "claims": self.claims,
            "lifetime": self.lifetime,
            "allowed_clock_skew": self.allowed_clock_skew,
        }
        unset = (msgspec.UNSET, None)
        return {name: value for name, value in values.items() if value not in unset}


class NewTemplate(TemplateChanges, kw_only=True):
    name: Name
    claims: Members


class TemplateList(msgspec.Struct):
    limit: Limit = 10
    offset: Offset = 0
    paginated: bool = False


async def _post_template(context: Context, request: Request, body: NewTemplate) -> Response:
    core = context.core
    now = core.clock()
    try:
        template = Template(
            id=template_id(core.random(16)), created_at=now, updated_at=now, **body.changes()
        )
    except WrongTemplate as error:
        raise wrong_template(error) from None
    created = await create_template(core.store, template)
    core.templates.forget()
    return _answer(context, created)


async def _get_templates(context: Context, request: Request, query: TemplateList) -> Response:
    templates = await context.core.store.load_templates()
    chosen = templates[query.offset : query.offset + query.limit]
    shapes = [template_shape(template, context.settings.algorithm) for template in chosen]
    return answer(list_shape(shapes, Page(chosen, len(templates)), query.paginated))


async def _get_template(context: Context, request: Request) -> Response:
    return _answer(context, await load_template(context.core.store, _template_id(request)))


async def _patch_template(context: Context, request: Request, body: TemplateChanges) -> Response:
    core = context.core
    template = await update_template(
        core.store, _template_id(request), body.changes(), core.clock()
    )
    core.templates.forget()
    return _answer(context, template)


async def _delete_template(context: Context, request: Request) -> Response:
    core = context.core
    template = await delete_template(core.store, _template_id(request), core.clock())
    core.templates.forget()
    return answer(DeletedShape(object="jwt_template", id=template.id, deleted=True))


def _answer(context: Context, template: Template) -> Response:
    return answer(template_shape(template, context.settings.algorithm))


def _template_id(request: Request) -> str:
    identifier: str = request.path_params["template_id"]
    return identifier


_TEMPLATE = "/v1/jwt_templates/{template_id}"
ROUTES = [
    backend_operation(
        "POST",
        "/v1/jwt_templates",
        _post_template,
        "Create a JWT template",
        body=NewTemplate,
        answers=TemplateShape,
    ),
    backend_operation(
        "GET",
        "/v1/jwt_templates",
        _get_templates,
        "List JWT templates, newest first",
        query=TemplateList,
        answers=list[TemplateShape],
    ),
    backend_operation(
        "GET", _TEMPLATE, _get_template, "Look a JWT template up", answers=TemplateShape
    ),
    backend_operation(
        "PATCH",
        _TEMPLATE,
        _patch_template,
        "Change a JWT template",
        body=TemplateChanges,
        answers=TemplateShape,
    ),
    backend_operation(
        "DELETE",
        _TEMPLATE,
        _delete_template,
        "Delete a JWT template",
        answers=DeletedShape,
    ),
]
