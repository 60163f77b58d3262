"""Log lines: one JSON object each, whatever was logged."""

import json
import logging
import sys
from typing import Any

import pytest

from edgepass_sidecar.logs import JsonFormatter


def _line(message: str = "hello %s", *arguments: object, **changes: Any) -> dict[str, Any]:
    record = logging.LogRecord(
        "edgepass.http", logging.WARNING, "x.py", 1, message, arguments, changes.pop("exc", None)
    )
    record.created, record.msecs = 1_800_000_000.25, 250.0
    vars(record).update(changes)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_has_time_level_logger_and_message() -> None:
    assert _line("hello %s", "you") == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "edgepass.http",
        "message": "hello you",
    }


def test_a_line_has_what_was_passed_as_extra() -> None:
    line = _line("hello", status=401, path="/v1/client", odd=object)
    assert (line["status"], line["path"]) == (401, "/v1/client")
    assert line["odd"] == "<class 'object'>"


@pytest.mark.parametrize("hostile", ["a\nb", "a\r\n{}", 'a"}', "a\x1b[31m", "a\u2028b", "a\x00b"])
def test_hostile_text_stays_within_its_line(hostile: str) -> None:
    line = _line("%s", hostile, path=hostile)
    assert line["message"] == line["path"] == hostile


def test_an_exception_is_in_the_line_of_its_record() -> None:
    try:
        {}["gone"]
    except KeyError:
        line = _line("failed", exc=sys.exc_info())
    assert "KeyError: 'gone'" in line["traceback"]


def test_text_that_is_not_unicode_does_not_lose_the_line() -> None:
    assert _line("%s", "\ud800")["level"] == "warning"
