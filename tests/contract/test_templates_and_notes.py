"""What every store promises of templates, and of notes that are taken once."""

import asyncio
from dataclasses import replace

import pytest

from edgepass_sidecar.identifier import TemplateId
from edgepass_sidecar.store import Note, SessionStore
from edgepass_sidecar.template import Template
from tests.contract.making import EVENT, make_template
from tests.support.issuer import NOW

NOTE = Note(hash=b"\x00h" * 16, text=b"\x00{}\xff text", expires_at=NOW + 60.0)


async def test_there_are_no_templates_at_first(store: SessionStore) -> None:
    assert await store.load_templates() == ()


@pytest.mark.parametrize(
    "template",
    [
        make_template(),
        make_template(claims={}),
        make_template(lifetime=315_360_000, allowed_clock_skew=0),
        make_template(lifetime=30, allowed_clock_skew=300, updated_at=NOW + 0.25),
        make_template(claims={"aud": ["a", "b"], "ünï": {"": [None, 1.5, {"c": "{{user.id}}"}]}}),
    ],
)
async def test_a_template_comes_back_as_it_was_stored(
    store: SessionStore, template: Template
) -> None:
    assert await store.insert_template(template, (EVENT,))
    assert await store.load_templates() == (template,)
    assert await store.list_events(0, 10) == ((1, EVENT),)


async def test_templates_come_newest_first(store: SessionStore) -> None:
    ages = {"b": 0.5, "d": 0.25, "c": 0.25, "a": 1.0}
    for name, age in ages.items():
        await store.insert_template(make_template(name, created_at=NOW + age), ())
    assert [template.name for template in await store.load_templates()] == ["a", "b", "d", "c"]


async def test_a_taken_name_stores_nothing(store: SessionStore) -> None:
    first = make_template()
    await store.insert_template(first, ())
    second = make_template(id=TemplateId("jtmp_2"), lifetime=99)
    assert not await store.insert_template(second, (EVENT,))
    assert await store.load_templates() == (first,)
    assert await store.list_events(0, 10) == ()


@pytest.mark.parametrize("name", ["supabase", "hasura"])
async def test_a_taken_id_stores_nothing(store: SessionStore, name: str) -> None:
    first = make_template()
    assert await store.insert_template(first, ())
    second = make_template(name, id=first.id, lifetime=99)
    assert not await store.insert_template(second, (EVENT,))
    assert await store.load_templates() == (first,)
    assert await store.list_events(0, 10) == ()


async def test_names_differ_by_case(store: SessionStore) -> None:
    assert await store.insert_template(make_template("hasura"), ())
    assert await store.insert_template(make_template("Hasura"), ())


async def test_a_template_is_replaced_with_its_event(store: SessionStore) -> None:
    first = make_template()
    await store.insert_template(first, ())
    changed = replace(first, name="hasura", claims={}, lifetime=99, updated_at=NOW + 1.0)
    assert await store.update_template(changed, first.updated_at, (EVENT,))
    assert await store.load_templates() == (changed,)
    assert await store.list_events(0, 10) == ((1, EVENT),)


async def test_a_template_may_keep_its_name_and_give_it_up(store: SessionStore) -> None:
    first = make_template()
    await store.insert_template(first, ())
    same = replace(first, lifetime=99, updated_at=NOW + 1.0)
    assert await store.update_template(same, first.updated_at, ())
    renamed = replace(same, name="hasura", updated_at=NOW + 2.0)
    assert await store.update_template(renamed, same.updated_at, ())
    assert await store.insert_template(make_template(id=TemplateId("jtmp_2")), ())


@pytest.mark.parametrize("since", [NOW - 0.001, NOW + 0.001])
async def test_a_template_that_was_updated_at_another_time_is_not_replaced(
    store: SessionStore, since: float
) -> None:
    first = make_template()
    await store.insert_template(first, ())
    late = replace(first, lifetime=99, updated_at=NOW + 1.0)
    assert not await store.update_template(late, since, (EVENT,))
    assert await store.load_templates() == (first,)
    assert await store.list_events(0, 10) == ()


async def test_an_update_to_a_taken_name_or_of_no_template_stores_nothing(
    store: SessionStore,
) -> None:
    first, second = make_template("a"), make_template("b", created_at=NOW - 1.0)
    for template in (first, second):
        await store.insert_template(template, ())
    taken = replace(second, name="a", updated_at=NOW + 1.0)
    assert not await store.update_template(taken, second.updated_at, (EVENT,))
    absent = make_template("c")
    assert not await store.update_template(absent, absent.updated_at, (EVENT,))
    assert await store.load_templates() == (first, second)
    assert await store.list_events(0, 10) == ()


