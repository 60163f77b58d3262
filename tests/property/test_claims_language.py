"""Whatever is written in the claims language means what a second, naive reading of it means."""

import json
import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgepass_sidecar.claims_language import (
    DEEPEST,
    LARGEST_CLAIMS,
    ClaimsTooLarge,
    parse_claims,
    parse_document,
    render,
)
from edgepass_sidecar.shortcode import WrongClaims, parse_text
from tests.support.standards import FULL

NAMES = ("user", "org", "id", "a", "b-c", "größe", "2fa", "__class__")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("{}'|"), max_size=8)
)
VALUES = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)
# An operand as the pair of how it is spelled and what it is: a path is a tuple.
PATHS = st.lists(st.sampled_from(NAMES), max_size=3).flatmap(
    lambda rest: st.sampled_from(["user", "org", "a", "__class__"]).map(
        lambda first: (".".join([first, *rest]), (first, *rest))
    )
)
LITERALS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'"), max_size=8).map(
        lambda text: (f"'{text}'", text)
    )
    | st.sampled_from([("true", True), ("false", False)])
    | st.integers(-(2**63), 2**64 - 1).map(lambda number: (str(number), number))
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda number: (repr(number), number))
)
SHORTCODES = st.lists(PATHS | LITERALS, min_size=1, max_size=4)
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}"), max_size=6)
SPACES = st.sampled_from(["", " ", "\n\t "])
HOSTILE = st.lists(
    st.sampled_from(["{{", "}}", "{", "}", "'", "||", "|", " ", "user", ".", "id", "1", "-", "é"])
    | st.text(max_size=2),
    max_size=30,
).map("".join)


def _looked_up(path: tuple[str, ...], values: dict[str, Any]) -> Any:
    value: Any = values
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _meaning(operands: list[tuple[str, Any]], values: dict[str, Any]) -> Any:
    found = [_looked_up(x, values) if isinstance(x, tuple) else x for _, x in operands]
    return next((value for value in found if value is not None and value is not False), found[-1])


def _spelling(operands: list[tuple[str, Any]], space: str) -> str:
    return "{{" + space + f"{space}||{space}".join(text for text, _ in operands) + space + "}}"


def _same(one: Any, other: Any) -> bool:
    """Compare with the types, which `==` does not tell apart: 1, 1.0 and True."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@given(SHORTCODES, SPACES, VALUES)
@settings(max_examples=400 if FULL else 100)
def test_a_shortcode_alone_is_the_operand_that_counts(
    operands: list[tuple[str, Any]], space: str, values: dict[str, Any]
) -> None:
    document = {"claim": _spelling(operands, space)}
    assert _same(render(parse_claims(document), values)["claim"], _meaning(operands, values))


@given(st.lists(st.tuples(PLAIN, SHORTCODES), max_size=4), PLAIN, VALUES)
@settings(max_examples=400 if FULL else 100)
def test_shortcodes_in_a_text_are_written_between_what_is_around_them(
    pieces: list[tuple[str, list[tuple[str, Any]]]], end: str, values: dict[str, Any]
) -> None:
    text = "".join(plain + _spelling(operands, "") for plain, operands in pieces) + "." + end
    expected = ""
    for plain, operands in pieces:
        value = _meaning(operands, values)
        expected += plain + (value if isinstance(value, str) else orjson.dumps(value).decode())
    assert render(parse_claims({"claim": text}), values)["claim"] == expected + "." + end


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=10))
def test_json_without_double_braces_is_rendered_as_it_is(value: Any) -> None:
    document = {"claim": json.loads(json.dumps(value).replace("{", "").replace("}", ""))}
    assert _same(render(parse_claims(document), {}), document)


@given(HOSTILE, VALUES)
@settings(max_examples=600 if FULL else 150)
def test_any_text_is_rendered_within_bounds_or_refused_as_declared(
    text: str, values: dict[str, Any]
) -> None:
    try:
        rendered = render(parse_claims({"claim": text}), values)
    except (WrongClaims, ClaimsTooLarge):
        return
    assert list(rendered) == ["claim"]
    assert len(orjson.dumps(rendered)) <= LARGEST_CLAIMS
    if "{{" not in text:
        assert rendered["claim"] == text


@given(st.text(alphabet='{}[]",: a1\\u', max_size=40) | HOSTILE)
def test_any_text_is_a_document_or_refused(text: str) -> None:
    try:
        document = parse_document(text)
    except WrongClaims:
        return
    assert document == json.loads(text)


@given(
    st.integers(0, LARGEST_CLAIMS),
    st.integers(0, 40),
    st.sampled_from(["{{x}}", "a{{x}}", "{{x}}{{x}}{{x}}"]),
)
def test_what_is_refused_for_its_size_or_depth_has_it_and_nothing_else(
    length: int, depth: int, text: str
) -> None:
    value: Any = "y" * length
    for _ in range(depth):
        value = [value]
    written = value if isinstance(value, str) else orjson.dumps(value).decode()
    expected: Any = value if text == "{{x}}" else text.replace("{{x}}", written)
    fits = depth < DEEPEST and len(orjson.dumps({"claim": expected})) <= LARGEST_CLAIMS
    try:
        rendered = render(parse_claims({"claim": text}), {"x": value})
    except ClaimsTooLarge:
        assert not fits
    else:
        assert fits
        assert rendered == {"claim": expected}


@pytest.mark.parametrize(
    ("start", "again", "end"),
    [
        ("{{", " ", ""),
        ("{{'", "a", ""),
        ("{{a", ".a", ""),
        ("{{a", ".a", "."),
        ("{{a", "-", " b"),
        ("{{1", "1", "}}"),
        ("{{1", "1", "x}}"),
        ("{{1.", "1", "e}}"),
        ("{{a", "||a", "||"),
        ("{{a", " || ''", "'"),
        ("", "{", ""),
        ("", "{ ", "}}"),
        ("", "}", ""),
        ("", "{{a}}", "{{"),
        ("", "{{''}}", "}}"),
        ("{{'", "}}{{", ""),
    ],
)
def test_reading_takes_time_in_proportion_to_the_text(start: str, again: str, end: str) -> None:
    # Twelve times what a document may have: were each character read again for each
    # other one, this would take minutes.
    text = start + again * (100_000 // len(again)) + end
    before = time.thread_time()
    try:
        parse_text(text, "claims")
    except WrongClaims as error:
        text = str(error)
    assert time.thread_time() - before < 10
    assert text
