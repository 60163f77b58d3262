"""The claims language: documents compiled once, rendered from plain values, within bounds."""

import json
from collections import UserDict, defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from edgepass_sidecar.claims_language import (
    DEEPEST,
    LARGEST_CLAIMS,
    LARGEST_DOCUMENT,
    MOST_OPERANDS,
    ClaimsTooLarge,
    ValueUnusable,
    claims_size,
    parse_claims,
    parse_document,
    render,
)
from edgepass_sidecar.shortcode import WrongClaims

VALUES: dict[str, Any] = {
    "user": {
        "id": "user_1",
        "first_name": "John",
        "last_name": None,
        "email_verified": False,
        "phone_number_verified": True,
        "age": 0,
        "nickname": "",
        "score": 1.5,
        "public_metadata": {
            "interests": ["hiking", "knitting"],
            "addresses": {"Home": "2355 Pointe Lane", "Work": "3759 Newton Street"},
        },
    },
    "org": {"id": "org_1"},
}


def _rendered(value: object, values: dict[str, Any] = VALUES) -> Any:
    return render(parse_claims({"claim": value}), values)["claim"]


def _nested(depth: int) -> Any:
    value: Any = "leaf"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", ["text", "", 1, -1, 0, 1.5, True, False, None, [1, [2, {"a": None}]], {}, []]
)
def test_what_has_no_shortcode_is_rendered_as_it_is(value: object) -> None:
    assert json.dumps(_rendered(value)) == json.dumps(value)


@pytest.mark.parametrize(
    ("shortcode", "value"),
    [
        ("{{user.id}}", "user_1"),
        ("{{user.last_name}}", None),
        ("{{user.email_verified}}", False),
        ("{{user.age}}", 0),
        ("{{user.score}}", 1.5),
        ("{{user.public_metadata.interests}}", ["hiking", "knitting"]),
        ("{{user.public_metadata.addresses}}", VALUES["user"]["public_metadata"]["addresses"]),
        ("{{user.public_metadata.addresses.Home}}", "2355 Pointe Lane"),
    ],
)
def test_a_shortcode_alone_keeps_the_type_of_its_value(shortcode: str, value: object) -> None:
    assert json.dumps(_rendered(shortcode)) == json.dumps(value)


@pytest.mark.parametrize(
    "path",
    [
        "user.unknown",
        "unknown",
        "unknown.id",
        "user.id.more",
        "user.last_name.more",
        "user.public_metadata.interests.0",
        "user.__class__",
        "user.id.__class__.__mro__",
        "user.keys",
        "__builtins__",
        "null",
    ],
)
def test_what_is_not_there_is_null(path: str) -> None:
    assert _rendered("{{" + path + "}}") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{user.last_name}} {{user.first_name}}", "null John"),
        ("{{user.first_name}} ", "John "),
        ("is {{user.email_verified}}, {{user.phone_number_verified}}", "is false, true"),
        ("{{user.age}} of {{user.score}}", "0 of 1.5"),
        ("<{{user.nickname}}>", "<>"),
        ("{{user.unknown}}!", "null!"),
        ("in {{user.public_metadata.interests}}", 'in ["hiking","knitting"]'),
        ("{{user.id}}{{org.id}}", "user_1org_1"),
        ("{{'}}'}} and {{'{{'}}", "}} and {{"),
    ],
)
def test_a_shortcode_in_a_text_becomes_text(text: str, value: str) -> None:
    assert _rendered(text) == value


@pytest.mark.parametrize(
    ("shortcode", "value"),
    [
        ("{{user.email_verified || user.phone_number_verified}}", True),
        ("{{user.last_name || user.first_name || 'nobody'}}", "John"),
        ("{{user.last_name || 'Awesome User'}}", "Awesome User"),
        ("{{user.public_metadata.age || user.unsafe_metadata.age || 30 }}", 30),
        ("{{user.age || 30}}", 0),
        ("{{user.nickname || 'nobody'}}", ""),
        ("{{user.last_name || user.email_verified}}", False),
        ("{{user.email_verified || user.last_name}}", None),
        ("{{false || 1.5}}", 1.5),
        ("{{'a' || 'b'}}", "a"),
    ],
)
def test_the_first_operand_counts_that_is_neither_null_nor_false_else_the_last(
    shortcode: str, value: object
) -> None:
    assert json.dumps(_rendered(shortcode)) == json.dumps(value)


