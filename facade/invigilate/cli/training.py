"""`invigilate training results`: results of on-the-job training."""

from __future__ import annotations

import typer

from invigilate._resources import JobTraining

from .clients import learn
from .options import AsJson, Given, bind
from .output import listing, rows_of

_COLUMNS = ("checklistTitle", "sessionStatus", "startDate", "completionDate", "result", "sessionId")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="On-the-job training at iSpring Learn.", no_args_is_help=True)
    app.add_typer(group, name="training")
    bind(
        group,
        "results",
        JobTraining.list_session_results.describe,
        help="List results of training sessions.",
        examples=["invigilate training results --session-status PASSED"],
    )(_results)


def _results(given: Given, json: AsJson = False) -> None:
    with learn() as client:
        listing(rows_of(client.execute(given.describe(**given.arguments))), _COLUMNS, as_json=json)
