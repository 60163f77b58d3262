"""Where an address is: whatever database an operator supplies, and whatever is in it."""

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgepass_sidecar.locations import Locations
from tests.support.mmdb import write_database

LONDON = {
    "city": {"names": {"de": "London (DE)", "en": "London"}},
    "country": {"iso_code": "GB", "names": {"en": "United Kingdom", "fr": "Royaume-Uni"}},
    "location": {"latitude": 51.5142, "longitude": -0.0931, "accuracy_radius": 10},
    "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}],
    "traits": {"is_anycast": False, "geoname_id": -1, "asn": 2**40, "raw": b"\x00\xff"},
}
JAPAN = {"country": {"names": {"en": "Japan"}}}

Open = Callable[..., Locations]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Open]:
    opened = []

    def open_database(records: dict[str, object], ip_version: int = 6) -> Locations:
        path = write_database(tmp_path / "places.mmdb", records, ip_version=ip_version)
        opened.append(Locations.open(path))
        return opened[-1]

    yield open_database
    for locations in opened:
        locations.close()


def test_an_address_has_a_city_and_a_country(database: Open) -> None:
    locations = database({"81.2.69.142/31": LONDON, "2001:218::/32": JAPAN, "1.0.16.0/20": JAPAN})

    assert locations.find("81.2.69.142") == ("London", "United Kingdom")
    assert locations.find("2001:218:1::1") == (None, "Japan")
    assert locations.find("1.0.16.1") == (None, "Japan")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("81.2.69.141", (None, None)),
        ("81.2.69.142", ("London", "United Kingdom")),
        ("81.2.69.143", ("London", "United Kingdom")),
        ("81.2.69.144", (None, None)),
    ],
)
def test_a_network_ends_where_it_ends(
    database: Open, address: str, found: tuple[str | None, str | None]
) -> None:
    assert database({"81.2.69.142/31": LONDON}).find(address) == found


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({}, (None, None)),
        ({"city": {}, "country": {}}, (None, None)),
        ({"city": {"names": {"de": "Wien"}}}, (None, None)),
        ({"city": {"names": ["Wien"]}, "country": {"names": {"en": 7}}}, (None, None)),
        ({"city": 5, "country": True}, (None, None)),
        ({"city": ["Wien"], "country": b"\xff"}, (None, None)),
        ({"city": {"names": {"en": ""}}, "country": ""}, (None, None)),
        ({"country": "Austria"}, (None, "Austria")),
        ({"city": "Vienna", "country": "Austria"}, ("Vienna", "Austria")),
        ({"city": {"names": {"en": "Saint-Barthélemy"}}}, ("Saint-Barthélemy", None)),
        ({"registered_country": {"names": {"en": "Austria"}}}, (None, None)),
        ({"city": "Vi\x00en\x1b[31mna\n\x9b"}, ("Vien[31mna", None)),
        ({"city": "x" * 300, "country": "y" * 64}, ("x" * 64, "y" * 64)),
        ("Vienna", (None, None)),
        ([], (None, None)),
        (17, (None, None)),
        (-1.5, (None, None)),
    ],
)
def test_a_record_of_another_shape_says_what_it_can(
    database: Open, record: object, found: tuple[str | None, str | None]
) -> None:
    assert database({"81.2.69.0/24": record}).find("81.2.69.1") == found


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.0.1",
        "100.64.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
    ],
)
def test_an_address_that_is_not_on_the_internet_is_nowhere(database: Open, address: str) -> None:
    assert database({"::/1": LONDON, "8000::/1": LONDON}).find(address) == (None, None)


@pytest.mark.parametrize(
    "address",
    ["", "unix", "localhost", "999.1.1.1", "1.2.3", "fe80::1%eth0", "a" * 10_000, "\x00", "é"],
)
def test_what_is_no_address_is_nowhere(database: Open, address: str) -> None:
    assert database({"81.2.69.0/24": LONDON}).find(address) == (None, None)


def test_a_database_of_ipv4_knows_nothing_of_ipv6(database: Open) -> None:
    locations = database({"81.2.69.0/24": LONDON}, ip_version=4)

    assert locations.find("81.2.69.1") == ("London", "United Kingdom")
    assert locations.find("2001:218::1") == (None, None)


def test_a_closed_database_knows_nothing(database: Open) -> None:
    locations = database({"81.2.69.0/24": LONDON})
    assert locations.find("81.2.69.1") == ("London", "United Kingdom")

    locations.close()
    locations.close()

    assert locations.find("81.2.69.1") == (None, None)
    assert locations.find("81.2.69.2") == (None, None)


class _Counting:
    """A database that says where everybody is, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self, ip_address: str) -> object:
        self.asked += 1
        return {"city": ip_address}

    def close(self) -> None:
        return None


def test_an_address_is_looked_up_once_while_it_is_remembered() -> None:
    database = _Counting()
    locations = Locations(database)

    assert locations.find("8.8.8.8") == locations.find("8.8.8.8") == ("8.8.8.8", None)
    assert database.asked == 1


def test_what_is_remembered_has_a_bound() -> None:
    database = _Counting()
    locations = Locations(database)
    for number in range(5000):
        locations.find(f"8.8.{number // 250}.{number % 250}")
    locations.find("8.8.0.0")

    assert database.asked == 5001
    assert len(locations._remembered) == 4096


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.mmdb"
    with pytest.raises(ValueError, match=r"nowhere\.mmdb cannot be read: No such file"):
        Locations.open(path)


def test_a_directory_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|is not a MaxMind database"):
        Locations.open(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SQLite format 3\x00",
        bytes(4096),
        b"\xab\xcd\xefMaxMind.com",
        b"\xab\xcd\xefMaxMind.com\xe0",
    ],
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.mmdb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.mmdb is not a MaxMind database"):
        Locations.open(path)


def test_without_the_package_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write_database(tmp_path / "places.mmdb", {"81.2.69.0/24": LONDON})
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(ValueError, match=r"pip install 'edgepass\[location\]'"):
        Locations.open(path)


def test_a_damaged_database_is_refused_or_knows_less_but_never_raises(tmp_path: Path) -> None:
    good = write_database(tmp_path / "good.mmdb", {"81.2.69.0/24": LONDON}).read_bytes()
    dice = random.Random(20)
    refused = found = 0
    for number in range(1500):
        damaged = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(good))] = dice.randrange(256)
        path = tmp_path / f"{number % 8}.mmdb"
        path.unlink(missing_ok=True)
        path.write_bytes(bytes(damaged[: dice.choice([len(good), dice.randrange(len(good))])]))
        try:
            locations = Locations.open(path)
        except ValueError:
            refused += 1
            continue
        city, country = locations.find("81.2.69.142")
        assert city is None or city.isprintable()
        assert country is None or country.isprintable()
        found += city == "London"
        locations.close()
    assert refused > 100
    assert found > 100