def test_shortcodes_are_found_at_any_depth_and_names_stay() -> None:
    document = {"https://hasura.io/jwt/claims": {"roles": ["admin", {"id": "{{user.id}}"}], "n": 1}}
    assert render(parse_claims(document), VALUES) == {
        "https://hasura.io/jwt/claims": {"roles": ["admin", {"id": "user_1"}], "n": 1}
    }


def test_a_value_that_looks_like_a_shortcode_is_never_read_as_one() -> None:
    values = {"user": {"first_name": "{{user.secret}}", "last_name": "{{", "secret": "s3cret"}}
    assert _rendered("{{user.first_name}}", values) == "{{user.secret}}"
    assert _rendered("{{user.last_name}}user.secret {{'}}'}}", values) == "{{user.secret }}"


def test_one_compiled_document_renders_for_many_values() -> None:
    compiled = parse_claims({"id": "{{user.id}}"})
    rendered = [render(compiled, {"user": {"id": number}}) for number in range(3)]
    assert rendered == [{"id": 0}, {"id": 1}, {"id": 2}]


def test_what_is_compiled_does_not_change_with_the_document() -> None:
    document: dict[str, Any] = {"a": ["{{user.id}}"], "b": {"c": 1}}
    compiled = parse_claims(document)
    document["a"].append("more")
    document["b"]["c"] = 2
    assert render(compiled, VALUES) == {"a": ["user_1"], "b": {"c": 1}}


def test_what_is_rendered_can_change_without_the_values() -> None:
    values = {"user": {"public_metadata": {"tags": ["a"]}}}
    _rendered("{{user.public_metadata}}", values)["tags"].append("b")
    assert values == {"user": {"public_metadata": {"tags": ["a"]}}}


@pytest.mark.parametrize("document", [None, [], "{}", 1, UserDict(), defaultdict(dict)])
def test_a_document_is_a_json_object(document: object) -> None:
    with pytest.raises(WrongClaims, match=r"^claims: not a JSON object"):
        parse_claims(document)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (float("nan"), "claims.a: no value that JSON has"),
        (float("inf"), "claims.a: no value that JSON has"),
        (2**64, "claims: cannot be written as JSON"),
        ("\ud800", "claims: cannot be written as JSON"),
        (datetime(2026, 1, 1, tzinfo=UTC), "claims.a: no value that JSON has"),
        ((1, 2), "claims.a: no value that JSON has"),
        ({1: 2}, "claims: cannot be written as JSON"),
        ({"b": ["{{"]}, r"claims.a.b\[0\], character 3: the text ends"),
        ({"{{b}}": 1}, "claims.a: the name '{{b}}' holds braces: put shortcodes into values"),
    ],
)
def test_what_cannot_be_a_claim_is_refused_by_its_place(value: object, place: str) -> None:
    with pytest.raises(WrongClaims, match=f"^{place}"):
        parse_claims({"a": value})


def test_the_place_of_an_error_is_short_however_long_names_are() -> None:
    with pytest.raises(WrongClaims) as raised:
        parse_claims({"a" * 3000: {"b" * 3000: "{{"}})
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("more", [-1, 0])
def test_a_document_of_the_largest_size_is_compiled(more: int) -> None:
    document = {"a": "x" * (LARGEST_DOCUMENT - len('{"a":""}') + more)}
    assert claims_size(document) == LARGEST_DOCUMENT + more
    assert parse_claims(document).members[0][0] == "a"


def test_a_document_of_one_byte_more_is_refused() -> None:
    document = {"a": "x" * (LARGEST_DOCUMENT - len('{"a":""}') + 1)}
    with pytest.raises(WrongClaims, match="8193 bytes of JSON, and 8192 is the most"):
        parse_claims(document)


