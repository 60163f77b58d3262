"""The public names are exactly `__all__`, sorted."""

from types import ModuleType

import edgepass


def test_the_public_names_are_exactly_all_sorted() -> None:
    public = [
        name
        for name, value in vars(edgepass).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    ]
    assert list(edgepass.__all__) == sorted(edgepass.__all__) == sorted(public)


def test_the_names_that_people_rely_on_are_there() -> None:
    assert set(edgepass.__all__) >= {
        "Claims",
        "EdgepassMiddleware",
        "Expectations",
        "KeySet",
        "SignedIn",
        "SignedOut",
        "TokenRefused",
        "verify",
    }


def test_every_public_name_says_what_it_does() -> None:
    assert all(getattr(edgepass, name).__doc__ for name in edgepass.__all__)
