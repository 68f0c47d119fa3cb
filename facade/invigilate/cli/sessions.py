"""`invigilate sessions`: show, list, schedule, reschedule and cancel exam sessions."""

from __future__ import annotations

import typer

from invigilate._resources import ExamSessions

from .changes import change
from .checks import meaningful
from .clients import proctoring
from .options import AsJson, Given, bind
from .output import listing, record, rows_of
from .plans import complete

_COLUMNS = ("sid", "status", "sessionType", "appointmentDate", "createdDate")
_SESSION = "--exam-sid EXe68c6efc06157f255c6d3f4286e877c1 --session-sid ESed5fe015dc817b996459f772e8355541"
_MANY = (
    "Or many, from a CSV file with a column for each argument. The results file remembers what was sent: the same "
    "command goes on with a broken run, and sends no row twice."
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Exam sessions: appointments of enrolled people for their exams.", no_args_is_help=True)
    app.add_typer(group, name="sessions")
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
        help="List the exam sessions that an enrolled person has for an exam.",
        examples=[
            "invigilate sessions list --enrollment-sid EN35acb3673fefbcb7a2398f677a436761 "
            "--exam-sid EXe68c6efc06157f255c6d3f4286e877c1"
        ],
        shows_times=True,
    )(_list)
    bind(
        group,
        "schedule",
        ExamSessions.schedule.describe,
        help=f"Book an exam session; with an amount and a card token this charges the card.\n\n{_MANY}",
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
        help=f"Move a booked exam session to another time, place or proctor.\n\n{_MANY}",
        examples=[
            f"invigilate sessions reschedule {_SESSION} --appointment-start-date-time 2026-12-02T09:00:00Z --yes"
        ],
    )(meaningful(change))
    bind(
        group,
        "cancel",
        ExamSessions.cancel.describe,
        help=f"Call a booked exam session off.\n\n{_MANY}",
        examples=[f'invigilate sessions cancel {_SESSION} --cancellation-memo "Moved to spring" --yes'],
    )(change)


def _show(given: Given, json: AsJson = False) -> None:
    call = given.describe(**complete(given.describe, given.arguments))
    with proctoring() as client:
        session = client.execute(call)
    record(session.to_dict(), as_json=json, place=given.place)


def _list(given: Given, json: AsJson = False) -> None:
    call = given.describe(**complete(given.describe, given.arguments))
    with proctoring() as client:
        listing(rows_of(client.pages(call)), _COLUMNS, as_json=json, place=given.place)
