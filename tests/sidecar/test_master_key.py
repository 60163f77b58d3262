"""Where the master key comes from, and the file that development makes for it, once."""

import base64
import stat
from pathlib import Path

import pytest

from edgepass_sidecar.master_key import find_master_key
from edgepass_sidecar.settings import Settings, WrongSetting, load_settings
from tests.support.sidecar import MASTER_KEY, make_settings


class Development:
    """A development sidecar in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside = folder / "edgepass-master.key"

    def settings(self, **given: str) -> Settings:
        told = {"INSTANCE": "development", "STORE": f"sqlite:///{self.folder}/e.db", **given}
        environment = {f"EDGEPASS_{name}": value for name, value in told.items()}
        return load_settings(environment, self.folder)


@pytest.fixture
def development(tmp_path: Path) -> Development:
    return Development(tmp_path)


def test_the_key_of_the_settings_is_used_and_no_file_made(development: Development) -> None:
    given = base64.b64encode(MASTER_KEY).decode()
    assert find_master_key(development.settings(MASTER_KEY=given)) == MASTER_KEY
    assert not development.beside.exists()


def test_the_key_of_a_file_is_used(development: Development) -> None:
    file = development.folder / "k"
    file.write_bytes(base64.b64encode(MASTER_KEY) + b"\n")
    file.chmod(0o600)
    assert find_master_key(development.settings(MASTER_KEY_FILE=str(file))) == MASTER_KEY


def test_a_store_in_memory_has_a_new_key_each_time() -> None:
    settings = make_settings(INSTANCE="development", MASTER_KEY="")
    keys = {find_master_key(settings) for _ in range(3)}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 3


def test_development_makes_a_key_beside_the_database_once(development: Development) -> None:
    key = find_master_key(development.settings())
    assert len(key) == 32
    assert find_master_key(development.settings()) == key
    assert base64.b64decode(development.beside.read_bytes()) == key


def test_development_makes_a_key_in_the_file_that_it_was_told(development: Development) -> None:
    file = development.folder / "mine.key"
    key = find_master_key(development.settings(MASTER_KEY_FILE=str(file)))
    assert find_master_key(development.settings(MASTER_KEY_FILE=str(file))) == key
    assert not development.beside.exists()


def test_a_made_key_is_for_its_owner_only(development: Development) -> None:
    find_master_key(development.settings())
    assert stat.S_IMODE(development.beside.stat().st_mode) == 0o600


def test_a_made_key_is_announced_by_file_and_not_by_value(
    development: Development, caplog: pytest.LogCaptureFixture
) -> None:
    key = find_master_key(development.settings())
    (message,) = [
        record.getMessage() for record in caplog.records if record.name == "edgepass.keys"
    ]
    assert str(development.beside) in message
    assert base64.b64encode(key).decode() not in message


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o640, False), (0o604, True)])
def test_a_file_that_everyone_may_read_is_warned_of(
    development: Development, caplog: pytest.LogCaptureFixture, mode: int, warns: bool
) -> None:
    file = development.folder / "k"
    file.write_bytes(base64.b64encode(MASTER_KEY))
    file.chmod(mode)
    find_master_key(development.settings(MASTER_KEY_FILE=str(file)))
    assert ("chmod 600" in caplog.text) is warns


def test_a_folder_that_is_not_there_is_a_wrong_setting(development: Development) -> None:
    settings = development.settings(STORE=f"sqlite:///{development.folder}/no/e.db")
    with pytest.raises(WrongSetting, match=r"EDGEPASS_MASTER_KEY_FILE: .* cannot be made"):
        find_master_key(settings)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe"])
def test_a_file_with_something_else_in_it_is_left_alone(
    development: Development, content: bytes
) -> None:
    development.beside.write_bytes(content)
    with pytest.raises(WrongSetting, match="EDGEPASS_MASTER_KEY_FILE"):
        find_master_key(development.settings())
    assert development.beside.read_bytes() == content
