"""The header fields and the query of a request, looked through once for every layer that asks."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.types import Scope

_FIELDS, _QUERY = "edgepass.fields", "edgepass.query"
_NO_QUERY = QueryParams()


class Fields(Headers):
    """Header fields by their names. Starlette's own looks at each of them for each question.

    `cookies` is what the first who asked for cookies has read, `None` until then.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=list(raw))
        self.cookies: list[tuple[str, str]] | None = None
        values: dict[bytes, list[bytes]] = {}
        for name, value in self._list:
            if name in values:
                values[name].append(value)
            else:
                values[name] = [value]
        self._values = values

    def getlist(self, key: str) -> list[str]:
        values = self._values.get(_raw_name(key))
        if values is None:
            return []
        if len(values) == 1:  # as nearly all are
            return [str(values[0], "latin-1")]
        return [str(value, "latin-1") for value in values]

    def __getitem__(self, key: str) -> str:
        values = self._values.get(_raw_name(key))
        if values is None:
            raise KeyError(key)
        return str(values[0], "latin-1")

    def __contains__(self, key: Any) -> bool:
        return _raw_name(key) in self._values


@lru_cache(256)  # the names that we ask for are few
def _raw_name(key: str) -> bytes:
    return key.lower().encode("latin-1")


def fields_of(scope: Scope) -> Fields:
    """Return the fields of a request. Those who pass it on must leave its headers as they are."""
    fields: Fields | None = scope.get(_FIELDS)
    if fields is None:
        fields = scope[_FIELDS] = Fields(scope["headers"])
    return fields


def query_of(scope: Scope) -> QueryParams:
    if not scope.get("query_string"):
        return _NO_QUERY
    query: QueryParams | None = scope.get(_QUERY)
    if query is None:
        query = scope[_QUERY] = QueryParams(scope["query_string"])
    return query


class ReadRequest(Request):
    """A request that shares what was read of it with the layers that it came through."""

    @property
    def headers(self) -> Fields:
        return fields_of(self.scope)

    @property
    def query_params(self) -> QueryParams:
        return query_of(self.scope)
