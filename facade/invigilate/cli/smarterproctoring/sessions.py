"""`invigilate sessions`: show, list, schedule, reschedule and cancel exam sessions."""

from __future__ import annotations

from typing import Any

import typer

from invigilate.cli.checks import meaningful
from invigilate.cli.options import AsJson, Passed, bind, new_group
from invigilate.cli.output import column, listing, show_result
from invigilate.cli.plans import plan
from invigilate.smarterproctoring.resources import ExamSessions
from smarterproctoring_client.models import EnrollmentExamSession as Row

from .changes import change
from .clients import proctoring

_SESSION = "--exam-sid EXe68c6efc06157f255c6d3f4286e877c1 --session-sid ESed5fe015dc817b996459f772e8355541"
_MANY = (
    "Or many, from a CSV file with a column for each argument. A results file records what was sent: after an "
    "interruption the same command continues, and sends no row twice."
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = new_group(app, "sessions", "Exam sessions: appointments of enrolled people for their exams.")
    bind(
        group,
        "show",
        ExamSessions.get.describe,
        help="Show an exam session.",
        examples=[f"invigilate sessions show {_SESSION}"],
        shows_times=True,
    )(_show)
    bind(
        group,
        "list",
        ExamSessions.list_for_enrollment.describe,
        help="List the sessions of an enrollment for an exam.",
        examples=[
            "invigilate sessions list --enrollment-sid EN35acb3673fefbcb7a2398f677a436761 "
            "--exam-sid EXe68c6efc06157f255c6d3f4286e877c1 --include-active true"
        ],
        shows_times=True,
    )(_list)
    bind(
        group,
        "schedule",
        ExamSessions.schedule.describe,
        help=f"Schedule an exam session; with an amount and a card token, this charges the card.\n\n{_MANY}",
        examples=[
            f"invigilate sessions schedule {_SESSION} --type automated "
            "--appointment-date-time 2026-12-01T09:00 --timezone Europe/Berlin --dry-run",
            "invigilate sessions schedule --csv bookings.csv --yes",
        ],
    )(change)
    bind(
        group,
        "reschedule",
        ExamSessions.reschedule.describe,
        help=f"Move a scheduled exam session to another time, place or proctor.\n\n{_MANY}",
        examples=[
            f"invigilate sessions reschedule {_SESSION} --appointment-start-date-time 2026-12-02T09:00:00Z --yes"
        ],
    )(meaningful(change))
    bind(
        group,
        "cancel",
        ExamSessions.cancel.describe,
        help=f"Cancel a scheduled exam session.\n\n{_MANY}",
        examples=[f'invigilate sessions cancel {_SESSION} --cancellation-memo "Moved to spring" --yes'],
    )(change)


def _show(passed: Passed, json: AsJson = False) -> None:
    item = plan(passed.describe, passed.arguments)
    with proctoring() as client:
        session = client.execute(item.call)
    show_result(session, as_json=json, place=passed.place)


def _list(passed: Passed, json: AsJson = False) -> None:
    columns = [
        column("sid", Row, lambda row: row.sid),
        column("status", Row, lambda row: row.status),
        column("sessionType", Row, lambda row: row.session_type),
        column("appointmentDate", Row, lambda row: row.appointment_date),
        column("createdDate", Row, lambda row: row.created_date),
    ]
    call: Any = plan(passed.describe, passed.arguments).call
    with proctoring() as client:
        listing(client.pages(call), columns, as_json=json, place=passed.place)
