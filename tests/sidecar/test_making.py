"""Values made from rows: the same as those that their own class makes."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from edgepass_sidecar.stores.making import maker


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    left: str
    right: list[int] = field(default_factory=list)


make_pair = maker(Pair, ("right", "left"))


def test_a_value_is_what_its_class_would_make() -> None:
    made = make_pair([1], "a")
    assert type(made) is Pair
    assert made == Pair(left="a", right=[1])
    assert repr(made) == repr(Pair(left="a", right=[1]))
    assert replace(made, left="b") == Pair(left="b", right=[1])
    assert pickle.loads(pickle.dumps(made)) == made


def test_a_value_that_was_made_cannot_be_changed() -> None:
    made = make_pair([], "a")
    with pytest.raises(FrozenInstanceError):
        made.left = "b"  # type: ignore[misc]
    assert not hasattr(made, "__dict__")


@pytest.mark.parametrize("values", [(), ([],), ([], "a", "b")])
def test_each_field_has_its_value(values: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        make_pair(*values)


@pytest.mark.parametrize(
    "names", [("left",), ("left", "middle"), ("left", "right", "right"), ("left", "right", "more")]
)
def test_other_fields_than_those_of_the_class_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match="are not the fields of Pair"):
        maker(Pair, names)
