"""Reads the export of an HR system: a CSV file with a line for each employee."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

FIELDS = ("login", "email", "first_name", "last_name", "job_title")
"""Profile fields that the HR system owns, by the names that requests use."""
COLUMNS = (*FIELDS, "department", "courses")


class SyncError(ValueError):
    """The sync cannot begin: the file or the account is not as it must be. Nothing was changed."""


@dataclass(frozen=True)
class Person:
    """An employee.

    Attributes:
        fields: values of the profile, by the names of `FIELDS`.
        department: names of the departments that lead to the person's, from the top.
        courses: IDs of the courses to enroll the person in.
    """

    login: str
    fields: dict[str, str] = field(repr=False)
    department: tuple[str, ...]
    courses: tuple[str, ...]


def read_people(path: Path) -> dict[str, Person]:
    """Read all people by login, in lower case: whether iSpring ignores case is undocumented.

    Raises:
        SyncError: if a column or a value is missing, or a login comes twice.
    """
    try:
        # Spreadsheets write a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise SyncError(f"{path.name}: no column {', '.join(missing)}")
            people = [_person(row, f"{path.name}, line {reader.line_num}") for row in reader]
    except (csv.Error, UnicodeError):
        raise SyncError(f"{path.name}: not a CSV file in UTF-8") from None
    twice = [login for login, count in Counter(each.login.casefold() for each in people).items() if count > 1]
    if twice:
        raise SyncError(f"{path.name}: more than one line for {', '.join(twice)}")
    return {person.login.casefold(): person for person in people}


def _person(row: dict[str, str | None], where: str) -> Person:
    values = {column: (row[column] or "").strip() for column in COLUMNS}
    for column in ("login", "email", "department"):
        if not values[column]:
            raise SyncError(f"{where}: no {column}")
    department = tuple(name.strip() for name in values["department"].split("/"))
    if not all(department):
        raise SyncError(f"{where}: department has an empty name")
    fields = {name: values[name] for name in FIELDS}
    return Person(values["login"], fields, department, tuple(dict.fromkeys(values["courses"].split())))
