"""`invigilate training results`: results of on-the-job training."""

from __future__ import annotations

import typer

from invigilate.cli.options import AsJson, Passed, bind, new_group
from invigilate.cli.output import column, listing
from invigilate.cli.plans import plan
from invigilate.cli.registry import client_of
from invigilate.ispring.resources import JobTraining
from ispring_learn_client.models import JobTrainingSessionResult as Row


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_group(app, "training", "On-the-job training at iSpring Learn.")
    bind(
        group,
        "results",
        JobTraining.list_session_results.describe,
        help="List results of training sessions.",
        examples=["invigilate training results --session-status PASSED"],
    )(_results)


def _results(passed: Passed, json: AsJson = False) -> None:
    columns = [
        column("checklistTitle", Row, lambda row: row.checklist_title),
        column("sessionStatus", Row, lambda row: row.session_status),
        column("startDate", Row, lambda row: row.start_date),
        column("completionDate", Row, lambda row: row.completion_date),
        column("result", Row, lambda row: row.result),
        column("sessionId", Row, lambda row: row.session_id),
    ]
    item = plan(passed.describe, passed.arguments)
    with client_of(passed.describe) as client:
        listing(client.execute(item.call), columns, as_json=json)