async def test_a_template_is_deleted_once_with_its_event(store: SessionStore) -> None:
    first, other = make_template("a"), make_template("b")
    for template in (first, other):
        await store.insert_template(template, ())
    assert await store.delete_template(first.id, (EVENT,))
    assert not await store.delete_template(first.id, (EVENT,))
    assert await store.load_templates() == (other,)
    assert await store.list_events(0, 10) == ((1, EVENT),)
    assert not await store.update_template(first, first.updated_at, ())
    assert await store.insert_template(first, ())


async def test_of_concurrent_templates_of_one_name_one_is_stored(store: SessionStore) -> None:
    templates = [make_template(id=TemplateId(f"jtmp_{i}")) for i in range(20)]
    outcomes = await asyncio.gather(*(store.insert_template(t, (EVENT,)) for t in templates))
    assert outcomes.count(True) == 1
    assert await store.load_templates() == (templates[outcomes.index(True)],)
    assert len(await store.list_events(0, 100)) == 1


async def test_of_concurrent_updates_of_a_template_one_is_stored(store: SessionStore) -> None:
    first = make_template()
    await store.insert_template(first, ())
    updates = [replace(first, lifetime=100 + i, updated_at=NOW + 1.0 + i) for i in range(20)]
    outcomes = await asyncio.gather(
        *(store.update_template(update, first.updated_at, (EVENT,)) for update in updates)
    )
    assert outcomes.count(True) == 1
    assert await store.load_templates() == (updates[outcomes.index(True)],)


async def test_a_name_that_several_templates_want_at_once_goes_to_one(store: SessionStore) -> None:
    templates = [make_template(str(i)) for i in range(10)]
    for template in templates:
        await store.insert_template(template, ())
    outcomes = await asyncio.gather(
        *(
            store.update_template(replace(t, name="wanted", updated_at=NOW + 1.0), NOW, ())
            for t in templates
        )
    )
    assert outcomes.count(True) == 1
    names = [template.name for template in await store.load_templates()]
    assert names.count("wanted") == 1
    assert len(names) == 10


async def test_a_template_that_is_deleted_and_updated_at_once_is_gone(store: SessionStore) -> None:
    for i in range(20):
        template = make_template(str(i))
        await store.insert_template(template, ())
        changed = replace(template, updated_at=NOW + 1.0)
        works = [
            store.update_template(changed, template.updated_at, ()),
            store.delete_template(template.id, ()),
        ]
        assert True in await asyncio.gather(*(works if i % 2 else reversed(works)))
        assert await store.load_templates() == ()


async def test_a_note_is_taken_once(store: SessionStore) -> None:
    await store.keep_note(NOTE)
    assert await store.take_note(NOTE.hash, NOW) == NOTE.text
    assert await store.take_note(NOTE.hash, NOW) is None


async def test_an_unknown_note_is_none_and_leaves_the_others(store: SessionStore) -> None:
    await store.keep_note(NOTE)
    assert await store.take_note(b"x" * 32, NOW) is None
    assert await store.take_note(b"", NOW) is None
    assert await store.take_note(NOTE.hash, NOW) == NOTE.text


@pytest.mark.parametrize(("seconds", "is_over"), [(59.5, False), (60.0, True), (60.5, True)])
async def test_a_note_is_not_taken_after_its_time(
    store: SessionStore, seconds: float, is_over: bool
) -> None:
    await store.keep_note(NOTE)
    taken = await store.take_note(NOTE.hash, NOW + seconds)
    assert taken == (None if is_over else NOTE.text)


@pytest.mark.parametrize(("seconds", "is_over"), [(59.5, False), (60.0, True), (60.5, True)])
async def test_a_note_is_found_until_its_time_and_stays_where_it_is(
    store: SessionStore, seconds: float, is_over: bool
) -> None:
    await store.keep_note(NOTE)
    for _ in range(2):
        found = await store.find_note(NOTE.hash, NOW + seconds)
        assert found == (None if is_over else NOTE.text)
    assert await store.find_note(b"x" * 32, NOW) is None
    assert await store.take_note(NOTE.hash, NOW) == NOTE.text
    assert await store.find_note(NOTE.hash, NOW) is None


async def test_notes_are_kept_apart(store: SessionStore) -> None:
    notes = [replace(NOTE, hash=bytes([i]) * 32, text=bytes([i])) for i in range(5)]
    for note in notes:
        await store.keep_note(note)
    for note in reversed(notes):
        assert await store.take_note(note.hash, NOW) == note.text


async def test_of_several_who_take_a_note_at_once_one_has_it(store: SessionStore) -> None:
    for i in range(20):
        note = replace(NOTE, hash=bytes([i]) * 32)
        await store.keep_note(note)
        taken = await asyncio.gather(*(store.take_note(note.hash, NOW) for _ in range(5)))
        assert sorted(taken, key=bool) == [None] * 4 + [note.text]
