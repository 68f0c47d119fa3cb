"""The story of a term, one function for each chapter."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path

from invigilate import (
    InvalidArgumentError,
    ISpringLearn,
    OutcomeUnknownError,
    SmarterProctoring,
    parse_ispring_time,
    parse_timestamp,
)
from invigilate.sandbox import KnownSession, Sandbox, faults
from smarterproctoring_client.models import ExamSession, ServiceDistributionRow

from . import calls
from .screen import Screen

# An offset and not a place, because a machine without a time-zone database shall run the demo, too.
ZONE = timezone(timedelta(hours=-5))

STATUSES = {"Closed": "green", "Scheduled": "cyan", "Cancelled": "yellow"}

NEXT_STEPS = """
from invigilate import OutcomeUnknownError, SmarterProctoring, Verdict

# The environment holds SMARTERPROCTORING_TOKEN and _INSTALL_SID.
with SmarterProctoring() as client:
    for row in client.reports.service_distribution(statuses=["Scheduled"]):
        print(row.sid, row.appointment_date, row.service_type)
    before = client.exam_sessions.get(
        exam_sid=exam_sid,
        session_sid=session_sid,
    )
    try:
        client.exam_sessions.schedule(
            exam_sid=exam_sid,
            session_sid=session_sid,
            appointment_date_time="2026-12-07T09:30:00-05:00",
        )
    except OutcomeUnknownError as error:
        found = client.exam_sessions.check(error, before=before)
        if found.verdict is not Verdict.APPLIED:
            print("do not book again, somebody has to look:", found.reason)
