"""Header fields and query of a request: read once, and as Starlette's own would be."""

import pytest
from starlette.datastructures import Headers

from edgepass_sidecar.api.fields import Fields, ReadRequest, fields_of, query_of

RAW = [
    (b"host", b"auth.example.com"),
    (b"cookie", b"a=1"),
    (b"x-empty", b""),
    (b"cookie", b"b=\xe9"),
    (b"origin", b"https://app.example.com"),
]


@pytest.mark.parametrize("name", ["host", "Host", "cookie", "COOKIE", "x-empty", "accept", ""])
def test_fields_are_what_starlette_says_they_are(name: str) -> None:
    ours, theirs = Fields(RAW), Headers(raw=RAW)
    assert ours.getlist(name) == theirs.getlist(name)
    assert ours.get(name) == theirs.get(name)
    assert ours.get(name, "none") == theirs.get(name, "none")
    assert (name in ours) == (name in theirs)


def test_all_fields_are_there_in_their_order() -> None:
    assert Fields(RAW).raw == RAW
    assert Fields(RAW) == Headers(raw=RAW)


def test_a_field_that_is_not_there_is_a_key_error() -> None:
    fields = Fields(RAW)
    with pytest.raises(KeyError):
        fields["accept"]


def test_a_request_and_the_layers_around_it_share_one_reading() -> None:
    scope = {"type": "http", "headers": RAW, "query_string": b"a=1&a=2&b=%20"}
    request = ReadRequest(scope)
    assert request.headers is fields_of(scope) is fields_of(scope)
    assert request.query_params is query_of(scope) is query_of(scope)
    assert request.query_params.getlist("a") == ["1", "2"]
    assert request.query_params["b"] == " "


def test_two_requests_share_nothing() -> None:
    one = {"type": "http", "headers": RAW, "query_string": b"a=1"}
    other = {"type": "http", "headers": RAW[:1], "query_string": b"a=2"}
    assert len(fields_of(one)) == 5
    assert len(fields_of(other)) == 1
    assert (query_of(one)["a"], query_of(other)["a"]) == ("1", "2")


@pytest.mark.parametrize("scope", [{"query_string": b""}, {}])
def test_without_a_query_there_are_no_parameters(scope: dict[str, bytes]) -> None:
    assert query_of(scope).multi_items() == []
