"""Shortcodes: what a text is made of, and how every wrong one says where and what to do."""

import pytest

from edgepass_sidecar.shortcode import (
    Literal,
    Path,
    Shortcode,
    Text,
    WrongClaims,
    has_braces,
    parse_text,
)

USER_ID = Shortcode((Path(("user", "id")),))


@pytest.mark.parametrize("text", ["{{user.id}}", "{{ user.id }}", "{{\t\r\n user.id\n}}"])
def test_a_text_that_is_one_shortcode_is_that_shortcode(text: str) -> None:
    assert parse_text(text, "claims") == USER_ID


@pytest.mark.parametrize(
    "text", ["", "plain", "{", "}", "{user.id}", "{a:{b}", "a } b {", "| || '", "{ {user.id} }"]
)
def test_a_text_without_double_braces_is_itself(text: str) -> None:
    assert parse_text(text, "claims") == Literal(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (" {{user.id}}", (" ", USER_ID)),
        ("{{user.id}} ", (USER_ID, " ")),
        ("{{user.id}}{{user.id}}", (USER_ID, USER_ID)),
        ("a {{user.id}}, {{user.id}} z", ("a ", USER_ID, ", ", USER_ID, " z")),
        ("{ {{user.id}} }", ("{ ", USER_ID, " }")),
        ("{{user.id}}}", (USER_ID, "}")),
    ],
)
def test_anything_beside_a_shortcode_makes_it_a_text(
    text: str, parts: tuple[str | Shortcode, ...]
) -> None:
    assert parse_text(text, "claims") == Text(parts)


@pytest.mark.parametrize(
    ("operand", "value"),
    [
        ("'text'", "text"),
        ("''", ""),
        ("'}}'", "}}"),
        ("'{{user.id}} || x'", "{{user.id}} || x"),
        (r"'\n'", r"\n"),
        ("'größe'", "größe"),
        ("0", 0),
        ("-7", -7),
        ("30", 30),
        ("1.5", 1.5),
        ("-2e3", -2000.0),
        ("9007199254740993", 9007199254740993),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("true", True),
        ("false", False),
    ],
)
def test_a_literal_has_the_value_that_it_spells(operand: str, value: object) -> None:
    node = parse_text("{{" + operand + "}}", "claims")
    assert isinstance(node, Shortcode)
    (literal,) = node.operands
    assert isinstance(literal, Literal)
    assert literal.value == value
    assert type(literal.value) is type(value)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("user", ("user",)),
        ("user.public_metadata.addresses.Home", ("user", "public_metadata", "addresses", "Home")),
        ("user.unsafe_metadata.2fa", ("user", "unsafe_metadata", "2fa")),
        ("org.public_metadata.tenant-id", ("org", "public_metadata", "tenant-id")),
        ("user.public_metadata.größe", ("user", "public_metadata", "größe")),
        ("user.__class__.__init__", ("user", "__class__", "__init__")),
        ("true.false", ("true", "false")),
        ("null", ("null",)),
    ],
)
def test_a_path_is_names_between_dots(path: str, names: tuple[str, ...]) -> None:
    assert parse_text("{{" + path + "}}", "claims") == Shortcode((Path(names),))


@pytest.mark.parametrize("text", ["{{a||b||'c'||0}}", "{{ a || b || 'c' || 0 }}"])
def test_operands_stand_between_double_bars_in_their_order(text: str) -> None:
    expected = Shortcode((Path(("a",)), Path(("b",)), Literal("c"), Literal(0)))
    assert parse_text(text, "claims") == expected


@pytest.mark.parametrize(
    ("text", "character", "problem"),
    [
        ("{{}}", 3, "}} where an operand belongs"),
        ("{{ }}", 4, "}} where an operand belongs"),
        ("{{ || a }}", 4, "|| where an operand belongs"),
        ("{{ a || }}", 9, "}} where an operand belongs"),
        ("{{ a || || b }}", 9, "|| where an operand belongs"),
        ("{{ a b }}", 6, "'b' follows an operand: write || or }}"),
        ("{{ a 'b' }}", 6, "\"'b'\" follows an operand"),
        ("{{ a | b }}", 6, "'|' has no meaning here"),
        ("{{ a && b }}", 6, "'&' has no meaning here"),
        ("{{ a.b() }}", 7, "'(' has no meaning here"),
        ("{{ a[0] }}", 5, "'[' has no meaning here"),
        ("{{ a. }}", 5, "'.' has no meaning here"),
        ("{{ a..b }}", 5, "'.' has no meaning here"),
        ("{{ .a }}", 4, "'.' has no meaning here"),
        ('{{ "a" }}', 4, "'\"' has no meaning here"),
        ("{{{a}}}", 3, "'{' has no meaning here"),
        ("{{ {{a}} }}", 4, "'{' has no meaning here"),
        ("{{ a {{b}} }}", 6, "'{' has no meaning here"),
        ("{{a}", 4, "'}' has no meaning here"),
        ("{{a} }", 4, "'}' has no meaning here"),
        ("{{", 3, "the text ends in a shortcode: close it with }}"),
        ("x {{ a ", 8, "the text ends in a shortcode: close it with }}"),
        ("x {{ a || ", 11, "the text ends in a shortcode: close it with }}"),
        ("{{ 'a }}", 4, "a literal is not closed: end it with '"),
        ("{{ 'a''b' }}", 7, "\"'b'\" follows an operand"),
        ("a }} b", 3, "}} closes nothing: write {{ before it, or {{'}}'}} for the braces"),
        ("{{a}}}}", 6, "}} closes nothing"),
        ("{{ 007 }}", 4, "'007' is not a number"),
        ("{{ 30abc }}", 4, "'30abc' is not a number"),
        ("{{ 1. }}", 4, "'1.' is not a number"),
        ("{{ 1.2.3 }}", 4, "'1.2.3' is not a number"),
        ("{{ 0x10 }}", 4, "'0x10' is not a number"),
        ("{{ 1_000 }}", 4, "'1_000' is not a number"),
        ("{{ ١ }}", 4, "'١' has no meaning here"),
        ("{{ 1e999 }}", 4, "the number is out of range"),
        ("{{ 18446744073709551616 }}", 4, "the number is out of range"),
        ("{{ -9223372036854775809 }}", 4, "the number is out of range"),
        ("{{ " + "9" * 5000 + " }}", 4, "the number is out of range"),
    ],
)
def test_a_wrong_shortcode_names_its_place_and_the_remedy(
    text: str, character: int, problem: str
) -> None:
    with pytest.raises(WrongClaims) as raised:
        parse_text(text, "claims.name")
    assert raised.value.place == f"claims.name, character {character}"
    assert raised.value.problem.startswith(problem)
    assert str(raised.value) == f"{raised.value.place}: {raised.value.problem}"
    assert ": " in raised.value.problem or ", or " in raised.value.problem


def test_what_an_error_quotes_is_short() -> None:
    with pytest.raises(WrongClaims) as raised:
        parse_text("{{ a " + "b" * 5000 + " }}", "claims")
    assert len(str(raised.value)) < 120


@pytest.mark.parametrize("text", ["{{", "}}", "a {{b}}", "{{{"])
def test_double_braces_are_seen(text: str) -> None:
    assert has_braces(text)


@pytest.mark.parametrize("text", ["", "{", "}", "{}", "} }", "{ {"])
def test_single_braces_are_text(text: str) -> None:
    assert not has_braces(text)