"""


@dataclass
class Stage:
    """What the chapters play with."""

    screen: Screen
    sandbox: Sandbox
    client: SmarterProctoring
    ispring: ISpringLearn
    folder: Path
    booked: KnownSession
    """The session that the story follows, once `provisioning` has made it."""
    other: KnownSession
    """Another one, whose reply is lost and which is cancelled later."""
    day: datetime
    """The day of the first appointment, at midnight in `ZONE`."""


def provisioning(stage: Stage) -> None:
    """Provision a course, a student and an exam."""
    screen = stage.screen
    rules = {
        "url": "https://exam.example.com/midterm",
        "access": {"open": stage.day, "close": stage.day + timedelta(days=5)},
        "duration": 90,
        "password": "sandbox",
        "proctorTypes": {},
    }
    screen.call(calls.provision)
    made = calls.provision(stage.client, rules)
    assert made.user
    assert made.enrollment
    assert made.exam
    parts = (("course", made.course), ("student", made.user), ("enrollment", made.enrollment), ("exam", made.exam))
    screen.table([("", False), ("SID", False), ("result", False)], [[name, p.sid, p.result] for name, p in parts])
    again = calls.provision(stage.client, rules)
    screen.gap()
    screen.fact("once more", f"{again.course.result}, the same course: {again.course.sid == made.course.sid}")
    stage.booked = replace(
        stage.booked,
        exam_sid=made.exam.sid,
        enrollment_sid=made.enrollment.sid,
        user_sid=made.user.sid,
        course_sid=made.course.sid,
    )


def assigning(stage: Stage) -> None:
    """Assign the exam to the student, and list the session that this makes."""
    screen, session = stage.screen, stage.booked
    screen.call(calls.assign)
    calls.assign(stage.client, session.exam_sid, session.enrollment_sid)
    screen.call(calls.sessions)
    found = calls.sessions(stage.client, session.enrollment_sid, session.exam_sid)
    screen.table([("session", False), ("status", False)], [[str(each.sid), str(each.status)] for each in found])
    stage.booked = replace(session, session_sid=str(found[0].sid))


def booking(stage: Stage) -> None:
    """Book an exam session, and pay for it."""
    screen, session = stage.screen, stage.booked
    when = stage.day + timedelta(hours=9, minutes=30)
    screen.call(calls.book)
    answer = calls.book(stage.client, session.exam_sid, session.session_sid, when)
    screen.fact("session", str(answer.sid))
    screen.fact("exam", f"{_title(answer.exam)}, {_title(answer.course)}")
    screen.fact("status", str(answer.status), "green")
    screen.fact("asked for", f"{when:%Y-%m-%d %H:%M %Z}")
    screen.fact("booked", f"{appointment(answer):%Y-%m-%d %H:%M} UTC")
    screen.gap()
    ledger(stage)


def mistakes(stage: Stage) -> None:
    """Make three common mistakes: nothing is sent."""
    screen, client, session = stage.screen, stage.client, stage.other
    arrived = len(stage.sandbox.requests)
    naive = datetime.combine(stage.day, time(9, 30))
    attempts: tuple[tuple[str, Callable[[], object]], ...] = (
        (
            "Two identifiers exchanged:",
            lambda: calls.book(client, session.session_sid, session.exam_sid, stage.day),
        ),
        (
            "A local time that does not say where:",
            lambda: calls.book(client, session.exam_sid, session.session_sid, naive),
        ),
        (
            "A filter that turned out empty, and would have meant everything:",
            lambda: client.reports.service_distribution(service_types=[]),
        ),
    )
    for what, attempt in attempts:
        screen.say(what)
        try:
            attempt()
        except InvalidArgumentError as error:
            screen.error(error)
        screen.gap()
    screen.fact("sent", f"{len(stage.sandbox.requests) - arrived} requests", "green")


def lost_reply(stage: Stage) -> None:
    """Lose the answer to a booking that charges a card, and look what became of it."""
    screen, client, session = stage.screen, stage.client, stage.other
    before = calls.read(client, session.exam_sid, session.session_sid)
    with stage.sandbox.faults.during("scheduleExamSession", faults.drop_answer()):
        arrived = len(stage.sandbox.requests)
        try:
            calls.book(client, session.exam_sid, session.session_sid, stage.day + timedelta(hours=14))
        except OutcomeUnknownError as error:
            lost = error
            screen.error(error)
    screen.gap()
    screen.fact("sent", f"{len(stage.sandbox.requests) - arrived} request: it is not sent again", "green")
    screen.gap()
    screen.call(calls.look)
    found = calls.look(client, lost, before)
    screen.fact("verdict", found.verdict.value, "green")
    screen.fact("because", found.reason)
    screen.gap()
    screen.table(
        [("documented name", False), ("asked for", False), ("found", False)],
        [[item.field, str(item.requested), str(item.found)] for item in found.compared],
    )
    screen.gap()
    for inferred in found.inferred:
        screen.fact("inferred", inferred)
    screen.gap()
    ledger(stage)
    screen.gap()
    screen.say(
        "Only the sandbox has a ledger. With the vendor, whether a card was charged cannot be read back: ask the "
        "payment service. And a verdict of NOT_VISIBLE would be no permission to book again."
    )


def onboarding(stage: Stage) -> None:
    """Send the student to the exam."""
    screen, session = stage.screen, stage.booked
    screen.call(calls.onboard)
    answer = calls.onboard(stage.client, session.exam_sid, session.session_sid)
    screen.fact("shown", repr(answer))
    screen.fact("in .url", f"{len(str(answer.url))} characters, good for one use; nothing shows them unasked")


def moving(stage: Stage) -> None:
    """Move the appointment to the next afternoon."""
    screen, session = stage.screen, stage.booked
    when = stage.day + timedelta(days=1, hours=14)
    screen.call(calls.move)
    answer = calls.move(stage.client, session.exam_sid, session.session_sid, when)
    screen.fact("answer", answer, "green")
    moved = calls.read(stage.client, session.exam_sid, session.session_sid)
    screen.fact("moved to", f"{when:%Y-%m-%d %H:%M %Z}")
    screen.fact("read back", f"{appointment(moved):%Y-%m-%d %H:%M} UTC")


def cancelling(stage: Stage) -> None:
    """Cancel the other session."""
    screen, session = stage.screen, stage.other
    screen.call(calls.cancel)
    answer = calls.cancel(stage.client, session.exam_sid, session.session_sid)
    screen.fact("answer", answer, "green")
    cancelled = calls.read(stage.client, session.exam_sid, session.session_sid)
    screen.fact("read back", str(cancelled.status), "yellow")


def renaming(stage: Stage) -> None:
    """Rename the course offering."""
    screen, session = stage.screen, stage.booked
    screen.call(calls.rename)
    answer = calls.rename(stage.client, session.offering_sid, "Fall 2025, online")
    screen.fact("title", str(answer.title), "green")
    screen.fact("matches", " | ".join(answer.match_strings or ()))


def report(stage: Stage) -> None:
    """Stream the service distribution report into a file."""
    screen, path = stage.screen, stage.folder / "service-distribution.csv"
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    billable: Counter[str] = Counter()
    screen.call(calls.stream)
    with path.open("w", newline="", encoding="utf-8") as file, screen.progress("rows") as progress:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)

        def write(rows: Sequence[ServiceDistributionRow]) -> None:
            for row in rows:
                writer.writerow(_cells(row))
                counts[str(row.service_type)][str(row.status)] += 1
                billable[str(row.service_type)] += row.billable is True

        calls.stream(stage.client, write, progress)
    screen.fact("file", os.path.relpath(path))
    services = sorted(counts, key=lambda service: -counts[service].total())
    distribution(screen, {service: counts[service] for service in services}, billable)


def distribution(screen: Screen, counts: dict[str, Counter[str]], billable: Counter[str]) -> None:
    """Show the report by service type and status."""
    rows = [
        [service, *(f"{parts[status]:,}" for status in STATUSES), f"{parts.total():,}", f"{billable[service]:,}"]
        for service, parts in counts.items()
    ]
    sums = [sum(parts[status] for parts in counts.values()) for status in STATUSES]
    rows.append(["all", *(f"{number:,}" for number in (*sums, sum(sums), billable.total()))])
    headings = (*STATUSES, "total", "billable")
    screen.gap()
    screen.table([("service type", False), *((heading, True) for heading in headings)], rows, total=True)
    screen.gap()
    screen.bars(counts, STATUSES)


def training(stage: Stage) -> None:
    """Fetch training results from iSpring Learn."""
    screen = stage.screen
    screen.call(calls.training)
    results = calls.training(stage.ispring, stage.sandbox.checklist_id)
    rows: list[list[str]] = []
    for result in results:
        begun, done = _moment(result.actual_start_date), _moment(result.completion_date)
        took = f"{(done - begun).seconds // 60} min" if begun and done else ""
        percent = f"{result.result:.0f} %" if isinstance(result.result, int | float) else ""
        rows.append([result.session_status, str(begun or ""), took, percent])
    screen.fact("checklist", str(results[0].checklist_title))
    screen.gap()
    screen.table([("status", False), ("begun", False), ("took", True), ("result", True)], rows)
    screen.gap()
    screen.say(
        f"iSpring writes {results[0].actual_start_date!r} and documents neither the order of day and month nor the "
        "time zone: parse_ispring_time() takes both."
    )
    screen.gap()
    screen.call(calls.criteria)
    points: defaultdict[str, list[float]] = defaultdict(list)
    for each in calls.criteria(stage.ispring, stage.sandbox.checklist_id):
        if isinstance(each.points, int | float) and each.total_points:
            points[str(each.criterion_title)].append(100 * each.points / each.total_points)
    screen.table(
        [("criterion", False), ("sessions", True), ("average", True)],
        [[title, f"{len(given)}", f"{sum(given) / len(given):.0f} %"] for title, given in sorted(points.items())],
    )


def next_steps(stage: Stage) -> None:
    """What you would write next."""
    stage.screen.code(NEXT_STEPS)
    stage.screen.gap()
    stage.screen.say("To try it without credentials: .venv/bin/python -m invigilate.sandbox")


CHAPTERS: tuple[Callable[[Stage], None], ...] = (
    provisioning,
    assigning,
    booking,
    mistakes,
    lost_reply,
    onboarding,
    moving,
    cancelling,
    renaming,
    report,
    training,
    next_steps,
)
"""The story. The first line of a chapter's text is its heading."""


