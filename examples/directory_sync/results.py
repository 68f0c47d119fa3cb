"""Writes the results of the courses as a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from invigilate import UNSET

from .directory import Directory, login_of

COLUMNS = ("login", "course", "status", "progress", "score", "completed")


def write_results(directory: Directory, courses: Iterable[str], path: Path) -> int:
    """Write a line for each active learner in each course, and return the number of lines.

    The file is replaced once all results are read, so that an error leaves the earlier one.
    """
    logins = {user.user_id: login_of(user) for user in directory.users.values()}
    rows = [
        [
            logins.get(row.user_id, row.user_id),
            row.course_title,
            row.completion_status,
            *map(_cell, (row.progress, row.awarded_score, row.completion_date)),
        ]
        for course in courses
        for row in directory.client.results.list(course_ids=[course]).prefetch(1)
    ]
    part = path.with_name(f"{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(sorted(rows))
    part.replace(path)
    return len(rows)


def _cell(value: object) -> str:
    return "" if value is None or value is UNSET else str(value)
