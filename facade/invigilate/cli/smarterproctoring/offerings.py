"""`invigilate offerings update`: change course offerings."""

from __future__ import annotations

import typer

from invigilate.cli.options import bind, new_group
from invigilate.smarterproctoring.resources import CourseOfferings

from .changes import change


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_group(app, "offerings", "Course offerings: the terms that courses belong to.")
    bind(
        group,
        "update",
        CourseOfferings.update.describe,
        help="Replace title, match strings and dates of a course offering.\n\n"
        "Or of many, from a CSV file with a column for each argument.",
        examples=[
            "invigilate offerings update --offering-sid CO24192c526f99f2ca2d4a67f21df3acf3 "
            '--title "Fall 2026, online" --match-strings FA26,FALL26 --yes'
        ],
    )(change)