def set_stage(
    screen: Screen, sandbox: Sandbox, client: SmarterProctoring, ispring: ISpringLearn, folder: Path
) -> Stage:
    """Choose who plays: two sessions that wait for a booking, and a Monday in two or three weeks."""
    booked, other, *_ = sandbox.open_sessions
    day = datetime.combine(datetime.now(UTC) + timedelta(days=14), time(), ZONE)
    day += timedelta(days=-day.weekday() % 7)
    return Stage(screen, sandbox, client, ispring, folder, booked, other, day)


def appointment(session: ExamSession) -> datetime:
    """When a session takes place."""
    return parse_timestamp(str(session.appointment_date))


def ledger(stage: Stage) -> None:
    """Show what the sandbox has charged so far."""
    rows = [[charge.session_sid, f"{charge.amount:.2f} {charge.currency}"] for charge in stage.sandbox.ledger]
    stage.screen.table([("the sandbox's ledger", False), ("charged", True)], rows)


# Who was examined is left out: nothing that is written here needs names.
COLUMNS = ("sid", "status", "serviceType", "billable", "appointmentDate", "dateClosed", "course", "exam", "offering")


def _cells(row: ServiceDistributionRow) -> tuple[object, ...]:
    return (
        row.sid,
        row.status,
        row.service_type,
        row.billable,
        row.appointment_date,
        row.date_closed,
        _title(row.course),
        _title(row.exam),
        _title(row.course_offering),
    )


def _title(value: object) -> str:
    """The title of something that may be an object, a text, or missing."""
    return str(value.get("title", "")) if isinstance(value, dict) else str(value or "")


def _moment(text: object) -> datetime | None:
    return parse_ispring_time(text) if isinstance(text, str) else None
