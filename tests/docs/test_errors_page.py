"""The table of errors has every public class, and says of each what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from invigilate import errors
from invigilate._outcomes import _REQUEST_ID_HEADERS
from invigilate.errors import APIStatusError
from invigilate.smarterproctoring.client import SmarterProctoring
from tests.docs.blocks import ROOT

PAGE = ROOT / "docs" / "errors.md"
CLASSES = [
    name for name in errors.__all__ if isinstance(each := getattr(errors, name), type) and issubclass(each, Exception)
]


def table(heading: str, page: Path = PAGE) -> list[list[str]]:
    """Return the rows of the table below a heading, without its head."""
    section = page.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return rows[1:]


def test_the_table_has_each_class_once_with_cause_and_remedy() -> None:
    rows = table("All classes")
    assert sorted(row[0].strip("`") for row in rows) == sorted(CLASSES)
    assert all(len(row) == 3 and all(row) for row in rows)


@pytest.mark.parametrize("status", sorted(errors.STATUS_ERRORS))
def test_the_row_of_a_status_names_it(status: int) -> None:
    name = errors.STATUS_ERRORS[status].__name__
    (row,) = (row for row in table("All classes") if row[0] == f"`{name}`")
    assert str(status) in row[1]


def test_the_attributes_of_an_error_are_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in CLASSES:
        listed = re.findall(r"^        (\w+): ", getattr(errors, name).__doc__ or "", re.MULTILINE)
        missing = [each for each in listed if f"`{each}`" not in text and f"error.{each}`" not in text]
        # Of no use to programs outside this process; and the offset of a warning.
        assert set(missing) <= {"sent_monotonic", "offset"}, name


def test_the_headers_of_request_ids_are_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8").lower()
    assert [name for name in _REQUEST_ID_HEADERS if f"`{name}`" not in text] == []


def test_the_class_of_each_vendor_code_is_the_one_that_is_raised() -> None:
    for code, status, _, name in table("Vendor codes"):
        raised: type[APIStatusError] = SmarterProctoring._error_classes.get(
            code.strip("`"), errors.error_class(int(status))
        )
        assert f"`{raised.__name__}`" == name, code
