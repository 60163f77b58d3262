"""JWT templates: made by the app's servers, read at each mint that names one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cachetools import TTLCache

from edgepass_sidecar.event import Event
from edgepass_sidecar.identifier import TemplateId
from edgepass_sidecar.service.refusal import Refused, not_found, too_many_races
from edgepass_sidecar.store import SessionStore
from edgepass_sidecar.template import Template, WrongTemplate

# Seconds in which a template that was changed may still be used as it was.
REREAD_EVERY = 2.0
MOST_TEMPLATES = 100
_ATTEMPTS = 64
_SHORTEST_STEP = 0.001  # seconds; the wire has milliseconds


class Templates:
    """Finds templates by their names. `timer` is a monotonic clock."""

    def __init__(self, store: SessionStore, timer: Callable[[], float]) -> None:
        self._store = store
        self._read: TTLCache[str, dict[str, Template]] = TTLCache(1, REREAD_EVERY, timer)

    async def find(self, name: str) -> Template | None:
        by_name = self._read.get("")
        if by_name is None:
            by_name = {template.name: template for template in await self._store.load_templates()}
            self._read[""] = by_name
        return by_name.get(name)

    def forget(self) -> None:
        self._read.clear()


async def load_template(store: SessionStore, identifier: str) -> Template:
    """Return the template of this id, or of this name, or raise `Refused` (404)."""
    templates = await store.load_templates()
    # By id first: a name may spell another template's id.
    known = {t.name: t for t in templates} | {str(t.id): t for t in templates}
    if identifier in known:
        return known[identifier]
    raise not_found("JWT template")


async def create_template(store: SessionStore, template: Template) -> Template:
    if len(await store.load_templates()) >= MOST_TEMPLATES:
        raise Refused(422, "too_many_templates", f"{MOST_TEMPLATES} templates are the most.")
    if not await store.insert_template(template, (_event("template.created", template),)):
        raise _name_taken()
    return template


async def update_template(
    store: SessionStore, identifier: str, changes: dict[str, Any], now: float
) -> Template:
    for _ in range(_ATTEMPTS):
        stored = await load_template(store, identifier)
        # Never the same time twice: it is by this that a lost race shows.
        updated_at = max(now, stored.updated_at + _SHORTEST_STEP)
        try:
            template = replace(stored, **changes, updated_at=updated_at)
        except WrongTemplate as error:
            raise wrong_template(error) from None
        event = _event("template.updated", template)
        if await store.update_template(template, stored.updated_at, (event,)):
            return template
        if await load_template(store, identifier) == stored:
            raise _name_taken()
    raise too_many_races()


async def delete_template(store: SessionStore, identifier: str, now: float) -> Template:
    template = await load_template(store, identifier)
    event = _event("template.deleted", replace(template, updated_at=now))
    if not await store.delete_template(TemplateId(template.id), (event,)):
        raise not_found("JWT template")
    return template


def wrong_template(error: WrongTemplate) -> Refused:
    return Refused(422, "form_param_value_invalid", f"{error}.")


def _name_taken() -> Refused:
    return Refused(422, "form_identifier_exists", "Another template has this name.")


def _event(kind: str, template: Template) -> Event:
    data = {"template_id": template.id, "name": template.name}
    return Event(type=kind, at=template.updated_at, data=data)
