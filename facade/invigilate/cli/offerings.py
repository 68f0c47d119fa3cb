"""`invigilate offerings update`: change course offerings."""

from __future__ import annotations

import typer

from invigilate._resources import CourseOfferings

from .changes import change
from .options import bind


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Course offerings: the terms that courses belong to.", no_args_is_help=True)
    app.add_typer(group, name="offerings")
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
