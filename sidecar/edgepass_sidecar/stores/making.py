"""Values made from rows: frozen dataclasses, at the cost of those that are not frozen."""

from collections.abc import Callable, Sequence
from dataclasses import fields, make_dataclass
from typing import TypeVar

Value = TypeVar("Value")


def maker(kind: type[Value], names: Sequence[str]) -> Callable[..., Value]:
    """Return what makes a `kind`, a frozen dataclass with slots, of all its fields in this order.

    Its own `__init__` goes through `object.__setattr__` field by field, and takes four
    times as long. An open twin of the class is filled instead, and is of the class
    before anybody sees it.
    """
    if sorted(names) != sorted(field.name for field in fields(kind)):  # type: ignore[arg-type]
        raise TypeError(f"{', '.join(names)} are not the fields of {kind.__name__}")
    twin = make_dataclass(kind.__name__, names, slots=True)

    def make(*values: object) -> Value:
        value = twin(*values)
        value.__class__ = kind
        return value  # type: ignore[no-any-return]

    return make
