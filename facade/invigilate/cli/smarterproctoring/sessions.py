"""`invigilate sessions`: show, list, schedule, reschedule and cancel exam sessions."""

from __future__ import annotations

import typer

from invigilate.cli.api import read, rows
from invigilate.cli.changes import change
from invigilate.cli.options import bind, new_group
from invigilate.smarterproctoring.resources import ExamSessions

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
    )(read)
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
    )(rows)
    bind(
        group,
        "schedule",
        ExamSessions.schedule.describe,
        help=f"Schedule an exam session; with an amount and a card token, this charges the card.\n\n{_MANY}",
        examples=[
            f"invigilate sessions schedule {_SESSION} --type automated "
            "--appointment-date-time 2026-12-01T09:00 --timezone Europe/Berlin --dry-run",
            "invigilate sessions schedule --from bookings.csv --yes",
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
    )(change)
    bind(
        group,
        "cancel",
        ExamSessions.cancel.describe,
        help=f"Cancel a scheduled exam session.\n\n{_MANY}",
        examples=[f'invigilate sessions cancel {_SESSION} --cancellation-memo "Moved to spring" --yes'],
    )(change)