@pytest.mark.parametrize("depth", [DEEPEST - 2, DEEPEST - 1])
def test_a_document_of_the_deepest_nesting_is_compiled(depth: int) -> None:
    assert _rendered(_nested(depth)) == _nested(depth)


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1, 500, 2000])
def test_a_document_that_is_nested_deeper_is_refused(depth: int) -> None:
    objects: Any = "leaf"
    for _ in range(depth):
        objects = {"a": objects}
    for value in (_nested(depth), objects):
        with pytest.raises(WrongClaims, match=r"nested deeper than 16|cannot be written as JSON"):
            parse_claims({"claim": value})


@pytest.mark.parametrize("more", [-1, 0])
def test_as_many_operands_as_may_be_are_compiled(more: int) -> None:
    half, rest = MOST_OPERANDS // 2, MOST_OPERANDS - MOST_OPERANDS // 2 + more
    document = {"a": "{{x}}" * half, "b": "{{" + "||".join(["x"] * rest) + "}}"}
    assert render(parse_claims(document), {"x": 1}) == {"a": "1" * half, "b": 1}


def test_one_operand_more_in_all_shortcodes_together_is_refused() -> None:
    half = MOST_OPERANDS // 2
    document = {"a": "{{x}}" * half, "b": ["{{x || y}}"] * (half // 2), "c": "{{x}}"}
    with pytest.raises(WrongClaims, match=r"^claims\.c: more than 128 operands in all"):
        parse_claims(document)


@pytest.mark.parametrize("more", [-1, 0])
def test_claims_of_the_largest_size_are_rendered(more: int) -> None:
    size = LARGEST_CLAIMS - len('{"claim":""}') + more
    assert len(_rendered("{{x}}", {"x": "y" * size})) == size
    assert len(_rendered("y{{x}}", {"x": "y" * (size - 1)})) == size


@pytest.mark.parametrize("document", ["{{x}}", "{{x}}{{''}}", ["{{x}}"], {"b": "{{x}}"}])
def test_claims_of_one_byte_more_are_refused(document: object) -> None:
    size = LARGEST_CLAIMS - claims_size({"claim": document}) + len("{{x}}") + 1
    if document == "{{x}}{{''}}":
        size += len("{{''}}")
    with pytest.raises(ClaimsTooLarge, match="more than 4096 bytes"):
        _rendered(document, {"x": "y" * size})


def test_the_size_of_claims_is_in_bytes_and_not_in_characters() -> None:
    with pytest.raises(ClaimsTooLarge):
        _rendered("{{x}}", {"x": "ü" * (LARGEST_CLAIMS // 2)})


@pytest.mark.parametrize(
    "value",
    [
        "x" * 1_000_000,
        [""] * 1_000_000,
        [[]] * 1_000_000,
        {str(number): None for number in range(100_000)},
        {"x" * 1_000_000: 1},
        [1] * 1_000_000,
    ],
)
@pytest.mark.parametrize("text", ["{{x}}", "in {{x}}", "{{x}}" * MOST_OPERANDS])
def test_a_huge_value_is_refused_before_it_is_copied(value: object, text: str) -> None:
    with pytest.raises(ClaimsTooLarge, match="more than 4096 bytes"):
        _rendered(text, {"x": value})


@pytest.mark.parametrize(
    "value",
    [
        ["x" * (LARGEST_CLAIMS + 1), object()],
        {"x" * (LARGEST_CLAIMS + 1): object()},
        [object()] * (LARGEST_CLAIMS + 1),
        {chr(256 + number): object() for number in range(LARGEST_CLAIMS // 2)},
        [*[1] * (LARGEST_CLAIMS // 2), object()],
    ],
    ids=["text", "name", "array", "object", "numbers"],
)
@pytest.mark.parametrize("text", ["{{x}}", "in {{x}}"])
def test_nothing_is_read_of_a_value_beyond_what_claims_may_have(value: object, text: str) -> None:
    # What is no JSON would be refused as that, were it read.
    with pytest.raises(ClaimsTooLarge, match="more than 4096 bytes"):
        _rendered(text, {"x": value})


def test_many_shortcodes_with_a_large_value_each_cannot_multiply_it() -> None:
    with pytest.raises(ClaimsTooLarge):
        _rendered("{{x}}" * MOST_OPERANDS, {"x": {"a": "y" * 100}})


@pytest.mark.parametrize("depth", [DEEPEST - 2, DEEPEST - 1])
def test_a_value_as_deep_as_claims_may_be_is_rendered(depth: int) -> None:
    assert _rendered("{{x}}", {"x": _nested(depth)}) == _nested(depth)


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1, 3000])
@pytest.mark.parametrize("text", ["{{x}}", "in {{x}}"])
def test_a_deeper_value_is_refused(depth: int, text: str) -> None:
    with pytest.raises(ClaimsTooLarge, match="nested deeper than 16"):
        _rendered(text, {"x": _nested(depth)})


def test_a_deep_value_in_a_deep_place_is_refused() -> None:
    objects: Any = "{{x}}"
    arrays: Any = "{{x}}"
    for _ in range(DEEPEST - 2):
        objects, arrays = {"a": objects}, [arrays]
    for document in (objects, arrays):
        assert "[1]" in json.dumps(_rendered(document, {"x": [1]}))
        with pytest.raises(ClaimsTooLarge, match="nested deeper than 16"):
            _rendered(document, {"x": {"b": {"c": 1}}})


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(ClaimsTooLarge):
        _rendered("{{x}}", {"x": endless})


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        (1, 2),
        {1, 2},
        b"bytes",
        object(),
        float("nan"),
        float("-inf"),
        2**64,
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        [UserDict()],
        defaultdict(dict),
    ],
)
@pytest.mark.parametrize("text", ["{{x}}", "in {{x}}"])
def test_a_value_that_json_has_not_is_refused(value: object, text: str) -> None:
    with pytest.raises(ValueUnusable):
        _rendered(text, {"x": value})


class _Trap:
    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"{name} was looked up on an object")

    def __getitem__(self, name: str) -> Any:
        raise AssertionError(f"{name} was looked up in an object")


class _TrapDict(dict[str, Any]):
    def get(self, name: str, default: Any = None) -> Any:
        raise AssertionError(f"{name} was looked up by code of an object")


@pytest.mark.parametrize("trap", [_Trap, _TrapDict])
def test_nothing_is_looked_up_but_in_plain_dicts(trap: type) -> None:
    assert _rendered("{{x.secret || 'nothing'}}", {"x": trap()}) == "nothing"


@pytest.mark.parametrize(
    ("text", "document"),
    [("{}", {}), (' {"a": [1, "{{b}}"]}\n', {"a": [1, "{{b}}"]}), ('{"ü":1e2}', {"ü": 100.0})],
)
def test_a_document_can_come_as_text(text: str, document: dict[str, Any]) -> None:
    assert parse_document(text) == document


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON: Expecting value"),
        ("{", "not JSON: Expecting property name"),
        ('{"a": 1,}', "not JSON: "),
        ('{"a": 1} x', "not JSON: Extra data"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ('{"a": 1, "b": 2, "b": 3}', "'b' comes twice in one object"),
        ('{"a": [{"c": 1, "c": 1}]}', "'c' comes twice in one object"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON: "),
        ('{"a": ' + "[" * 8000, "(nested deeper than 16|not JSON)"),
        (" " * (LARGEST_DOCUMENT + 1), "longer than 8192 characters"),
    ],
)
def test_text_that_is_no_document_is_refused(text: str, problem: str) -> None:
    with pytest.raises(WrongClaims, match=f"^claims: {problem}"):
        parse_document(text)


def test_text_of_the_largest_size_is_a_document() -> None:
    assert parse_document("{}" + " " * (LARGEST_DOCUMENT - 2)) == {}
